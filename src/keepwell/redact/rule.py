r"""What is masked: each rule with the leads that say on which lines it is worth a look.

A lead is a regular expression over lower-case bytes that Hyperscan and Python's `re` read alike; it must match
wherever the rule's pattern matches (and end within `reach` bytes of where it starts), and at few other places.
What the pattern's last group holds is masked.
Patterns have no nested repeats and every repeat has a bound, so that a line costs its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from keepwell.redact import judges

#: Bytes before the end of its lead in which a match starts, unless its rule says otherwise.
REACH = 160
#: Whether a match is what its rule means; has the whole match, for its groups and surroundings.
Judge: TypeAlias = Callable[["re.Match[bytes]"], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of thing to mask. `lines` is how many lines a match may span from the one where its lead ends,
    `reach` how many bytes before that end it may start.
    """

    kind: str
    leads: tuple[str, ...]
    pattern: re.Pattern[bytes]
    judge: Judge = judges.is_new
    lines: int = 1
    reach: int = REACH


def make_rule(
    kind: str,
    leads: str | Iterable[str],
    pattern: str,
    judge: Judge = judges.is_new,
    lines: int = 1,
    reach: int = REACH,
) -> Rule:
    """A rule from text; ValueError for a pattern that is none."""
    if isinstance(leads, str):
        leads = (leads,)
    return Rule(
        kind=kind, leads=tuple(leads), pattern=re.compile(pattern.encode()), judge=judge, lines=lines, reach=reach
    )
