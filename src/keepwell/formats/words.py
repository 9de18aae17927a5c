"""Lines and words of start files with their places in the text, so that one value can be replaced and nothing else.

For environment files, start scripts and systemd units alike: a backslash at the end of a line continues it,
`#` and `;` begin a comment line, quotes keep blanks together. The text is bytes read as Latin-1, so that a
place in the text is a place in the file and no byte is lost, whatever the file's encoding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: The bytes EF BB BF as Latin-1: some editors put this mark of UTF-8 first in a file.
MARK = "\xef\xbb\xbf"

_BLANKS = " \t"
_CONTINUED = re.compile(r"\\\r?\n")
#: What a backslash may escape inside double quotes (shell and systemd agree on these).
_ESCAPABLE = '"\\$`'


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it is written (`raw`, quotes and all) and where it lies: text[start:end] == raw."""

    start: int
    end: int
    raw: str

    @property
    def text(self) -> str:
        """The word without its quotes and escapes."""
        return unquote(self.raw)


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its continuations: where it lies (without the line end), its words, whether it is broken.

    `words` is () for a blank line, a comment and a line with an open quote (`broken`).
    """

    start: int
    end: int
    words: tuple[Word, ...]
    broken: bool = False


def scan_lines(text: str) -> Iterator[Line]:
    """All lines in order; together with the line ends between them they are the whole text."""
    place = 0
    if text.startswith(MARK):
        place = len(MARK)
    while place < len(text):
        line = _scan_line(text, place)
        yield line
        place = _after_line_end(text, line.end)


def line_end_before(text: str, place: int) -> str:
    """How the line before this place ends ("\\n" or "\\r\\n"); that of the text's first line where there is none."""
    before = text.rfind("\n", 0, place)
    if before < 0:
        before = text.find("\n")
    if before > 0 and text[before - 1] == "\r":
        return "\r\n"
    return "\n"


def unquote(raw: str) -> str:
    """A written word without quotes, escapes and line continuations."""
    found: list[str] = []
    quote = ""
    rest = iter(_CONTINUED.sub("", raw))
    for char in rest:
        if char == "\\" and quote != "'":
            after = next(rest, "")
            if quote and after not in _ESCAPABLE:
                found.append(char)
            found.append(after)
        elif char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote = char
        else:
            found.append(char)
    return "".join(found)


def _scan_line(text: str, start: int) -> Line:
    place = _after_blanks(text, start)
    if place >= len(text) or text[place] in "#;\r\n":
        return Line(start, _line_end(text, place), ())
    words: list[Word] = []
    while place < len(text) and not _at_line_end(text, place):
        if text[place] == "#":
            return Line(start, _line_end(text, place), tuple(words))
        end = _word_end(text, place)
        if end < 0:
            return Line(start, _logical_end(text, place), (), broken=True)
        words.append(Word(place, end, text[place:end]))
        place = _after_blanks(text, end)
    return Line(start, place, tuple(words))


def _word_end(text: str, start: int) -> int:
    """Where the word that begins here ends; -1 if a quote is still open at the end of its line."""
    place, quote = start, ""
    while place < len(text):
        char = text[place]
        if char == "\\" and quote != "'":
            place = _after_escape(text, place)
            continue
        if _at_line_end(text, place) or (not quote and char in _BLANKS):
            break
        if char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote = char
        place += 1
    if quote:
        return -1
    return place


def _after_escape(text: str, place: int) -> int:
    """Past a backslash and what it escapes, a line end counting as one."""
    found = _CONTINUED.match(text, place)
    if found:
        return found.end()
    return min(place + 2, len(text))


def _after_blanks(text: str, place: int) -> int:
    """Past blanks, continued line ends and comment lines inside a continued line."""
    while place < len(text):
        found = _CONTINUED.match(text, place)
        if found:
            place = _after_comments(text, found.end())
        elif text[place] in _BLANKS:
            place += 1
        else:
            break
    return place


def _after_comments(text: str, place: int) -> int:
    after = place
    while after < len(text) and text[after] in _BLANKS:
        after += 1
    if after < len(text) and text[after] in "#;":
        return _after_comments(text, _after_line_end(text, _line_end(text, after)))
    return place


def _logical_end(text: str, place: int) -> int:
    """The end of a broken line: that of the last line that its continuations reach."""
    end = _line_end(text, place)
    while end < len(text) and end > 0 and text[end - 1] == "\\":
        end = _line_end(text, _after_line_end(text, end))
    return end


def _at_line_end(text: str, place: int) -> bool:
    return text[place] == "\n" or text.startswith("\r\n", place)


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    if end < 0:
        return len(text)
    if end > place and text[end - 1] == "\r":
        return end - 1
    return end


def _after_line_end(text: str, place: int) -> int:
    if text.startswith("\r\n", place):
        return place + 2
    return min(place + 1, len(text))
