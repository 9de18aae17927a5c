"""Words and operators of a POSIX shell's text with their places: quotes, escapes, `$(...)`, `${...}`, back-quotes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from keepwell.formats.environment_spots import UnreadableFile, line_of

_OPERATOR = re.compile(r"\n|&&|\|\||;;|<<-?|>>|<&|>&|<>|>\||[;&|()<>]")
#: What ends a word outside quotes.
_WORD_ENDS = frozenset(" \t\n;&|()<>")
#: What a backslash escapes inside double quotes; before anything else it stays.
_ESCAPABLE = '"\\`$\n'
#: Brackets inside one another; deeper ones are no file of settings.
NESTED = 16


@dataclass(frozen=True, slots=True)
class ShellWord:
    """One word as it is written, where it lies, and its characters after the shell took its quotes: each with
    whether it was quoted; None where the shell puts something else there (`$HOME`, `$(date)`, `*`).
    """

    start: int
    end: int
    raw: str
    characters: tuple[str | None, ...]

    def value_after(self, head: int) -> str | None:
        """What a shell assigns where the first so many characters are the name and `=`; None if only it can tell."""
        kept = self.characters[head:]
        if any(one is None for one in kept) or self.raw[head : head + 1] == "~" or ":~" in self.raw:
            return None
        return "".join(one for one in kept if one is not None)


def past_blanks(text: str, place: int) -> int:
    """Past blanks and continued line ends."""
    while place < len(text):
        if text[place] in " \t":
            place += 1
        elif text.startswith("\\\n", place):
            place += 2
        else:
            break
    return place


def read_operator(text: str, place: int) -> str:
    """The operator or line end that stands here; "" for none."""
    found = _OPERATOR.match(text, place)
    if found is None:
        return ""
    return found[0]


def read_word(text: str, start: int) -> ShellWord:
    """The word that begins here. UnreadableFile where a quote or bracket does not close."""
    place = start
    found: list[str | None] = []
    while place < len(text) and text[place] not in _WORD_ENDS:
        char = text[place]
        if char == "'":
            close = _find(text, "'", place)
            found += text[place + 1 : close]
            place = close + 1
        elif char == '"':
            place = _read_double(text, place, found)
        elif char == "\\":
            found += text[place + 1 : place + 2].replace("\n", "")
            place = min(place + 2, len(text))
        elif char in "$`":
            place = _past_expansion(text, place, found)
        else:
            found.append(char)
            place += 1
    return ShellWord(start, place, text[start:place], tuple(found))


def _read_double(text: str, start: int, found: list[str | None]) -> int:
    place = start + 1
    while place < len(text) and text[place] != '"':
        char = text[place]
        if char == "\\":
            after = text[place + 1 : place + 2]
            if after not in _ESCAPABLE:
                found.append(char)
            found += after.replace("\n", "")
            place += 2
        elif char in "$`":
            place = _past_expansion(text, place, found)
        else:
            found.append(char)
            place += 1
    if place >= len(text):
        raise _open(text, start, "quote")
    return place + 1


def _past_expansion(text: str, place: int, found: list[str | None], depth: int = 0) -> int:
    """Past what the shell replaces, or past a `$` that stands for itself."""
    if text[place] == "`":
        found.append(None)
        close = place + 1
        while close < len(text) and text[close] != "`":
            close += 1 + (text[close] == "\\")
        if close >= len(text):
            raise _open(text, place, "back-quote")
        return close + 1
    after = text[place + 1 : place + 2]
    if after in ("(", "{") and after:
        found.append(None)
        return _past_bracket(text, place + 1, depth)
    if text.startswith("\\\n", place + 1):
        found.append(None)
        return place + 1
    if after and re.match(r"[A-Za-z0-9_@*#?$!-]", after):
        found.append(None)
        name = re.match(r"[A-Za-z_][A-Za-z0-9_]*|.", text[place + 1 :], re.DOTALL)
        assert name is not None
        return place + 1 + name.end()
    found.append("$")
    return place + 1


def _past_bracket(text: str, place: int, depth: int) -> int:
    """Past a bracket and all in it, quotes and further brackets included."""
    if depth > NESTED:
        raise UnreadableFile(f"line {line_of(text, place)} holds brackets inside brackets")
    start, close = place, {"(": ")", "{": "}"}[text[place]]
    place += 1
    while place < len(text) and text[place] != close:
        char = text[place]
        if char == "'":
            place = _find(text, "'", place) + 1
        elif char == '"':
            place = _read_double(text, place, [])
        elif char in "$`":
            place = _past_expansion(text, place, [], depth + 1)
        elif char == "(" and close == ")":
            place = _past_bracket(text, place, depth + 1)
        else:
            place += 1 + (char == "\\")
    if place >= len(text):
        raise _open(text, start, "bracket")
    return place + 1


def _find(text: str, quote: str, start: int) -> int:
    close = text.find(quote, start + 1)
    if close < 0:
        raise _open(text, start, "quote")
    return close


def _open(text: str, place: int, what: str) -> UnreadableFile:
    return UnreadableFile(f"line {line_of(text, place)} opens a {what} that never closes: a shell gives up there")
