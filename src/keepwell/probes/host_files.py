"""Files that hold the settings of engines and containers, by digest: so that a change between two looks is seen."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Observation, Value
from keepwell.core.secret import MASK, is_secret_name, mask_text
from keepwell.core.text import cut_text, escape_controls
from keepwell.core.values import row_of, rows_of, text_of, texts_of
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

#: Files looked at; a node with some dozen engines and compose projects has about a hundred.
FILES = 200
#: Bytes of one file; settings are kilobytes.
FILE_BYTES = 256 * 1024
#: Lines of one file that are remembered to show what changed, and characters of each.
LINES, LINE_CHARACTERS = 200, 200
#: Characters of one line in which secrets are looked for; the rest is not kept.
MASKED_CHARACTERS = 2000
#: Hexadecimal digits of a digest that are kept: enough to tell two contents apart, too few to try secrets on.
DIGEST_DIGITS = 16
#: Names that a compose project's file usually has.
COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml", ".env")
#: Files of container runtimes that decide whether a container gets a GPU.
RUNTIME_FILES = ("/etc/docker/daemon.json", "/etc/containers/containers.conf")
#: A name and what parts it from its value.
_ASSIGNED = re.compile(r"([A-Za-z_-][A-Za-z0-9_.-]{0,99})[\"']?(?:\s{0,3}[=:]\s{0,3}|\s{1,3})(?=\S)")


class HostFiles:
    """Gives host.files."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.2
    gives: tuple[str, ...] = ("host.files",)
    needs: tuple[str, ...] = ("host.units", "host.containers", "engine.supervisor")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; a file that should be there and cannot be read stands in it with its problem."""
        rows: list[Mapping[str, Value]] = []
        for path, (kind, unit) in list(_find_paths(place).items())[:FILES]:
            row = await _look(path, place.transport)
            if row:
                rows.append({"path": escape_controls(path), "kind": kind, "unit": unit, **row})
        return [place.saw("host.files", tuple(rows), "unit, environment and compose files")]


def mask_lines(text: str) -> tuple[str, ...]:
    """The lines without comments and blanks, secrets masked by the name before `=` or `:` and by their shape."""
    shown = []
    for line in text.splitlines():
        bare = line.strip()
        if bare and not bare.startswith(("#", ";")):
            shown.append(cut_text(escape_controls(_mask(bare[:MASKED_CHARACTERS])), LINE_CHARACTERS))
    return tuple(shown[:LINES])


def _mask(line: str) -> str:
    """`KEY=value`, `Environment="KEY=value"`, `KEY: value`, `--key value`: from the first secret on nothing is
    shown, since a value may hold blanks.
    """
    for found in _ASSIGNED.finditer(line):
        if is_secret_name(found[1].lstrip("-")):
            return f"{mask_text(line[: found.end()])}{MASK}"
    return mask_text(line)


def _find_paths(place: Place) -> dict[str, tuple[str, str]]:
    """Path to kind and unit, in the order in which they are named."""
    found: dict[str, tuple[str, str]] = {}
    for row in rows_of(place.seen.value(place.node, "host.units")):
        unit = text_of(row, "unit")
        found.setdefault(text_of(row, "fragment"), ("unit", unit))
        for path in texts_of(row.get("drop_ins")):
            found.setdefault(path, ("drop-in", unit))
        for path in texts_of(row.get("environment_files")):
            found.setdefault(path.lstrip("-"), ("environment", unit))
    for one in place.seen.named("engine.supervisor"):
        for path in texts_of(row_of(one.value).get("files")):
            found.setdefault(path, ("start", one.subject.name))
    for row in rows_of(place.seen.value(place.node, "host.containers")):
        folder = text_of(row, "compose").rstrip("/")
        for name in COMPOSE_NAMES:
            found.setdefault(f"{folder}/{name}" * bool(folder), ("compose", text_of(row, "name")))
    for path in RUNTIME_FILES:
        found.setdefault(path, ("runtime", ""))
    return {path: told for path, told in found.items() if path.startswith("/")}


async def _look(path: str, transport: Transport) -> dict[str, Value]:
    """Digest, size, date and masked lines; the problem; nothing for what is not there."""
    try:
        stat = await transport.stat(path)
        if stat.kind != "file":
            return {}
        content = await transport.read(path, max_bytes=FILE_BYTES)
    except NotThere:
        return {}
    except AccessError as error:
        return {"problem": escape_controls(str(error))}
    return {
        "digest": hashlib.sha256(content).hexdigest()[:DIGEST_DIGITS],
        "size_bytes": stat.size_bytes,
        "modified_at": stat.modified_at,
        "lines": mask_lines(content.decode("utf-8", "replace")),
    }


PROBE = HostFiles()
