"""Quiet hours: which severities nobody is told of at an instant. Pure; days and times are those of the wall clock, so
that a night in which clocks are put forward or back is quiet from and to the hours that the owner wrote.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo

from keepwell.config.alert_model import QuietEntry
from keepwell.config.gateway_shapes import DAYS
from keepwell.core.finding import Status

_ALL = frozenset((Status.WARNING, Status.CRITICAL))


def find_quiet(entries: Iterable[QuietEntry], now: float, zone: tzinfo | None) -> frozenset[Status]:
    """Severities that wait; `zone` None is this machine's own."""
    here = datetime.fromtimestamp(now, zone)
    quiet: frozenset[Status] = frozenset()
    for entry in entries:
        if is_within(entry, here):
            quiet |= {"wait": _ALL, "tell": frozenset((Status.WARNING,))}[entry.critical]
    return quiet


def is_within(entry: QuietEntry, here: datetime) -> bool:
    """True at this moment of the wall clock. The same begin and end is the whole day."""
    clock = here.strftime("%H:%M")
    today, yesterday = DAYS[here.weekday()], DAYS[(here - timedelta(days=1)).weekday()]
    if entry.begin < entry.end:
        return _is_on(entry, today) and entry.begin <= clock < entry.end
    return (_is_on(entry, today) and clock >= entry.begin) or (_is_on(entry, yesterday) and clock < entry.end)


def _is_on(entry: QuietEntry, day: str) -> bool:
    return not entry.days or day in entry.days
