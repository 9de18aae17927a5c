"""What fills up and what stepped, for a person: worked out of the hub's logs now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keepwell.app.hub.opening import make_hub
from keepwell.app.hub.trends import judge_trends, work_out
from keepwell.app.operation import Caller, untold
from keepwell.app.wiring import wire
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Observation, Value
from keepwell.core.values import rows_of, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastReport:
    """The answer of `forecast`: rows of `trend.rooms` and `trend.steps`, and what is to say about them."""

    at: float
    rooms: tuple[Mapping[str, Value], ...]
    steps: tuple[Mapping[str, Value], ...]
    findings: tuple[Finding, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.forecast/1"

    @property
    def exit_code(self) -> int:
        """1 where something is full within a week or became slower, 2 where it is full within a day."""
        worst = max((one.status for one in self.findings), default=Status.OK)
        return {Status.WARNING: 1, Status.CRITICAL: 2}.get(worst, 0)


async def list_forecasts(caller: Caller, about: str) -> ForecastReport:
    """Everything that is known, or only what this text is part of the address of. Raises AccessError."""
    async with wire(caller) as wiring:
        now = wiring.clock.now()
        hub = make_hub(wiring, untold)
        try:
            observations = work_out(hub, now)
        finally:
            hub.requests.close()
            hub.series.close()
    findings = tuple(one for one in judge_trends(observations) if about in str(one.subject))
    return ForecastReport(
        at=now,
        rooms=_rows(observations, "trend.rooms", about),
        steps=_rows(observations, "trend.steps", about),
        findings=findings,
    )


def _rows(observations: list[Observation], name: str, about: str) -> tuple[Mapping[str, Value], ...]:
    found = (row for one in observations if one.name == name for row in rows_of(one.value))
    return tuple(row for row in found if about in text_of(row, "subject"))
