"""Signatures: what one is, whether it is sound, and cheaper patterns that nominate the lines to look at.

A signature is looked for in one clean line, as bytes, ASCII letters in either case; `^` may also stand
behind a log prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from keepwell.diagnose.clean import strip_prefix
from keepwell.diagnose.regex import ENDLESS, Atom, Group, Item, parse_regex, render_regex

#: Longest signature in characters: a limit on compile time, several times the longest shipped one.
PATTERN_CHARS = 1000
#: A gap that may be at least this long is looked for as an endless one: an automaton need not count then.
COUNTED_REPEATS = 8
#: Literals that may stand for one signature; more alternatives than that are looked for one by one.
LITERALS = 64


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
    return re.compile(pattern.encode("utf-8"), re.IGNORECASE)


def matches_line(pattern: str, line: bytes) -> bool:
    """True if the signature is in this clean line; `^` may also stand behind the line's log prefix."""
    compiled = compile_pattern(pattern)
    if compiled.search(line):
        return True
    return "^" in pattern and bool(compiled.search(strip_prefix(line)))


def loosen(pattern: str) -> str:
    """A pattern that matches in every line that the signature matches in, and is cheaper to look for.

    `^` goes (a prefix may stand before it), long gaps become endless, and what repeats at the end is cut
    down (each further byte would be reported as one more match).
    """
    tree = parse_regex(pattern)
    return render_regex(_trim_end(_widen(tree)))


def find_literals(pattern: str) -> frozenset[bytes]:
    """Lower-case texts of which every line that matches holds at least one; empty if there are none."""
    return frozenset(one.lower().encode("utf-8") for one in _of_group(parse_regex(pattern)))


def _widen(tree: Group) -> Group:
    return Group(tuple(tuple(_widen_items(branch)) for branch in tree.branches))


def _widen_items(items: Iterable[Item]) -> Iterable[Item]:
    for item in items:
        if isinstance(item.what, Group):
            yield Item(_widen(item.what), item.low, item.high)
        elif item.what.text == "^":
            continue
        elif item.what.kind == "class" and (item.high >= COUNTED_REPEATS or item.high == ENDLESS):
            yield Item(item.what, min(item.low, 1), ENDLESS)
        else:
            yield item


def _trim_end(tree: Group) -> Group:
    return Group(tuple(_trim_branch(branch) for branch in tree.branches))


def _trim_branch(branch: tuple[Item, ...]) -> tuple[Item, ...]:
    kept = list(branch)
    while len(kept) > 1 and kept[-1].low == 0:
        kept.pop()
    if not kept:
        return branch
    last = kept[-1]
    if isinstance(last.what, Group) and (last.low, last.high) == (1, 1):
        kept[-1] = Item(_trim_end(last.what))
    elif last.low >= 1:
        kept[-1] = Item(last.what, last.low, last.low)
    return tuple(kept)


def _of_group(tree: Group) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for branch in tree.branches:
        best = _of_items(branch)
        if not best:
            return frozenset()
        found |= best
    if len(found) > LITERALS:
        return frozenset()
    return found


def _of_items(items: Iterable[Item]) -> frozenset[str]:
    best: frozenset[str] = frozenset()
    run = ""
    for item in items:
        sure = ""
        if isinstance(item.what, Atom):
            sure = item.what.literal
        if item.low == 1 and item.high == 1 and (sure or _is_assertion(item)):
            run += sure
            continue
        if item.low:
            run += sure
        best, run = _better(best, frozenset({run})), ""
        if item.low and isinstance(item.what, Group):
            best = _better(best, _of_group(item.what))
    return _better(best, frozenset({run}))


def _is_assertion(item: Item) -> bool:
    return isinstance(item.what, Atom) and item.what.kind == "assertion"


def _better(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """The set whose shortest text is longer; a set that holds "" says nothing."""
    if _shortest(other) > _shortest(one):
        return other
    return one


def _shortest(texts: frozenset[str]) -> int:
    return min((len(one) for one in texts), default=0)
