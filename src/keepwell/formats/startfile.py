"""Files that give an engine its settings: systemd units, environment files, start scripts, launchd lists.

Each function keeps the line that a setting stands in, so that a finding can point at it.
"""

from __future__ import annotations

import plistlib
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.parsers.expat import ExpatError

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_SECTION = re.compile(r"^\[([^\]]+)\]\s*$")
#: Words of a start script that may stand before an assignment or between it and the program.
_LEADING_WORDS = frozenset({"export", "env", "exec", "nohup", "setsid", "command"})


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitEntry:
    """One `Key=value` of a unit file; `line` counts from 1 and is the first line of a continued value."""

    section: str
    key: str
    value: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A variable that a file sets, and in which line (from 1; 0 where the format has no lines)."""

    name: str
    value: str
    line: int


def parse_unit_file(text: str) -> tuple[UnitEntry, ...]:
    """The entries of a systemd unit or drop-in, continued lines joined, comments and rubbish left out."""
    found: list[UnitEntry] = []
    section = ""
    for number, line in _joined_lines(text):
        header = _SECTION.match(line)
        if header:
            section = header[1]
            continue
        key, equals, value = line.partition("=")
        if equals:
            found.append(UnitEntry(section=section, key=key.strip(), value=value.strip(), line=number))
    return tuple(found)


def unit_assignments(entries: Iterable[UnitEntry]) -> tuple[Assignment, ...]:
    """The variables of all `Environment=` entries of [Service], in order; an empty one forgets those before it."""
    found: list[Assignment] = []
    for entry in entries:
        if entry.section != "Service" or entry.key != "Environment":
            continue
        if not entry.value:
            found.clear()
        pairs = (item.partition("=") for item in split_words(entry.value) if _ASSIGNMENT.match(item))
        found += [Assignment(name=name, value=value, line=entry.line) for name, _, value in pairs]
    return tuple(found)


def unit_environment_files(entries: Iterable[UnitEntry]) -> tuple[str, ...]:
    """The paths of all `EnvironmentFile=` entries; the "-" that forgives a missing file is taken off."""
    values = [entry.value for entry in entries if entry.section == "Service" and entry.key == "EnvironmentFile"]
    return tuple(value.removeprefix("-") for value in values if value)


def parse_assignments(text: str) -> tuple[Assignment, ...]:
    """Variables set by an environment file or a start script.

    Understands `K=V`, `export K=V`, `env K=V program` and `K=V program`, with shell quoting; a line that
    cannot be read (an open quote) is left out. Expansions such as `$HOME` stay as they are written.
    """
    found: list[Assignment] = []
    for number, line in _joined_lines(text):
        for item in split_words(line):
            if _ASSIGNMENT.match(item):
                name, _, value = item.partition("=")
                found.append(Assignment(name=name, value=value, line=number))
            elif item not in _LEADING_WORDS and not item.startswith("-"):
                break
    return tuple(found)


def parse_launchd(content: bytes) -> tuple[Assignment, ...]:
    """The EnvironmentVariables of a launchd property list; ValueError if it is not one."""
    return launchd_assignments(launchd_dictionary(content))


def launchd_assignments(about: Mapping[str, object]) -> tuple[Assignment, ...]:
    """The EnvironmentVariables of a job."""
    variables = about.get("EnvironmentVariables", {})
    if not isinstance(variables, Mapping):
        return ()
    return tuple(Assignment(name=str(name), value=str(value), line=0) for name, value in variables.items())


def launchd_dictionary(content: bytes) -> Mapping[str, object]:
    """A launchd property list as a mapping; ValueError if it is not one."""
    try:
        found = plistlib.loads(content)
    except (plistlib.InvalidFileException, ExpatError, ValueError, OverflowError, IndexError, KeyError) as error:
        raise ValueError(f"not a property list: {error}") from error
    if not isinstance(found, Mapping):
        raise ValueError("not a property list of a job")
    return found


def split_words(text: str) -> tuple[str, ...]:
    """Words of a line by shell quoting; () for a comment or a line with an open quote."""
    try:
        return tuple(shlex.split(text, comments=True))
    except ValueError:
        return ()


def _joined_lines(text: str) -> Iterable[tuple[int, str]]:
    held, first = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not held and line[:1] in ("#", ";", ""):
            continue
        first = first or number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        yield first, held + line
        held, first = "", 0
    if held:
        yield first, held.rstrip()
