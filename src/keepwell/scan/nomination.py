"""What a matcher is: it finds leads, the texts that lead to lines in which a signature may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

#: A place in a block where a lead ends, and the number of the lead.
Nomination: TypeAlias = tuple[int, int]


class Matcher(Protocol):
    """Finds leads in a block of clean lines."""

    def nominate(self, data: bytes) -> list[Nomination]:
        """Every place where a lead ends, in either case, sorted; one a line and lead is enough."""
        ...


#: Makes a matcher of leads (lower case), numbered in their order.
MakeMatcher: TypeAlias = Callable[[Sequence[bytes]], Matcher]
