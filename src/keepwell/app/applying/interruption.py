"""For how long an engine had no requests while a run worked on it, and what its clients had of that.

Measured, not reckoned: by the run's journal, and by the gateway's record of requests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

from keepwell.conform.ledger import DRAIN_KEY, GIVE_BACK_KEY
from keepwell.core.run import ItemState, Moment
from keepwell.gateway.settings import SETTINGS_FILE, load_settings
from keepwell.store.requests import RECORD_FILE, RequestRow, Wanted, read_rows

#: Seconds before and after in which answers are looked for: how long there was none is told between two of them.
AROUND_SECONDS = 60.0
#: Requests that are read for one window: more than a gateway serves in the minutes that one takes.
ROWS = 200_000
#: States with which a time without requests begins and ends: carried out, and taken back.
_CLOSES: frozenset[tuple[str, ItemState]] = frozenset({(DRAIN_KEY, "begun"), (GIVE_BACK_KEY, "undoing")})
_OPENS: frozenset[tuple[str, ItemState]] = frozenset(
    {(GIVE_BACK_KEY, "done"), (DRAIN_KEY, "undone"), (DRAIN_KEY, "failed")}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time without requests: `since` and `until` are seconds since the epoch, `until` 0 where it still lasts."""

    since: float
    until: float

    @property
    def seconds(self) -> float:
        """How long, 0 where it still lasts."""
        return max(0.0, self.until - self.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Felt:
    """What the clients of an engine's models had of a window: requests that came in it, those that failed, those that
    another engine answered; the longest time that one waited for its first word, and how long no answer ended at all.
    """

    requests: int
    failed: int
    elsewhere: int
    longest_wait_seconds: float
    no_answer_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """A window and what was felt of it; None where no gateway tells."""

    window: Window
    felt: Felt | None


def find_windows(history: Iterable[Moment]) -> tuple[Window, ...]:
    """The times in which a run kept requests from its engine, by its journal. Pure."""
    found: list[Window] = []
    since = 0.0
    for one in history:
        state = one.item.key, one.item.state
        if state in _CLOSES and not since:
            since = one.at
        elif state in _OPENS and since:
            found.append(Window(since=since, until=one.at))
            since = 0.0
    if since:
        found.append(Window(since=since, until=0.0))
    return tuple(found)


def measure(state: Path, replica: str, windows: Iterable[Window]) -> tuple[Interruption, ...]:
    """What was felt of each window, by the record of the gateway. Raises AccessError where it cannot be read."""
    routes = _find_routes(state, replica)
    return tuple(Interruption(window=one, felt=_measure(state, replica, routes, one)) for one in windows)


def judge_rows(rows: Sequence[RequestRow], replica: str, window: Window) -> Felt:
    """The same from the requests for the engine's models around the window. Pure."""
    until = window.until or float("inf")
    inside = [one for one in rows if window.since <= one.at <= until]
    waits = [max(one.queue_seconds, one.first_byte_seconds, 0.0) for one in inside]
    return Felt(
        requests=len(inside),
        failed=sum(bool(one.outcome) for one in inside),
        elsewhere=sum(one.replica not in ("", replica) for one in inside),
        longest_wait_seconds=round(max(waits, default=0.0), 3),
        no_answer_seconds=round(max(_find_gaps(rows, window), default=0.0), 3),
    )


def _find_gaps(rows: Iterable[RequestRow], window: Window) -> Iterator[float]:
    """Times between the ends of two good answers that reach into the window."""
    ends = sorted(one.at + max(one.total_seconds, 0.0) for one in rows if not one.outcome)
    until = window.until or float("inf")
    return (later - earlier for earlier, later in pairwise(ends) if later > window.since and earlier < until)


def _find_routes(state: Path, replica: str) -> Collection[str]:
    if not (state / SETTINGS_FILE).exists():
        return ()
    return {one.name for one in load_settings(state / SETTINGS_FILE).routes if replica in one.replicas}


def _measure(state: Path, replica: str, routes: Collection[str], window: Window) -> Felt | None:
    if not routes:
        return None
    wanted = Wanted(since=window.since - AROUND_SECONDS)
    until = (window.until or float("inf")) + AROUND_SECONDS
    found = (row for _, row in read_rows(state / RECORD_FILE, last=ROWS, wanted=wanted))
    rows = [row for row in found if row.route in routes and row.at <= until]
    return judge_rows(sorted(rows, key=attrgetter("at")), replica, window)
