"""How many lines each pane gets: none that is too small to be of use. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Lines below which a pane shows nothing: its heading and two rows.
LEAST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A pane: how many lines all of its rows and its heading take, and how many it should have at the least."""

    name: str
    lines: int
    least: int = LEAST


def share_height(wishes: Sequence[Wish], height: int) -> dict[str, int]:
    """Lines by name, 0 for a pane that is hidden; the first wishes are the ones that matter most."""
    given = {one.name: 0 for one in wishes}
    left = height
    for one in wishes:
        asked = min(one.lines, max(LEAST - 1, one.least))
        if asked <= left:
            given[one.name] = asked
            left -= asked
    for one in wishes:
        if given[one.name]:
            more = min(left, one.lines - given[one.name])
            given[one.name] += more
            left -= more
    return given
