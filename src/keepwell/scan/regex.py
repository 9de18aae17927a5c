"""Reads the subset of regular expressions that signatures are written in: a small tree, and back to text.

Outside the subset, because not every matcher reads it (or not alike): look-around, back-references, inline
flags, named, atomic and possessive groups, `\\A` `\\Z` `\\p`, octal escapes, POSIX classes, an unescaped `[`
in a class, characters beyond ASCII in a class. A character beyond ASCII is a group of its bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

#: Repeats without an upper bound.
ENDLESS = -1

AtomKind: TypeAlias = Literal["char", "class", "assertion"]


@dataclass(frozen=True, slots=True)
class Atom:
    """One character (then `literal` is it), a class of characters, or an assertion (`^`, `$`, `\\b`, `\\B`)."""

    text: str
    kind: AtomKind
    literal: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Alternatives, each a sequence of items; the whole expression is one too."""

    branches: tuple[tuple[Item, ...], ...]


@dataclass(frozen=True, slots=True)
class Item:
    """An atom or a group, repeated `low` to `high` times (`ENDLESS`: no bound)."""

    what: Atom | Group
    low: int = 1
    high: int = 1


_REPEAT = re.compile(r"(?:([*+?])|\{(\d*)(,?)(\d*)\})\??")
_SHORT = {"*": (0, ENDLESS), "+": (1, ENDLESS), "?": (0, 1)}
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_ASSERTIONS = "bB"
_CLASSES = "dDwWsStnrfv"


@lru_cache(maxsize=8192)
def parse_regex(pattern: str) -> Group:
    """The tree of a pattern; ValueError that says what lies outside the subset."""
    reader = _Reader(pattern)
    tree = reader.read_group()
    if reader.at < len(pattern):
        raise ValueError(f"unmatched ) at {reader.at}")
    return tree


def render_regex(tree: Group) -> str:
    """A pattern that reads back as this tree; quantifiers in their shortest form."""
    return "|".join("".join(_render_item(item) for item in branch) for branch in tree.branches)


def _render_item(item: Item) -> str:
    repeat = _render_repeat(item.low, item.high)
    if isinstance(item.what, Atom):
        return item.what.text + repeat
    return f"(?:{render_regex(item.what)}){repeat}"


def _render_repeat(low: int, high: int) -> str:
    if (low, high) == (1, 1):
        return ""
    for sign, bounds in _SHORT.items():
        if bounds == (low, high):
            return sign
    if high == ENDLESS:
        return f"{{{low},}}"
    return f"{{{low},{high}}}"


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self.at = 0

    def read_group(self) -> Group:
        branches: list[tuple[Item, ...]] = []
        items: list[Item] = []
        while self.at < len(self._text) and self._text[self.at] != ")":
            if self._text[self.at] == "|":
                self.at += 1
                branches.append(tuple(items))
                items = []
                continue
            items.append(self._read_item())
        return Group((*branches, tuple(items)))

    def _read_item(self) -> Item:
        what = self._read_what()
        low, high = self._read_repeat()
        if (low, high) != (1, 1) and isinstance(what, Atom) and what.kind == "assertion":
            raise ValueError(f"a quantifier after {what.text} at {self.at}")
        return Item(what, low, high)

    def _read_what(self) -> Atom | Group:
        sign = self._text[self.at]
        if sign == "(":
            return self._read_parenthesis()
        if sign == "[":
            return self._read_class()
        if sign == "\\":
            return self._read_escape()
        self.at += 1
        if sign in "*+?":
            raise ValueError(f"nothing to repeat at {self.at - 1}")
        if sign in "^$":
            return Atom(sign, "assertion")
        if sign == ".":
            return Atom(sign, "class")
        return _literal(sign)

    def _read_parenthesis(self) -> Group:
        self.at += 1
        if self._text.startswith("?", self.at):
            if not self._text.startswith("?:", self.at):
                raise ValueError(f"({self._text[self.at : self.at + 3]} at {self.at - 1}: only (?: is in the subset")
            self.at += 2
        inner = self.read_group()
        if not self._text.startswith(")", self.at):
            raise ValueError("a parenthesis is not closed")
        self.at += 1
        return inner

    def _read_class(self) -> Atom:
        found = _CLASS.match(self._text, self.at)
        if found is None:
            raise ValueError(f"a class is not closed at {self.at}")
        text = found.group()
        if not text.isascii():
            raise ValueError(f"{text!r} holds a character beyond ASCII: use an alternative instead")
        inside = re.sub(r"\\.", "", text[1:-1])
        if "[" in inside or any(twice in inside for twice in ("--", "&&", "||", "~~")):
            raise ValueError(f"{text!r}: escape the [ or the doubled sign")
        self.at = found.end()
        return Atom(text, "class")

    def _read_escape(self) -> Atom:
        word = self._text[self.at + 1 : self.at + 2]
        if word == "x":
            digits = self._text[self.at + 2 : self.at + 4]
            if not re.fullmatch(r"[0-9a-fA-F]{2}", digits):
                raise ValueError(f"\\x{digits} at {self.at}: two hexadecimal digits expected")
            self.at += 4
            return _byte(int(digits, 16))
        if word and word in _ASSERTIONS:
            self.at += 2
            return Atom(f"\\{word}", "assertion")
        if word and word in _CLASSES:
            self.at += 2
            return Atom(f"\\{word}", "class")
        if not word or word.isalnum() or not word.isascii():
            raise ValueError(f"\\{word} at {self.at} is outside the subset")
        self.at += 2
        return _literal(word)

    def _read_repeat(self) -> tuple[int, int]:
        found = _REPEAT.match(self._text, self.at)
        if found is None or found.group() in ("{}", "{,}"):
            return 1, 1
        sign, low, comma, high = found.groups()
        self.at = found.end()
        if self._text.startswith(("+", "*", "?", "{"), self.at):
            raise ValueError(f"a quantifier after a quantifier at {self.at}")
        if sign:
            return _SHORT[sign]
        least = int(low or 0)
        if not comma:
            return least, least
        if not high:
            return least, ENDLESS
        return least, int(high)


@lru_cache(maxsize=1024)
def _literal(sign: str) -> Atom:
    if not sign.isascii():
        return Atom(f"(?:{sign})", "char", sign)
    if ord(sign) in (127, *range(32)):
        return Atom(f"\\x{ord(sign):02x}", "class")
    return Atom(re.escape(sign), "char", sign)


def _byte(code: int) -> Atom:
    if code > 126:
        return Atom(f"\\x{code:02x}", "class")
    return _literal(chr(code))
