"""The hub's page for Prometheus: the newest number of every series, whatever part of the hub or fleet is down.

What has no number now, and what nobody has read for a while, is not on it: Prometheus then knows within one scrape
that it is gone. How many series that were, and how many more there were than a page takes, stands on the page itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from typing import Literal, Protocol, TypeAlias

from keepwell import __version__
from keepwell.core.observation import Missing
from keepwell.core.series import SeriesKey
from keepwell.formats.prometheus import (
    CONTENT_TYPE,
    PREFIX,
    Family,
    Labels,
    find_labels,
    render_families,
    render_head,
    render_labels,
    render_number,
)
from keepwell.metrics.pages import HUB_PAGE
from keepwell.metrics.pages.names import Outside, outside_names

__all__ = ["CONTENT_TYPE", "Page", "is_stale"]

#: Series on a page: 30 nodes with four GPUs have about 5,000; 20,000 are 2 MB of text. And of one metric, so that one
#: whose labels run away leaves the others their place.
SERIES, OF_ONE = 20_000, 4_000
#: A series is stale after so many of its own intervals, but not within so many seconds: a look may be late.
INTERVALS, PATIENT_SECONDS = 3.0, 30.0
#: Of a series with one number nobody knows the interval: the longest that a collector has, a quarter of an hour.
ONCE_SECONDS = 900.0

#: Why a series is not on the page.
_Out: TypeAlias = Literal["missing", "stale", "undeclared", "subject", "twice", "cap"]
_OUT: tuple[_Out, ...] = ("missing", "stale", "undeclared", "subject", "twice", "cap")


class Tracked(Protocol):
    """One series: its newest number or why there is none, when that was read, and when it had numbers before."""

    @property
    def value(self) -> float | Missing:
        """The newest."""
        ...

    @property
    def at(self) -> float:
        """Seconds since the epoch."""
        ...

    @property
    def times(self) -> Sequence[float]:
        """Instants of numbers, the newest last."""
        ...


class Tracks(Protocol):
    """What a page is made of: the table of the newest numbers."""

    def tracks(self) -> Iterator[tuple[SeriesKey, Tracked]]:
        """All series."""
        ...


def is_stale(track: Tracked, now: float) -> bool:
    """True where nobody has read this series for three of its own intervals."""
    if len(track.times) < 2:
        return now - track.at > ONCE_SECONDS
    interval = track.times[-1] - track.times[-2]
    return now - track.at > max(PATIENT_SECONDS, INTERVALS * interval)


class Page:
    """Renders again and again; the beginnings of lines are kept, since they cost more than numbers."""

    def __init__(self) -> None:
        self._heads: dict[SeriesKey, str] = {}
        self._names = outside_names()

    def render(self, table: Tracks, now: float, families: Iterable[Family] = ()) -> bytes:
        """The page at `now` (seconds since the epoch), with further families at its end. Never raises on what a table
        holds. About 2 us a series.
        """
        out: Counter[_Out] = Counter()
        lines: dict[str, list[str]] = {}
        heads: dict[SeriesKey, str] = {}
        shown: set[str] = set()
        for key, track in table.tracks():
            why = self._why_out(key, track, now)
            head = ""
            if not why:
                head = heads[key] = self._heads.get(key) or self._head(key)
                if not head:
                    why = "subject"
                elif head in shown:
                    why = "twice"
            if why:
                out[why] += 1
                continue
            group = lines.setdefault(self._names[key.metric].family, [])
            if len(shown) >= SERIES or len(group) >= OF_ONE:
                out["cap"] += 1
                continue
            group.append(f"{head} {_number(track)}\n")
            shown.add(head)
        self._heads = heads
        own = render_families(self._own(len(shown), out))
        return (own + "".join(self._blocks(lines)) + render_families(families)).encode()

    def _why_out(self, key: SeriesKey, track: Tracked, now: float) -> _Out | Literal[""]:
        if isinstance(track.value, Missing) or not isfinite(track.value):
            return "missing"
        if key.metric not in self._names:
            return "undeclared"
        if is_stale(track, now):
            return "stale"
        return ""

    def _head(self, key: SeriesKey) -> str:
        labels = find_labels(key)
        if labels is None:
            return ""
        return self._names[key.metric].name + render_labels(labels)

    def _blocks(self, lines: dict[str, list[str]]) -> Iterator[str]:
        told: dict[str, Outside] = {one.family: one for one in self._names.values()}
        for family in sorted(lines):
            if lines[family]:
                yield render_head(family, told[family].help, told[family].kind)
                yield from lines[family]

    def _own(self, shown: int, out: Counter[_Out]) -> Iterator[Family]:
        """What the page tells of itself."""
        samples: dict[str, list[tuple[Labels, float]]] = {
            "build_info": [({"version": __version__}, 1.0)],
            "page_series": [({}, float(shown))],
            "page_series_left_out": [({"reason": why}, float(out[why])) for why in _OUT],
        }
        for one in HUB_PAGE:
            yield Family(name=PREFIX + one.name, help=one.help, kind=one.kind, samples=samples[one.name])


def _number(track: Tracked) -> str:
    assert not isinstance(track.value, Missing)
    return render_number(track.value)
