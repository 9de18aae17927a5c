"""Tallies: how many events of each minute were good and bad. What every window and budget is counted from. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from keepwell.config.objective_model import ObjectiveEntry
from keepwell.slo.verdicts import judge_row
from keepwell.store.requests import RequestRow

MINUTE = 60
#: Seconds in which the failures of one client count as one sign: clients try again by themselves, twice within seconds
#: as a rule, and one request that fails three times is still one request.
SPELL_SECONDS = 60.0


class Tally(NamedTuple):
    """Events of the minute that begins at `minute` (seconds since the epoch), or of several such.

    `cold_good` and `cold_bad` are requests that waited for their model, which count apart. `spells` is how many of the
    bad ones are signs by themselves: those of one client within SPELL_SECONDS are one.
    """

    minute: int
    good: int = 0
    bad: int = 0
    cold_good: int = 0
    cold_bad: int = 0
    spells: int = 0

    @property
    def events(self) -> int:
        """All that count."""
        return self.good + self.bad

    @property
    def ratio(self) -> float:
        """The share of bad ones; 0 where there was nothing."""
        return self.bad / max(1, self.events)

    def plus(self, other: Tally) -> Tally:
        """Both together, from this one's minute."""
        return Tally(self.minute, *(one + two for one, two in zip(self[1:], other[1:], strict=True)))


class Failure(NamedTuple):
    """A bad event, for messages: when it came, the request's id, its key, replica and outcome, and the number that was
    too large or small (0 where there is none). `sign`: it is one by itself.
    """

    at: float
    request: int
    key: str
    replica: str
    outcome: str
    number: float
    sign: bool


class Spells:
    """Which failures are signs by themselves: the first of each client within SPELL_SECONDS."""

    def __init__(self, begun: Iterable[Failure] = ()) -> None:
        self._begun = {(one.key, one.outcome): one.at for one in begun if one.sign}

    def begin(self, key: str, outcome: str, at: float) -> bool:
        """True for a failure that is a sign by itself; it then begins a spell."""
        begun = self._begun.get((key, outcome))
        if begun is not None and begun - SPELL_SECONDS < at < begun + SPELL_SECONDS:
            return False
        self._begun[key, outcome] = at
        return True


def count_rows(
    objective: ObjectiveEntry, rows: Iterable[RequestRow], spells: Spells
) -> tuple[list[Tally], list[Failure]]:
    """The tally of each minute that these rows came in, in order, and every bad one of them."""
    counts: dict[int, list[int]] = {}
    failures: list[Failure] = []
    for row in rows:
        verdict = judge_row(objective, row)
        if verdict is None:
            continue
        minute = int(row.at // MINUTE) * MINUTE
        count = counts.get(minute)
        if count is None:
            count = counts[minute] = [0, 0, 0, 0, 0]
        count[2 * verdict.cold + (not verdict.good)] += 1
        if not (verdict.good or verdict.cold):
            sign = spells.begin(row.key, row.outcome, row.at)
            count[_SPELLS] += sign
            failures.append(Failure(row.at, row.id, row.key, row.replica, row.outcome, verdict.number, sign))
    return [Tally(minute, *counts[minute]) for minute in sorted(counts)], failures


#: Where a minute's count of signs stands, after its good, bad, cold good and cold bad ones.
_SPELLS = 4


def add_up(tallies: Iterable[Tally], since: float, until: float) -> Tally:
    """All of the minutes that begin from `since` on and before `until`."""
    total = Tally(minute_of(since))
    for one in tallies:
        if since <= one.minute < until:
            total = total.plus(one)
    return total


def minute_of(at: float) -> int:
    """Where the minute of this instant begins."""
    return int(at // MINUTE) * MINUTE
