"""Replicas that some keys have to themselves for a time. Pure: the time comes with each question."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

#: The days of a week, in the order of `datetime.date.weekday`.
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ONE_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """`begin` and `end` are "HH:MM" on each of `days` (() for every day; an end before its begin is on the next day),
    or two moments "YYYY-MM-DDTHH:MM"; both of this machine's time. `why` is what others are told.
    """

    replicas: tuple[str, ...]
    keys: tuple[str, ...]
    begin: str
    end: str
    days: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A replica is for these keys alone, or for requests of the `turn` that has its device, until an instant (seconds
    since the epoch); `why` is a clause for others.
    """

    keys: frozenset[str]
    until: float
    why: str
    turn: str = ""


def find_held(reservations: Iterable[Reservation], now: float) -> dict[str, Held]:
    """Which replicas are held at this instant (seconds since the epoch). Where reservations overlap, any of their keys
    has the replica, until the last of them ends.
    """
    moment = datetime.datetime.fromtimestamp(now)
    held: dict[str, Held] = {}
    for one in reservations:
        end = find_end(one, moment)
        if end is None:
            continue
        clause = f"reserved for {', '.join(one.keys)} until {end:%H:%M}{f' ({one.why})' * bool(one.why)}"
        for replica in one.replicas:
            mine = Held(keys=frozenset(one.keys), until=end.timestamp(), why=clause)
            other = held.get(replica)
            if other is not None:
                keys, until = mine.keys | other.keys, max(mine.until, other.until)
                mine = Held(keys=keys, until=until, why=f"{other.why}, {mine.why}")
            held[replica] = mine
    return held


def find_end(one: Reservation, moment: datetime.datetime) -> datetime.datetime | None:
    """When the window ends that a moment lies in (a naive one, of this machine's time), None if it lies in none."""
    if "T" in one.begin:
        begin, end = datetime.datetime.fromisoformat(one.begin), datetime.datetime.fromisoformat(one.end)
        if begin <= moment < end:
            return end
        return None
    for day in (moment.date(), moment.date() - ONE_DAY):
        begin, end = _on(day, one.begin), _on(day, one.end)
        if end <= begin:
            end += ONE_DAY
        if begin <= moment < end and (not one.days or DAYS[day.weekday()] in one.days):
            return end
    return None


def _on(day: datetime.date, clock: str) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time.fromisoformat(clock))
