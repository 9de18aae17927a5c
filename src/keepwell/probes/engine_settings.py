"""Settings of an engine: what its start files ask for, by file and line, and what is in force."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, absent, failed
from keepwell.core.secret import MASK, is_secret_name, mask_text
from keepwell.core.values import row_of, texts_of
from keepwell.formats.startfile import (
    Assignment,
    parse_assignments,
    parse_launchd,
    parse_unit_file,
    unit_assignments,
    unit_environment_files,
)
from keepwell.plugins.engine import Effective, KnowsSettings
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

#: Bytes of a start file that are read; a unit has hundreds.
FILE_BYTES = 256 * 1024
#: Files read: a unit with its drop-ins and environment files has a handful.
FILES = 32
#: Endings of systemd's own files; others hold plain assignments.
UNIT_ENDINGS = (".service", ".conf")


class EngineSettings:
    """Gives engine.wished_settings (from files) and engine.settings (in force); secrets masked in both."""

    level = 1
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "none"
    cost_seconds = 0.05
    gives: tuple[str, ...] = ("engine.wished_settings", "engine.settings")
    needs: tuple[str, ...] = ("engine.version", "log.text")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """Both; wished settings are absent where no file gives any."""
        assert place.site is not None
        wished = await _wished(place.transport, place.site.files)
        source = ", ".join(place.site.files) or "no start file is known"
        seen = [place.saw("engine.wished_settings", _shown_wishes(wished, place.site.files), source)]
        if not isinstance(place.engine, KnowsSettings):
            return [*seen, place.saw("engine.settings", absent("this engine's settings cannot be told"), source)]
        values: Mapping[str, str] = {}
        if not isinstance(wished, Missing):
            values = {name: one.value for name, (_, one) in wished.items()}
        found = place.engine.effective(place.site.process, _log(place), _version(place), values)
        return [*seen, place.saw("engine.settings", _shown(found), "environment, arguments and log of the process")]


def _log(place: Place) -> tuple[str, ...]:
    assert place.site is not None
    told = row_of(place.seen.value(place.site.ref, "log.text"))
    return (*texts_of(told.get("start_lines")), *texts_of(told.get("lines")))


def _version(place: Place) -> str:
    """The release, or "" where the engine did not tell it."""
    assert place.site is not None
    version = place.seen.value(place.site.ref, "engine.version")
    if isinstance(version, str):
        return version
    return ""


async def _wished(transport: Transport, files: tuple[str, ...]) -> dict[str, tuple[str, Assignment]] | Missing:
    """Each variable with the file that sets it last. Environment files count after a unit's own lines."""
    found: dict[str, tuple[str, Assignment]] = {}
    waiting = list(files)
    trouble: Missing | None = None
    for path in waiting:
        try:
            content = await transport.read(path, max_bytes=FILE_BYTES)
        except AccessError as error:
            trouble = failed(error)
            continue
        assignments, more = parse_start_file(path, content)
        waiting += [one for one in more if one not in waiting and len(waiting) < FILES]
        found |= {one.name: (path, one) for one in assignments}
    if not found and trouble is not None:
        return trouble
    return found


def parse_start_file(path: str, content: bytes) -> tuple[tuple[Assignment, ...], tuple[str, ...]]:
    """The variables that a start file sets, and further files that it names; rubbish sets none."""
    ending = posixpath.splitext(path)[1]
    if ending == ".plist":
        try:
            return parse_launchd(content), ()
        except ValueError:
            return (), ()
    text = content.decode("utf-8", "replace")
    if ending in UNIT_ENDINGS:
        entries = parse_unit_file(text)
        return unit_assignments(entries), unit_environment_files(entries)
    return parse_assignments(text), ()


def _shown_wishes(wished: dict[str, tuple[str, Assignment]] | Missing, files: tuple[str, ...]) -> Value | Missing:
    if isinstance(wished, Missing):
        return wished
    if not wished:
        return absent(f"no setting in {', '.join(files) or 'any file that keepwell knows of'}")
    return {
        name: {"value": _masked(name, one.value), "file": path, "line": one.line}
        for name, (path, one) in wished.items()
    }


def _shown(found: Iterable[Effective]) -> Value:
    return {
        one.name: {
            "value": _masked(one.name, one.value, secret=one.secret),
            "origin": one.origin,
            "problem": one.problem,
            "kind": one.kind,
            "nearest": one.nearest,
            "suggested": _masked(one.name, one.suggested, secret=one.secret),
            "wished": _masked(one.name, one.wished, secret=one.secret),
        }
        for one in found
    }


def _masked(name: str, value: str, *, secret: bool = False) -> str:
    if value and (secret or is_secret_name(name)):
        return MASK
    return mask_text(value)


PROBE = EngineSettings()
