"""Signatures: what one is, whether it is sound, and the cheaper pattern that nominates lines to look at.

A signature is looked for in one clean line, as bytes, ASCII letters in either case; `^` may also stand
behind a log prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from keepwell.diagnose.clean import strip_prefix
from keepwell.diagnose.regex import ENDLESS, Atom, Group, Item, parse_regex, render_regex

#: Longest signature in characters: a limit on compile time, several times the longest shipped one.
PATTERN_CHARS = 1000
#: A gap that may be at least this long is looked for as an endless one: an automaton need not count then.
COUNTED_REPEATS = 8
#: A text of at least this many characters is rare enough to be looked for in place of its signature.
SPECIFIC_CHARS = 6
#: Literals that may stand for one signature; more alternatives than that are looked for one by one.
LITERALS = 64

# A character beyond ASCII, for bytes a group of several.
_WIDE = re.compile(r"[^\x00-\x7f]")
_SPACE = r" \t\x0b\x0c"
# Classes that hold the line end, without it.
_LINE_CLASSES = {r"\s": f"[{_SPACE}]", r"\W": r"[^\w\n]", r"\D": r"[^\d\n]", r"\S": r"\S"}
_ESCAPED = re.compile(r"\\.", re.DOTALL)


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


def matches_line(pattern: str, line: bytes) -> bool:
    """True if the signature is in this clean line; `^` may also stand behind the line's log prefix."""
    compiled = compile_pattern(pattern)
    if compiled.search(line):
        return True
    return "^" in pattern and bool(compiled.search(strip_prefix(line)))


@dataclass(frozen=True, slots=True)
class Nominator:
    """A pattern that matches in every line that a signature matches in, and is cheap to look for.

    `exact`: it matches in no other line. `literals` are lower-case texts of which every such line holds at
    least one; empty if there are none.
    """

    expression: str
    exact: bool
    literals: frozenset[bytes]


def make_nominator(pattern: str) -> Nominator:
    """How to look for a signature.

    `^` goes (a log prefix may stand before it), what repeats at the end is cut down (each further byte would be
    reported as one more match), no class matches a line end. A signature with long gaps is looked for by its
    texts if they are long enough, else with endless gaps: counting gaps is what costs an automaton.
    """
    tree = parse_regex(pattern)
    texts = _of_group(tree)
    literals = frozenset(one.lower().encode("utf-8") for one in texts)
    atoms = list(_atoms(tree))
    if _shortest(texts) >= SPECIFIC_CHARS and any(_is_long(item) or item.high == ENDLESS for item, _ in atoms):
        return Nominator("|".join(sorted(re.escape(one) for one in texts)), False, literals)
    exact = not any(_is_long(item) or _is_inexact(atom) for item, atom in atoms)
    return Nominator(render_regex(_trim_end(_widen(tree))), exact, literals)


def _atoms(tree: Group) -> Iterator[tuple[Item, Atom]]:
    for branch in tree.branches:
        for item in branch:
            if isinstance(item.what, Group):
                yield from _atoms(item.what)
            else:
                yield item, item.what


def _is_long(item: Item) -> bool:
    return max(item.low, item.high) >= COUNTED_REPEATS


def _is_inexact(atom: Atom) -> bool:
    """True for `^`, which is dropped, and for classes of which the line end cannot be taken away."""
    return atom.text == "^" or (atom.text.startswith("[") and ("\\W" in atom.text or "\\D" in atom.text))


def _widen(tree: Group) -> Group:
    return Group(tuple(tuple(_widen_items(branch)) for branch in tree.branches))


def _widen_items(items: Iterable[Item]) -> Iterable[Item]:
    for item in items:
        if isinstance(item.what, Group):
            yield Item(_widen(item.what), item.low, item.high)
        elif item.what.text == "^":
            continue
        elif item.what.kind == "class" and _is_long(item):
            yield Item(_within_line(item.what), min(item.low, 1), ENDLESS)
        elif item.what.kind == "class":
            yield Item(_within_line(item.what), item.low, item.high)
        else:
            yield item


def _within_line(atom: Atom) -> Atom:
    """The class without the line end, which no line holds but a block of lines does."""
    text = atom.text
    if text in _LINE_CLASSES:
        return Atom(_LINE_CLASSES[text], "class")
    if text.startswith("[^"):
        return Atom(f"{text[:-1]}\\n]", "class")
    if text.startswith("["):
        return Atom(_ESCAPED.sub(_space, text), "class")
    return atom


def _space(found: re.Match[str]) -> str:
    if found.group() == r"\s":
        return _SPACE
    return found.group()


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
