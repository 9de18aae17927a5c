"""What a matcher is: it nominates lines that may hold a signature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

#: A place in a block where a match (or a text that it needs) ends, and the index of the signature.
Nomination: TypeAlias = tuple[int, int]


class Matcher(Protocol):
    """Nominates lines of a block of clean lines."""

    def nominate(self, data: bytes) -> Sequence[Nomination]:
        """Places in lines that may hold a signature, sorted. Too many is fine, too few is a bug."""
        ...


#: Makes a matcher of signatures, given those of them of which the first line is enough.
MakeMatcher: TypeAlias = Callable[[Sequence[str], frozenset[str]], Matcher]
