"""Times of day that come again: is it one of them now, when does it end, when does the next begin. Pure.

Days and times are those of the wall clock, so that a night in which clocks are put forward or back is from and to the
hours that the owner wrote. The same begin and end is the whole day; an end before its begin is on the next day.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, time, timedelta, tzinfo
from typing import NamedTuple

#: The days of a week, in the order of `datetime.date.weekday`.
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ONE_DAY = timedelta(days=1)


class Hours(NamedTuple):
    """ "HH:MM" to "HH:MM", begun on each of `days`; () for every day."""

    begin: str
    end: str
    days: Collection[str] = ()


def is_within(hours: Hours, here: datetime) -> bool:
    """True at this moment of the wall clock."""
    clock = here.strftime("%H:%M")
    today, yesterday = DAYS[here.weekday()], DAYS[(here - ONE_DAY).weekday()]
    if hours.begin < hours.end:
        return _is_on(hours, today) and hours.begin <= clock < hours.end
    return (_is_on(hours, today) and clock >= hours.begin) or (_is_on(hours, yesterday) and clock < hours.end)


def find_end(hours: Hours, now: float, zone: tzinfo | None = None) -> float:
    """When it ends (seconds since the epoch), of a moment that lies in it; `zone` None is this machine's own."""
    return _find_next(Hours(hours.end, hours.end), now, zone)


def find_begin(hours: Hours, now: float, zone: tzinfo | None = None) -> float:
    """When it begins next, after this instant (both in seconds since the epoch)."""
    return _find_next(hours, now, zone)


def _find_next(hours: Hours, now: float, zone: tzinfo | None) -> float:
    """The next time that its begin is read off the wall clock on one of its days."""
    day = datetime.fromtimestamp(now, zone).date()
    for number in range(9):
        there = datetime.combine(day + number * ONE_DAY, time.fromisoformat(hours.begin), tzinfo=zone)
        if _is_on(hours, DAYS[there.weekday()]) and there.timestamp() > now:
            return there.timestamp()
    return now


def _is_on(hours: Hours, day: str) -> bool:
    return not hours.days or day in hours.days
