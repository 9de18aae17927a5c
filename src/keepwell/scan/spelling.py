"""Spells a pattern's small alternatives out, for longer texts to find it by.

`(was|got) killed` holds the text " killed", which is seven bytes; each of "was killed" and "got killed" is found
at less cost than that one, for Hyperscan filters by eight (see `ends`). Most patterns need none of this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from keepwell.scan.pattern import lower_text
from keepwell.scan.regex import Atom, Group, Item, parse_regex

#: Texts that one place of a pattern is spelled out to.
SPELLED = 12
# What a lead shorter than eight bytes costs in leads of eight: measured with Hyperscan's filter on ordinary logs.
_PRICES = {0: 1000, 1: 1000, 2: 500, 3: 200, 4: 60, 5: 16, 6: 8, 7: 4}
# A class of single letters, such as [Ss] or [sc].
_LETTERS = re.compile(r"\[([A-Za-z]+)\]")


def spell_out(pattern: str) -> list[frozenset[str]]:
    """Sets of lower-case texts: a line that matches holds at least one text of every set (see `find_texts`)."""
    return [texts for texts in _of_group(parse_regex(pattern)) if "" not in texts]


def get_price(leads: Iterable[str]) -> int:
    """What it costs to look for these: their number, short ones several times."""
    return sum(_PRICES.get(len(one.encode("utf-8")), 1) for one in leads)


def _of_group(tree: Group) -> Iterator[frozenset[str]]:
    if len(tree.branches) == 1:
        yield from _of_items(tree.branches[0])
        return
    best = (min(_of_items(branch), key=get_price, default=frozenset({""})) for branch in tree.branches)
    yield frozenset[str]().union(*best)


def _of_items(items: Sequence[Item]) -> Iterator[frozenset[str]]:
    within = False
    for at, item in enumerate(items):
        if not within:
            yield _find_starts(items[at:])
        within = isinstance(item.what, Atom) and bool(item.what.literal) and (item.low, item.high) == (1, 1)
        if item.low and isinstance(item.what, Group):
            yield from _of_group(item.what)


def _find_starts(items: Iterable[Item]) -> frozenset[str]:
    """Texts, one of which stands where these items begin; "" if that is all that is known."""
    texts = frozenset({""})
    for item in items:
        words = _spell(item)
        longer = _join(texts, words or _find_start(item))
        if len(longer) > SPELLED:
            break
        texts = longer
        if not words:
            break
    return texts


def _find_start(item: Item) -> frozenset[str]:
    if item.low and isinstance(item.what, Group):
        return frozenset[str]().union(*(_find_starts(branch) for branch in item.what.branches))
    if item.low and isinstance(item.what, Atom):
        return frozenset({lower_text(item.what.literal)})
    return frozenset({""})


def _spell(item: Item) -> frozenset[str]:
    """All that an item stands for; none if that is too much."""
    if item.high != 1:
        return frozenset()
    words = _spell_once(item.what)
    if words and not item.low:
        return words | {""}
    return words


def _spell_once(what: Atom | Group) -> frozenset[str]:
    if isinstance(what, Group):
        branches = [_spell_all(branch) for branch in what.branches]
        if not all(branches):
            return frozenset()
        return frozenset[str]().union(*branches)
    if what.literal or what.kind == "assertion":
        return frozenset({lower_text(what.literal)})
    letters = _LETTERS.fullmatch(what.text)
    if letters is None:
        return frozenset()
    return frozenset(lower_text(letters[1]))


def _spell_all(items: Iterable[Item]) -> frozenset[str]:
    words = frozenset({""})
    for item in items:
        words = _join(words, _spell(item))
        if not words or len(words) > SPELLED:
            return frozenset()
    return words


def _join(texts: Iterable[str], words: Iterable[str]) -> frozenset[str]:
    return frozenset("".join(pair) for pair in product(texts, words))
