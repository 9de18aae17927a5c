"""What a matcher is: it nominates lines that may hold a signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from keepwell.diagnose.signature import Signature

#: A place in a block where a text ends, and the index of a signature that needs the text.
Nomination: TypeAlias = tuple[int, int]


class Matcher(Protocol):
    """Finds texts in a block of clean lines."""

    def nominate(self, data: bytes) -> list[Nomination]:
        """Every place where a text of a signature ends, in either case, sorted; one a line and text is enough."""
        ...


#: Makes a matcher of texts (lower case) with the indices of the signatures that need them.
MakeMatcher: TypeAlias = Callable[[Mapping[bytes, Sequence[int]]], Matcher]


def list_leads(signatures: Sequence[Signature]) -> dict[bytes, list[int]]:
    """Leads, as bytes, with the indices of their signatures."""
    table: dict[bytes, list[int]] = {}
    for index, one in enumerate(signatures):
        for text in one.leads:
            table.setdefault(text.encode("utf-8"), []).append(index)
    return table
