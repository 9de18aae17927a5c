"""Settings and where they were given: shell, unit, environment file, `env`, `systemctl show`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from keepwell.core.observation import Value
from keepwell.core.secret import mask_environment
from keepwell.formats.startfile import split_words
from keepwell.formats.systemd import parse_environment
from keepwell.formats.transcript import Line, Section, Transcript
from keepwell.plugins.pasted import Told

_EXPORT = re.compile(
    r"^\W{0,4}(?:\$ )?(?:export|setx|set|launchctl setenv)\s+([A-Z][A-Z0-9_]{2,60})(?:=|\s+)(\S.{0,400}?)\W{0,2}$"
)
_UNIT = re.compile(r"^\W{0,4}Environment ?= ?(.{3,2000})$")
_BEFORE = re.compile(r"^(?:\$ )?((?:[A-Z][A-Z0-9_]{2,60}=\S{0,200}\s+){1,8})[\w./-]{2,80}(?:\s|$)")
_PLAIN = re.compile(r"^\W{0,4}([A-Z][A-Z0-9]{1,20}_[A-Z0-9_]{2,60})=(\S.{0,400})?$")
_USER = re.compile(r"^User ?= ?([\w.-]{1,32})\s*$")


class Settings:
    """Gives text.settings and text.users."""

    hints = ("=", "setx", "setenv")
    gives = ("text.settings", "text.users")

    def read(self, text: Transcript) -> Iterable[Told]:
        """Every assignment, by the kind of place that it stands in."""
        listed = {line.number for section in text.sections if _is_listing(section) for line in section.lines}
        rows = [row for line in text.everything for row in _rows(line, line.number in listed)]
        if rows:
            lines = tuple(number for row in rows if isinstance(number := row["line"], int))
            yield Told(name="text.settings", value=tuple(rows), lines=lines)
        users = [(line.number, found[1]) for line in text.lines if (found := _USER.match(line.text))]
        if users:
            value = tuple({"user": user, "where": "unit", "line": number} for number, user in users)
            yield Told(name="text.users", value=value, lines=tuple(number for number, _ in users))


def _is_listing(section: Section) -> bool:
    """True for a whole environment of some process: what stands in it was not set for the server on purpose."""
    names = {line.text.partition("=")[0] for line in section.lines}
    return section.program in ("env", "printenv", "export") or not names.isdisjoint(("PATH", "HOME", "SHELL", "PWD"))


def _rows(line: Line, listed: bool) -> Iterator[dict[str, Value]]:
    for where, pairs in _pairs(line.text):
        if listed and where == "file":
            where = "environment"
        for name, value in mask_environment(pairs).items():
            yield {"name": name, "value": value, "where": where, "line": line.number}


def _pairs(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    found = _UNIT.match(text)
    if found is not None:
        yield "unit", parse_environment(found[1].rstrip("`*"))
        return
    found = _EXPORT.match(text)
    if found is not None:
        yield "shell", {found[1]: found[2].strip("\"'`")}
        return
    found = _BEFORE.match(text)
    if found is not None:
        yield "shell", dict(one.partition("=")[::2] for one in split_words(found[1]))
        return
    found = _PLAIN.match(text)
    if found is not None:
        yield "file", {found[1]: (found[2] or "").strip("\"'`")}


PASTED = Settings()
