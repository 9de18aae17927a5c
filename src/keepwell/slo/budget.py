"""What is left of an allowance, and when it ends at this pace. Pure; counted, never a mean of ratios."""

from __future__ import annotations

import math
from dataclasses import dataclass

from keepwell.config.objective_model import ObjectiveEntry
from keepwell.slo.tally import Tally

#: Seconds by which pace is told: long enough for a night and a day, short enough to be about now.
PACE_SECONDS = 86400.0
#: Seconds that are counted at least before they stand for a whole period: an hour of requests is not one in 720 of a
#: month's.
LEAST_SECONDS = 6 * 3600.0
#: A pace is told of this many bad events at least: of one, there is none.
PACE_BAD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The allowance of a period. `used` of `allowed` bad events are gone; `allowed` is what the period's events allow,
    as many as there will be where it is not full yet. `left` is the share that is left, below 0 where more went.
    `ends_at` is when it is used up at the pace of `pace_seconds`, inf where it does not end within the period.
    """

    events: int
    used: int
    allowed: float
    left: float
    ends_at: float
    pace_seconds: float


def make_budget(
    objective: ObjectiveEntry, period: Tally, covered_seconds: float, pace: tuple[Tally, float], now: float
) -> Budget:
    """`period` is the tally of the period as far as it is covered; `pace` a tally and its seconds."""
    whole = max(1.0, objective.over_seconds / max(LEAST_SECONDS, min(covered_seconds, objective.over_seconds)))
    allowed = period.events * whole * objective.allowed
    left = 1.0
    if allowed > 0:
        left = 1.0 - period.bad / allowed
    recent, seconds = pace
    ends = math.inf
    if recent.bad >= PACE_BAD and allowed > 0:
        ends = now + max(0.0, allowed - period.bad) / (recent.bad / seconds)
        if recent.ratio <= objective.allowed or ends > now + objective.over_seconds:
            ends = math.inf
    if allowed > 0 and period.bad >= allowed:
        ends = now
    return Budget(events=period.events, used=period.bad, allowed=allowed, left=left, ends_at=ends, pace_seconds=seconds)
