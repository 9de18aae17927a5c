"""Signatures as patterns: is one sound, does it match a line, and which texts must every such line hold.

A signature is looked for in one clean line, as bytes, ASCII letters in either case; `^` may also stand
behind a log prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from keepwell.scan.clean import strip_prefix
from keepwell.scan.regex import Atom, Group, Item, parse_regex, render_regex

#: Longest signature in characters: a limit on its reading, several times the longest shipped one.
PATTERN_CHARS = 1000
#: Texts that may stand for one signature; one with more alternatives has no texts.
TEXTS = 64

# A character beyond ASCII, for bytes a group of several.
_WIDE = re.compile(r"[^\x00-\x7f]")


def check_pattern(pattern: str) -> str:
    """What is wrong with a signature, as one sentence; "" when it is fine."""
    if len(pattern) > PATTERN_CHARS:
        return f"longer than {PATTERN_CHARS} characters"
    try:
        parse_regex(pattern)
        compiled = compile_pattern(pattern)
    except (ValueError, re.error) as error:
        return f"is not a signature: {error}"
    if compiled.search(b""):
        return "matches the empty line"
    return ""


@lru_cache(maxsize=16384)
def compile_pattern(pattern: str) -> re.Pattern[bytes]:
    """The signature as Python's `re` reads it: bytes, ASCII, either case."""
    return re.compile(_WIDE.sub(r"(?:\g<0>)", pattern).encode("utf-8"), re.IGNORECASE)


def render_plain(pattern: str) -> bytes:
    """The signature in a form that all readers of regular expressions read alike."""
    return render_regex(parse_regex(pattern)).encode("utf-8")


def matches_line(pattern: str, line: bytes) -> bool:
    """True if the signature is in this clean line; `^` may also stand behind the line's log prefix."""
    compiled = compile_pattern(pattern)
    if compiled.search(line):
        return True
    return "^" in pattern and bool(compiled.search(strip_prefix(line)))


def find_texts(pattern: str) -> list[frozenset[str]]:
    """Sets of lower-case texts: a line that matches holds at least one text of every set.

    None for a signature such as `[0-9]+`. A signature with a gap gives a set for each of its sides.
    """
    return [texts for texts in _of_group(parse_regex(pattern)) if "" not in texts and len(texts) <= TEXTS]


def lower_text(text: str) -> str:
    """A to Z in lower case, all else as it is: as `re` reads bytes in either case."""
    if text.isascii():
        return text.lower()
    return text.encode("utf-8").lower().decode("utf-8")


def _of_group(tree: Group) -> list[frozenset[str]]:
    if len(tree.branches) == 1:
        return list(_of_items(tree.branches[0]))
    joined: frozenset[str] = frozenset()
    for branch in tree.branches:
        best = max(_of_items(branch), key=_shortest, default=frozenset({""}))
        joined |= best
    return [joined]


def _of_items(items: Iterable[Item]) -> Iterator[frozenset[str]]:
    run = ""
    for item in items:
        if isinstance(item.what, Atom) and (item.low, item.high) == (1, 1):
            if item.what.literal or item.what.kind == "assertion":
                run += lower_text(item.what.literal)
                continue
        elif isinstance(item.what, Atom) and item.low:
            run += lower_text(item.what.literal)
        yield frozenset({run})
        run = ""
        if item.low and isinstance(item.what, Group):
            yield from _of_group(item.what)
    yield frozenset({run})


def _shortest(texts: frozenset[str]) -> int:
    return min(len(one) for one in texts)
