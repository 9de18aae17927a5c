r"""What is masked: each rule with the leads that say on which lines it is worth a look.

A lead is a regular expression over lower-case bytes that Hyperscan and Python's `re` read alike; it must match
wherever the rule's pattern matches (end within `REACH` bytes of where the pattern starts), and at few other
places. What the pattern's last group holds is masked.
Patterns have no nested repeats and every repeat has a bound, so that a line costs its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from keepwell.redact import judges

#: Whether a match is what its rule means; has the whole match, for its groups and surroundings.
Judge: TypeAlias = Callable[["re.Match[bytes]"], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of thing to mask. `lines` is how many lines a match may span from the one where its lead ends."""

    kind: str
    leads: tuple[str, ...]
    pattern: re.Pattern[bytes]
    judge: Judge = judges.is_new
    lines: int = 1


def make_rule(
    kind: str, leads: str | Iterable[str], pattern: str, judge: Judge = judges.is_new, lines: int = 1
) -> Rule:
    """A rule from text; ValueError for a pattern that is none."""
    if isinstance(leads, str):
        leads = (leads,)
    return Rule(kind=kind, leads=tuple(leads), pattern=re.compile(pattern.encode()), judge=judge, lines=lines)
