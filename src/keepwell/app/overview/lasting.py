"""Incidents that last, as rows. Pure."""

from __future__ import annotations

from keepwell.app.overview.model import AlertRow
from keepwell.core.finding import Status
from keepwell.core.words import share
from keepwell.store.alert_state import AlertFile, Incident


def draw_alerts(file: AlertFile) -> tuple[AlertRow, ...]:
    """The worst first, then the newest."""
    lasting = [one for one in file.state.incidents.values() if not one.ended_at and one.worst > Status.OK]
    return tuple(_draw(one) for one in sorted(lasting, key=_worst_first))


def _worst_first(one: Incident) -> tuple[int, float]:
    return -one.worst, -one.began_at


def _draw(one: Incident) -> AlertRow:
    cause, command = "", f"keepwell diagnose {one.subject.partition(':')[2].partition('/')[0]}".rstrip()
    found = one.explanation
    if found is not None:
        cause = found.title
        if found.confidence and cause:
            cause = f"{cause} ({share(found.confidence)})"
        command = next(iter(found.commands), command)
    return AlertRow(
        id=one.id,
        status=one.worst,
        title=one.message,
        subject=one.subject,
        since=one.began_at,
        acknowledged=bool(one.acked_at),
        cause=cause,
        command=command,
    )
