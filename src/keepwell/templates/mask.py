"""What varies in a log line by its looks alone: numbers, addresses, hexadecimal, paths, dates. Pure.

A line becomes a mask, in which `*` stands for what varies. All digits are made 0 first, and runs of them one, so
that most lines of a log are the same few hundred texts and are looked up instead of read; words are looked up in
the same way, so that a pattern is tried on each new word only. That makes the pure Python of this file as fast as a
compiled matcher (figures in docs/decisions/0018-shapes-of-lines-and-series.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

#: What stands for the parts that vary.
STAR = "*"
#: Lines are cut here: the shape of a line shows in its first part, and a whole document in one line has no shape.
LINE_CHARACTERS = 1000
#: A longer word is data from here on: nobody writes it by hand, and patterns cost the square of its length.
WORD_CHARACTERS = 200
#: Words whose masks are kept; a log has a few thousand, and what is dropped is only made again.
KEPT_WORDS = 50_000
#: Letters of a hexadecimal number without a digit; shorter ones are words ("face", "decade").
HEX_LETTERS = 8

_ZEROS = str.maketrans("123456789", "0" * 9)
_PART = r"[^\s=:,()\[\]\"'<>{}|;]"
#: Within one word, longest first: colon-joined hexadecimal (MAC and IPv6 addresses), eight or more hexadecimal
#: letters, host:port, a path of two parts or more, and any part of a word that holds a digit, with a sign before it.
_VARIES = re.compile(
    r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){3,}[0-9a-fA-F:.]*"
    rf"|(?<!\w)[0-9a-fA-F]{{{HEX_LETTERS},}}(?![\w-])"
    r"|[\w-]+(?:\.[\w-]+)+:0+"
    r"|(?<!\w)/[^\s:,()\[\]\"'<>{}|;]*/[^\s:,()\[\]\"'<>{}|;]*"
    rf"|(?:(?<!\S)[<~])?[^\s=:,()\[\]\"'<>{{}}|;0]*0{_PART}*"
)
#: Names of days, and of months before a number.
_DATE = re.compile(
    r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?(?=\s)|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?=\s+\*)"
)
#: A unit after a number: it changes with the number's size.
_UNIT = re.compile(r"\* ?(?:[kKMGT]i?B|B|bytes?|sec|ms|us|s)\b")
#: Several in a row say no more than one: their number often varies too.
_ROW = re.compile(r"\*(?:[\s,:.*-]*\*)+")
#: The same number once more in round figures, and parentheses with and without something in them.
_AGAIN = re.compile(r"\* \(\*\)")
_EMPTY = re.compile(r"\(\s*\)")


def flatten(lines: Sequence[str]) -> list[str]:
    """The whole words of the first LINE_CHARACTERS of each line, with every number made 0.

    What differs in numbers only becomes the same. A line break within a line becomes a
    space. Costs 2 microseconds a line where there are many, 7 alone.
    """
    if max(map(len, lines), default=0) > LINE_CHARACTERS:
        lines = [_cut(line) for line in lines]
    flat = _flatten("\n".join(lines)).split("\n")
    if len(flat) == len(lines):
        return flat
    return [_flatten(line.replace("\n", " ")) for line in lines]


def _cut(line: str) -> str:
    """The line, or the words that are whole in its first part; one endless word is cut as it is."""
    if len(line) <= LINE_CHARACTERS:
        return line
    whole, _, _ = line[: LINE_CHARACTERS + 1].rpartition(" ")
    return whole or line[:LINE_CHARACTERS]


def _flatten(text: str) -> str:
    text = text.translate(_ZEROS)
    return text.replace("0000", "0").replace("00", "0").replace("00", "0").replace("00", "0")


class Masker:
    """Turns flattened lines into masks, and remembers words it has seen; what it remembers changes no answer."""

    __slots__ = ("_words",)

    def __init__(self) -> None:
        self._words = _Words()

    def join(self, line: str) -> str:
        """The words of a flattened line, each masked by itself, one space apart."""
        words = self._words
        return " ".join([words[word] for word in line.split()])


def finish(joined: str) -> str:
    """The mask of a line whose words are masked: dates, units, rows of stars and repeated numbers are folded too."""
    mask = _UNIT.sub(STAR, _DATE.sub(STAR, joined))
    return _AGAIN.sub(STAR, _EMPTY.sub("(*)", _ROW.sub(STAR, mask)))


class _Words(dict[str, str]):
    """The mask of every word that was asked for, made when it is first asked for; emptied when there are too many."""

    def __missing__(self, word: str) -> str:
        if len(self) >= KEPT_WORDS:
            self.clear()
        made = word[:WORD_CHARACTERS]
        if "0" in word or "/" in word or len(word) >= HEX_LETTERS:
            made = _VARIES.sub(STAR, made)
        made += STAR * (len(word) > WORD_CHARACTERS)
        self[word] = made
        return made
