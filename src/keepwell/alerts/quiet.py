"""Quiet hours: which severities nobody is told of at an instant. Pure; days and times are those of the wall clock, so
that a night in which clocks are put forward or back is quiet from and to the hours that the owner wrote.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo

from keepwell.config.alert_model import QuietEntry
from keepwell.core.finding import Status
from keepwell.core.hours import Hours, is_within

_ALL = frozenset((Status.WARNING, Status.CRITICAL))


def find_quiet(entries: Iterable[QuietEntry], now: float, zone: tzinfo | None) -> frozenset[Status]:
    """Severities that wait; `zone` None is this machine's own."""
    here = datetime.fromtimestamp(now, zone)
    quiet: frozenset[Status] = frozenset()
    for entry in entries:
        if is_within(Hours(entry.begin, entry.end, entry.days), here):
            quiet |= {"wait": _ALL, "tell": frozenset((Status.WARNING,))}[entry.critical]
    return quiet
