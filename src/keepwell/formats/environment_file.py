"""Set, take away and rename variables of an environment file for the reader it has; every other byte stays.

The readers are systemd (`EnvironmentFile=`) and a shell that sources the file; they differ in quotes, comments,
`export`, line ends and what the rest of a line is. After each edit the file is read again the way its reader does:
the name has the wished value, and every other name what it had; an edit that cannot keep this is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeAlias

from keepwell.formats.assignment import check_pair
from keepwell.formats.environment_shell import scan_shell
from keepwell.formats.environment_spots import Scan, Spot, UnreadableFile, line_of
from keepwell.formats.environment_systemd import scan_systemd
from keepwell.formats.words import MARK, line_end_before

Reader: TypeAlias = Literal["systemd", "shell"]

#: Characters that mean themselves without quotes for both readers, wherever they stand in a value.
_PLAIN = re.compile(r"[A-Za-z0-9_@%+:,./=-]*\Z")
#: Places for a new line that are tried, the end first: only an open quote or a last backslash makes one fail.
PLACES = 8
#: A line like this inside a value means that a quote was forgotten.
_SWALLOWED = re.compile(r"\n[ \t]*(?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_]*=")
#: What tells that a shell reads a file.
_SHELL_SIGNS = re.compile(rb"\A#!|^[ \t]*(?:export|\.|source|set)[ \t]", re.MULTILINE)


class CannotEdit(ValueError):
    """Why a file cannot be made to say what is wished without touching what is not: a sentence for a person."""


def guess_reader(content: bytes) -> Reader:
    """Who reads a file that nobody names a reader of: a shell if it has commands of one, else systemd."""
    if _SHELL_SIGNS.search(content):
        return "shell"
    return "systemd"


def parse_environment(content: bytes, reader: Reader) -> dict[str, str | None]:
    """What the file gives each variable; None where only its reader can tell. UnreadableFile where it gives up."""
    return _values(_scan(_text(content), reader)[-1])


def find_shadowed(content: bytes, reader: Reader) -> Mapping[str, tuple[int, ...]]:
    """The lines of those assignments that a later one of the same name makes void."""
    text = _text(content)
    lines: dict[str, list[int]] = {}
    for spot in _scan(text, reader)[-1].spots:
        lines.setdefault(spot.name, []).append(line_of(text, spot.name_start))
    return {name: tuple(found[:-1]) for name, found in lines.items() if len(found) > 1}


def find_ignored(content: bytes, reader: Reader) -> tuple[int, ...]:
    """The lines (from 1) that its reader passes over: no assignment, or not of a name that a variable can have."""
    return _scan(_text(content), reader)[-1].ignored


def set_variable(content: bytes, reader: Reader, name: str, value: str) -> bytes:
    """The file with this variable set; the same bytes where it is. Of several assignments the one that counts changes.

    Raises CannotEdit, UnreadableFile, and ValueError for what no file can hold.
    """
    check_pair(name, value)
    text, wished = _text(content), value.encode().decode("latin-1")
    scans = _scan(text, reader)
    if all(_values(scan).get(name) == wished for scan in scans):
        return content
    wanted = {name: wished}
    for edited in (*_replaced(text, scans, name, wished), *_inserted(text, reader, scans[-1], name, wished)):
        if _holds(text, edited, reader, wanted, touched={name}):
            return edited.encode("latin-1")
    raise CannotEdit(f"{name} cannot be set without changing what another variable is")


def remove_variable(content: bytes, reader: Reader, name: str) -> bytes:
    """The file without any assignment of this name; the same bytes where there is none. Raises as `set_variable`."""
    text = _text(content)
    spots = _find_spots(text, reader, name)
    if not spots:
        return content
    for spot in reversed(spots):
        text = text[: spot.cut_start] + text[spot.cut_end :]
    if not _holds(_text(content), text, reader, {}, touched={name}, gone=name):
        raise CannotEdit(f"{name} cannot be taken away without changing what another variable is")
    return text.encode("latin-1")


def rename_variable(content: bytes, reader: Reader, old: str, new: str) -> bytes:
    """The file with every assignment of one name given another name that has none yet; values and all else stay."""
    check_pair(new, "")
    text = _text(content)
    spots = _find_spots(text, reader, old)
    if not spots:
        return content
    if _find_spots(text, reader, new):
        raise CannotEdit(f"both {old} and {new} are set: take one away")
    edited = text
    for spot in reversed(spots):
        edited = edited[: spot.name_start] + new + edited[spot.name_start + len(old) :]
    value = _value(spots[-1])
    if not _holds(text, edited, reader, {new: value}, touched={old, new}, gone=old):
        raise CannotEdit(f"{old} cannot be renamed without changing what another variable is")
    return edited.encode("latin-1")


def _find_spots(text: str, reader: Reader, name: str) -> list[Spot]:
    """Where the name is set; CannotEdit where not all of it may be changed, or releases of the reader do not agree."""
    first, *others = [[spot for spot in scan.spots if spot.name == name] for scan in _scan(text, reader)]
    if any(one != first for one in others):
        raise CannotEdit(f"releases of systemd do not agree on where {name} is set: change it by hand")
    for spot in first:
        _require_whole(text, spot)
    return first


def _text(content: bytes) -> str:
    return content.decode("latin-1")


def _scan(text: str, reader: Reader) -> tuple[Scan, ...]:
    """As each release of the reader reads it that is in use; the newest last."""
    if reader == "shell":
        return (scan_shell(text),)
    return scan_systemd(text, comments_go_on=True), scan_systemd(text, comments_go_on=False)


def _values(scan: Scan) -> dict[str, str | None]:
    """By the last spot of each name."""
    found: dict[str, str | None] = {}
    for spot in scan.spots:
        found.pop(spot.name, None)
        found[spot.name] = _value(spot)
    return found


def _value(spot: Spot) -> str | None:
    if spot.loose:
        return None
    return spot.value


def _holds(
    text: str,
    edited: str,
    reader: Reader,
    wanted: Mapping[str, str | None],
    *,
    touched: set[str],
    gone: str = "",
) -> bool:
    """Whether the edit says what is wanted, and of every other name what was said before."""
    try:
        pairs = list(zip(_scan(text, reader), _scan(edited, reader), strict=True))
    except UnreadableFile:
        return False
    for before, after in pairs:
        values = _values(after)
        if gone in values or any(name not in values or values[name] != value for name, value in wanted.items()):
            return False
        if _others(before, touched) != _others(after, touched):
            return False
    return True


def _others(scan: Scan, touched: set[str]) -> list[tuple[str, str, str | None]]:
    return [(one.name, one.raw, one.value) for one in scan.spots if one.name not in touched]


def _replaced(text: str, scans: tuple[Scan, ...], name: str, wished: str) -> Iterator[str]:
    """With another value in the place that counts, where it may be changed."""
    spots = [spot for spot in scans[-1].spots if spot.name == name]
    if not spots:
        return
    spot = spots[-1]
    if not spot.loose or spot.value is not None:
        _require_whole(text, spot)
    if not spot.loose:
        for write in _WAYS:
            yield text[: spot.start] + write(spot.raw, wished) + text[spot.end :]


def _require_whole(text: str, spot: Spot) -> None:
    """Refuse to touch a value that goes over what looks like another assignment, and what is not changed at all."""
    line = line_of(text, spot.name_start)
    if _SWALLOWED.search(spot.raw):
        raise CannotEdit(f"the value of {spot.name} in line {line} goes over further assignments: a quote is missing")
    if spot.loose:
        raise CannotEdit(f"{spot.name} in line {line} is under a condition, or not complete: change it by hand")


def _inserted(text: str, reader: Reader, scan: Scan, name: str, wished: str) -> Iterator[str]:
    """With a line of its own: at the end, else before the last statements, else at the beginning."""
    end = "\n"
    if reader == "systemd":
        end = line_end_before(text, len(text))
    line = "export " * scan.exports + f"{name}={_plain('', wished)}"
    places = dict.fromkeys((*reversed(scan.starts[-PLACES:]), *scan.starts[:2]))
    for place in places:
        if place < len(text) and not (place == 0 and text.startswith(MARK)):
            yield text[:place] + line + end + text[place:]
        elif place and text[place - 1] == "\n":
            yield text + line + end
        elif place == len(text) and text:
            yield text + end + line
    if not text:
        yield line + end


def _plain(old: str, value: str) -> str:
    """In the quotes of the old value, or in quotes of its own where it needs them."""
    if len(old) > 1 and old[0] == old[-1] == "'" and "'" not in value:
        return f"'{value}'"
    if _PLAIN.match(value) and not (len(old) > 1 and old[0] == old[-1] == '"'):
        return value
    return _quoted(old, value)


def _quoted(old: str, value: str) -> str:
    """In double quotes, which both readers take the same way."""
    return '"' + re.sub(r'([\\"$`])', r"\\\1", value) + '"'


_WAYS: tuple[Callable[[str, str], str], ...] = (_plain, _quoted)
