"""Where is a closer look worth it? All leads of all rules in one pass, by Hyperscan or by Python's `re`.

Both give the same places: pairs of where a lead ends (just after its last byte) and the number of its rule.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

#: Where a lead ends, and the number of the rule that it belongs to.
Place: TypeAlias = tuple[int, int]
#: Leads with the number of the rule of each.
Leads: TypeAlias = tuple[tuple[str, int], ...]


class Finder(Protocol):
    """Finds where leads end."""

    def places(self, data: bytes) -> list[Place]:
        """Every place, in order, each once."""
        ...


class HyperscanFinder:
    """All leads in one pass. Making it takes a few tenths of a second."""

    def __init__(self, leads: Leads) -> None:
        import hyperscan

        library: Any = hyperscan
        self._database: Any = library.Database(mode=library.HS_MODE_BLOCK)
        self._database.compile(
            expressions=[lead.encode() for lead, _ in leads],
            ids=[rule for _, rule in leads],
            flags=library.HS_FLAG_CASELESS,
        )

    def places(self, data: bytes) -> list[Place]:
        """See `Finder`."""
        found: list[Place] = []

        def note(rule: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((end, rule))

        self._database.scan(data, match_event_handler=note)
        return sorted(set(found))


class RegexFinder:
    """One lead after the other; needs nothing but Python. Leads whose beginning is nowhere cost next to nothing."""

    def __init__(self, leads: Leads) -> None:
        self._leads = [(_beginning(lead), re.compile(lead.encode()), rule) for lead, rule in leads]

    def places(self, data: bytes) -> list[Place]:
        """See `Finder`. Looks on right after every start, so that leads that overlap are found as well."""
        low = data.lower()
        found: set[Place] = set()
        for beginning, lead, rule in self._leads:
            if beginning not in low:
                continue
            match = lead.search(low)
            while match is not None:
                found.add((match.end(), rule))
                match = lead.search(low, match.start() + 1)
        return sorted(found)


#: Plain characters at the start of a lead, after an optional word boundary.
_BEGINNING = re.compile(r"(?:\\b)?((?:\\[^a-z0-9]|[a-z0-9_/: -])*)(?P<more>[*+?{]?)")


def _beginning(lead: str) -> bytes:
    """What every text that the lead matches holds; b"" when that is not plain to see."""
    match = _BEGINNING.match(lead)
    if match is None or match["more"] or "|" in re.sub(r"\([^()]*\)", "", lead):
        return b""
    return re.sub(r"\\(.)", r"\1", match[1]).encode()


#: Finders by name, best first, each with the module that it needs.
FINDERS: Mapping[str, tuple[str, Callable[[Leads], Finder]]] = {
    "hyperscan": ("hyperscan", HyperscanFinder),
    "re": ("", RegexFinder),
}


@lru_cache(maxsize=8)
def make_finder(leads: Leads, name: str = "") -> Finder:
    """The finder of this name; "" gives the best whose module is installed."""
    for one, (module, make) in FINDERS.items():
        if name in ("", one) and (not module or importlib.util.find_spec(module)):
            return make(leads)
    raise ValueError(f"no finder is called {name!r} here; known: {', '.join(FINDERS)}")


def leads_of(rules: Sequence[tuple[str, ...]]) -> Leads:
    """Leads with their rule's number, from each rule's leads."""
    return tuple((lead, number) for number, leads in enumerate(rules) for lead in leads)
