"""The hub's duty of thresholds: numbers of the table that are too high or too low become findings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from keepwell.alerts.thresholds import Threshold, choose_thresholds, judge_thresholds
from keepwell.app.hub.duty import Hub
from keepwell.core.errors import DamagedError
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import Ref
from keepwell.store.alert_state import load_alerts

#: Under which name its findings are pinned.
SOURCE = "thresholds"
#: A series that was too high and has given no number for so long is let go; until then nothing is known of it.
PATIENCE_SECONDS = 3600.0


class Limits:
    """Findings by the names of `thresholds.toml` and of keepwell.toml."""

    name = "thresholds"
    every_seconds = 10.0

    def __init__(self) -> None:
        self._raised: dict[str, tuple[float, Finding]] | None = None

    async def do(self, hub: Hub, now: float) -> None:
        """Hold all numbers against all thresholds. Raises ConfigurationError for a threshold that names no metric."""
        if self._raised is None:
            self._raised = await asyncio.to_thread(_load_raised, hub, now)
        thresholds = choose_thresholds(hub.wiring.config.thresholds)
        before = {key: finding.status for key, (_, finding) in self._raised.items()}
        found = await asyncio.to_thread(_judge, hub, thresholds, now, before)
        for key, finding in found.items():
            self._raised[key] = now, finding
        self._raised = {key: one for key, one in self._raised.items() if _is_kept(one, now)}
        silent = [_unknown(one) for key, (_, one) in self._raised.items() if key not in found]
        hub.board.pin(SOURCE, (*found.values(), *silent), now)

    async def close(self) -> None:
        """Nothing is to be kept."""


def _judge(hub: Hub, thresholds: tuple[Threshold, ...], now: float, before: Mapping[str, Status]) -> dict[str, Finding]:
    return dict(judge_thresholds(thresholds, hub.table, now, before))


def _load_raised(hub: Hub, now: float) -> dict[str, tuple[float, Finding]]:
    """What was too high before a restart: it goes on from there."""
    try:
        conditions = load_alerts(hub.state).state.conditions
    except DamagedError:
        return {}
    found: dict[str, tuple[float, Finding]] = {}
    for key, one in conditions.items():
        if one.source == SOURCE:
            subject = Ref.parse(one.subject)
            finding = Finding(check=one.check, subject=subject, status=one.status, message=one.message, facts=one.facts)
            found[key] = now, finding
    return found


def _is_kept(one: tuple[float, Finding], now: float) -> bool:
    at, finding = one
    return finding.bad and now - at < PATIENCE_SECONDS


def _unknown(finding: Finding) -> Finding:
    message = "its numbers stay away; before: " + finding.message
    return Finding(
        check=finding.check, subject=finding.subject, status=Status.UNKNOWN, message=message, facts=finding.facts
    )
