"""A timeline in relation to a fault: when the first error was, and what changed shortly before it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from keepwell.core.event import Event, EventKind
from keepwell.core.hypothesis import Diagnosis, Hypothesis
from keepwell.formats.logtime import find_time

#: How long before the first error a change is still worth a look.
BEFORE_SECONDS = 24 * 3600.0
#: Changes told beside a diagnosis.
TOLD = 3
#: Kinds that are consequences or everyday things, not what somebody changed.
_NO_CHANGE: frozenset[EventKind] = frozenset(
    {"unit-failed", "container-stop", "container-health", "oom", "shutdown", "repair"}
)
#: The same thing told again by its start: a restart alone changes nothing, what it brings into force stands beside it.
_RESTART: frozenset[EventKind] = frozenset({"process-start", "unit-start", "unit-stop", "container-start"})


def find_first_error(diagnosis: Diagnosis) -> float | None:
    """When the oldest line was written that the likeliest cause, or that of a further fault, rests on.

    None where no such line tells its time with a zone.
    """
    causes: Iterable[Hypothesis] = (*diagnosis.hypotheses[:1], *diagnosis.also)
    times = [find_time(one.quote) for cause in causes if not cause.decided for one in cause.supporting]
    return min((at for at in times if at is not None), default=None)


def shortly_before(events: Sequence[Event], at: float) -> tuple[Event, ...]:
    """What changed in the day before this instant, newest first; restarts only if nothing else did, at most TOLD."""
    near = [one for one in events if at - BEFORE_SECONDS <= one.at <= at and one.kind not in _NO_CHANGE]
    changes = [one for one in near if one.kind not in _RESTART] or near
    return tuple(reversed(changes[-TOLD:]))


def fold(events: Iterable[Event]) -> Iterator[tuple[Event, Event, int]]:
    """The first and last of each row of events of one kind about one thing, and how many there are.

    A change with two sides stands alone.
    """
    row: list[Event] = []
    for one in events:
        if row and (one.was or (row[0].kind, row[0].about or row[0].what) != (one.kind, one.about or one.what)):
            yield row[0], row[-1], len(row)
            row = []
        row.append(one)
    if row:
        yield row[0], row[-1], len(row)
