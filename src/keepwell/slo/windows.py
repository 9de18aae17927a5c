"""Windows and burn rates: how much faster than allowed an allowance may be used up before somebody is told. Pure.

Two windows each, as in the workbook of Google's site reliability engineers and as Sloth has them: the long one says
that it matters, the short one that it still goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.config.objective_model import ObjectiveEntry

Severity: TypeAlias = Literal["page", "ticket"]
DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Fires where both windows burn faster than `factor` times what is allowed."""

    severity: Severity
    short_seconds: float
    long_seconds: float
    factor: float


def _rules(days: float, budgets: tuple[float, float, float, float]) -> tuple[Rule, ...]:
    """Sloth's four pairs of windows; each fires when this share of the period's allowance went in its long window."""
    pairs: tuple[tuple[Severity, float, float], ...] = (
        ("page", 300.0, 3600.0),
        ("page", 1800.0, 6 * 3600.0),
        ("ticket", 2 * 3600.0, DAY),
        ("ticket", 6 * 3600.0, 3 * DAY),
    )
    return tuple(
        Rule(severity=severity, short_seconds=short, long_seconds=long, factor=round(share * days * DAY / long, 4))
        for (severity, short, long), share in zip(pairs, budgets, strict=True)
    )


#: Factors 14.4, 6, 3 and 1: 2, 5, 10 and 10 percent of a month's allowance.
MONTH = _rules(30, (0.02, 0.05, 0.10, 0.10))
#: As in Sloth's example of a week: 8, 12.5, 20 and 42 percent.
WEEK = _rules(7, (0.08, 0.125, 0.20, 0.42))
#: Periods shorter than this are watched like a week.
_SHORT_PERIOD = 14 * DAY
#: Every window that anything is counted in, as Sloth names them; the period comes last.
NAMED: tuple[tuple[str, float], ...] = (
    ("5m", 300.0),
    ("30m", 1800.0),
    ("1h", 3600.0),
    ("2h", 7200.0),
    ("6h", 21600.0),
    ("1d", DAY),
    ("3d", 3 * DAY),
)


def rules_of(objective: ObjectiveEntry) -> tuple[Rule, ...]:
    """The rules by which this objective is watched; one that pages nobody has tickets only."""
    rules = MONTH
    if objective.over_seconds < _SHORT_PERIOD:
        rules = WEEK
    return tuple(one for one in rules if objective.page or one.severity == "ticket")


def find_unreachable(objective: ObjectiveEntry) -> Iterator[Rule]:
    """Rules that can never fire: even if everything fails, it does not burn as fast."""
    for one in rules_of(objective):
        if one.factor * objective.allowed >= 1.0:
            yield one


def name_window(seconds: float) -> str:
    """As Sloth writes it: 5m, 6h, 3d, 30d."""
    for unit, length in (("d", DAY), ("h", 3600.0), ("m", 60.0)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.0f}s"
