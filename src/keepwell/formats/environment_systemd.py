"""How systemd reads an EnvironmentFile= (systemd.exec(5)), with the place of each value.

A line is a name, an equals sign and a value; the value goes on to the end of the line, `#` and blanks in it included.
Quotes count only at its beginning or right after another quote, and may hold line ends. `#` and `;` begin a comment
where a line begins. `export` is not known. A carriage return ends a line like a line feed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from keepwell.formats.environment_spots import NAME, Scan, Spot, UnreadableFile, line_of, line_start

_BLANKS = " \t\r\n"
_LINE_END = re.compile(r"[\r\n]")
#: What a backslash escapes inside double quotes; before anything else it stays.
_ESCAPABLE = '"\\`$'


def scan_systemd(text: str, *, comments_go_on: bool) -> Scan:
    """Every variable that the file sets. UnreadableFile where systemd refuses it: bytes that are no UTF-8, or a NUL.

    `comments_go_on`: a backslash at the end of a comment makes the next line part of it, as before release 254.
    """
    if "\0" in text:
        raise UnreadableFile(f"line {line_of(text, text.index(chr(0)))} holds a NUL: systemd refuses the file")
    place, spots, starts, ignored = 0, list[Spot](), list[int](), list[int]()
    while place < len(text):
        starts.append(place)
        first = _past_blanks(text, place)
        if first >= len(text):
            break
        if text[first] in "#;":
            place = _past_comment(text, first, comments_go_on)
            continue
        end = _line_end(text, first)
        equals = text.find("=", first + 1, end)
        if equals < 0:
            ignored.append(line_of(text, first))
            place = min(end + 1, len(text))
            continue
        spot = _read_spot(text, first, equals)
        if NAME.match(spot.name):
            spots.append(spot)
        else:
            ignored.append(line_of(text, first))
        place = spot.cut_end
    return Scan(spots=tuple(spots), starts=(*starts, len(text)), ignored=tuple(ignored))


def _read_spot(text: str, first: int, equals: int) -> Spot:
    name = text[first:equals].rstrip(_BLANKS)
    start = equals + 1
    while start < len(text) and text[start] in " \t":
        start += 1
    told = _read_value(text, start)
    _require_utf8(text, first, name + told.value)
    end = told.end
    while end > start and text[end - 1] in " \t" and told.bare:
        end -= 1
    after = told.end
    if text.startswith("\r\n", after):
        after += 1
    return Spot(
        name=name,
        name_start=first,
        start=start,
        end=end,
        raw=text[start:end],
        value=told.value,
        cut_start=max(line_start(text, first), text.rfind("\r", 0, first) + 1),
        cut_end=min(after + 1, len(text)),
        loose=not told.closed,
    )


@dataclass(slots=True)
class _Told:
    """A value as it is being read: where it ends, whether its last quote closed, whether nothing in it is escaped."""

    value: str
    end: int
    closed: bool
    bare: bool


def _read_value(text: str, start: int) -> _Told:
    place, found, bare = start, "", True
    while place < len(text) and text[place] not in "\r\n":
        char = text[place]
        if char in " \t":
            place += 1
        elif char == "'":
            close = text.find("'", place + 1)
            if close < 0:
                return _Told(found + text[place + 1 :], len(text), False, False)
            found += text[place + 1 : close]
            place = close + 1
        elif char == '"':
            inner, place = _read_double(text, place + 1)
            found += inner
            if place < 0:
                return _Told(found, len(text), False, False)
        else:
            rest, place, bare, closed = _read_plain(text, place)
            return _Told(found + rest, place, closed, bare)
    return _Told(found, place, True, bare)


def _read_double(text: str, place: int) -> tuple[str, int]:
    """What stands in double quotes, and the place after them; -1 where they do not close."""
    found = ""
    while place < len(text):
        char = text[place]
        if char == '"':
            return found, place + 1
        if char == "\\":
            place += 1
            after = text[place : place + 1]
            if after in _ESCAPABLE:
                found += after
            elif after != "\n":
                found += f"\\{after}"
        else:
            found += char
        place += 1
    return found, -1


def _read_plain(text: str, place: int) -> tuple[str, int, bool, bool]:
    """The rest of a line: its value, the place of its end, whether nothing is escaped, whether it is complete."""
    found, kept, bare = "", 0, True
    while place < len(text) and text[place] not in "\r\n":
        char = text[place]
        place += 1
        if char == "\\":
            bare = False
            if place >= len(text):
                return found, place, False, False
            found += text[place].strip("\r\n")
            place += 1
            kept = len(found)
        else:
            found += char
            if char not in " \t":
                kept = len(found)
    return found[:kept], place, bare, True


def _require_utf8(text: str, place: int, said: str) -> None:
    try:
        said.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        line = line_of(text, place)
        raise UnreadableFile(f"line {line} holds bytes that are no UTF-8: systemd refuses the file") from None


def _past_blanks(text: str, place: int) -> int:
    while place < len(text) and text[place] in _BLANKS:
        place += 1
    return place


def _past_comment(text: str, place: int, goes_on: bool) -> int:
    while True:
        end = _line_end(text, place)
        if end >= len(text):
            return len(text)
        if not (goes_on and text[end - 1] == "\\" and _escapes(text, place, end)):
            return end + 1
        place = end + 1


def _escapes(text: str, start: int, end: int) -> bool:
    """Whether the last of the backslashes before this place is not itself escaped."""
    count = 0
    while end - 1 - count >= start and text[end - 1 - count] == "\\":
        count += 1
    return count % 2 == 1


def _line_end(text: str, place: int) -> int:
    found = _LINE_END.search(text, place)
    if found is None:
        return len(text)
    return found.start()
