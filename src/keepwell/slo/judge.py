"""The verdict on one objective: which windows burn, what few requests tell, what is left. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keepwell.config.objective_model import OF_REQUESTS, ObjectiveEntry
from keepwell.core.finding import Status
from keepwell.slo.budget import PACE_SECONDS, Budget, make_budget
from keepwell.slo.chance import tail
from keepwell.slo.scan import LOOK_BACK_SECONDS, TOLD_SIGNS, Scan, find_normal, per_month, scan
from keepwell.slo.tally import MINUTE, Failure, Tally
from keepwell.slo.windows import NAMED, Rule, find_unreachable, rules_of

#: Events and signs of the long window below which no window says anything: a share of so few is none.
FLOOR_EVENTS, FLOOR_SIGNS = 20, 3
#: A rule fires only where its long window would look as bad by chance less often than this, if no more failed than is
#: allowed: three of a night's 300 are six times too many of a promise of 99.9 %, and come by chance every fourth night.
CHANCES = {"page": 1e-3, "ticket": 1e-2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What is known of an objective: tallies of the windows by their seconds, of the period, of the past that shows
    what is normal (without the last day) and its seconds, the minutes of the last day in order, and its failures.
    `probed`: the same minutes with what keepwell asked itself, where it may. `since` is when counting began.
    """

    windows: Mapping[float, Tally]
    period: Tally
    past: Tally
    past_seconds: float
    minutes: Sequence[Tally]
    since: float
    failures: Sequence[Failure] = ()
    probed: Sequence[Tally] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """One window: its tally, and how many times faster than allowed the allowance goes."""

    seconds: float
    tally: Tally
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """An objective now. `firing` are rules whose windows both burn; `scan` is what few requests tell, None for
    nothing; `told` and `paged` whether that is enough. `thin`: too little traffic for any window. `probed`: what few
    requests tell is of keepwell's own questions, too.
    """

    objective: ObjectiveEntry
    status: Status
    burns: tuple[Burn, ...]
    firing: tuple[Rule, ...]
    scan: Scan | None
    told: bool
    paged: bool
    thin: bool
    budget: Budget
    cold: Tally
    failures: tuple[Failure, ...]
    unreachable: tuple[Rule, ...]
    probed: bool = False


def judge_objective(objective: ObjectiveEntry, counted: Counted, now: float, *, already: bool = False) -> State:
    """The verdict; `already`: the last one was bad by few requests, and that takes more to end than to begin."""
    burns = tuple(_burn(objective, counted, seconds) for _, seconds in NAMED)
    rates = {one.seconds: one for one in burns}
    firing = tuple(one for one in rules_of(objective) if _fires(one, rates, objective.allowed))
    found = _scan(objective, counted)
    told = found is not None and found.is_told(already=already)
    paged = told and objective.page and found is not None and found.is_paged(objective.allowed)
    covered = max(0.0, now - counted.since)
    pace = counted.windows[PACE_SECONDS], min(PACE_SECONDS, max(float(MINUTE), covered))
    if firing:
        length = min(firing[0].long_seconds, max(float(MINUTE), covered))
        pace = counted.windows[firing[0].long_seconds], length
    budget = make_budget(objective, counted.period, covered, pace, now)
    return State(
        objective=objective,
        status=_status(firing, told=told, paged=paged, over=budget.left <= 0, period=counted.period),
        burns=burns,
        firing=firing,
        scan=found,
        told=told,
        paged=paged,
        thin=not any(_is_enough(rates[rule.long_seconds].tally) for rule in rules_of(objective)[:2]),
        budget=budget,
        cold=counted.period,
        failures=tuple(counted.failures),
        unreachable=tuple(find_unreachable(objective)),
        probed=bool(counted.probed),
    )


def _burn(objective: ObjectiveEntry, counted: Counted, seconds: float) -> Burn:
    tally = counted.windows[seconds]
    return Burn(seconds=seconds, tally=tally, rate=tally.ratio / objective.allowed)


def _fires(rule: Rule, burns: Mapping[float, Burn], allowed: float) -> bool:
    long, short = burns[rule.long_seconds], burns[rule.short_seconds]
    if min(long.rate, short.rate) <= rule.factor:
        return False
    tally = long.tally
    if tally.events < FLOOR_EVENTS or tally.spells < FLOOR_SIGNS:
        return False
    return tail(round(tally.events * tally.spells / tally.bad), allowed, tally.spells) <= CHANCES[rule.severity]


def _is_enough(tally: Tally) -> bool:
    return tally.events >= FLOOR_EVENTS


def _scan(objective: ObjectiveEntry, counted: Counted) -> Scan | None:
    if objective.indicator not in OF_REQUESTS:
        return None  # a minute is like the one before it: two of them are one sign
    normal = find_normal(objective.allowed, counted.past)
    minutes = counted.probed or counted.minutes
    day = sum(one.events for one in minutes) * (86400.0 / LOOK_BACK_SECONDS)
    usual = max(per_month(counted.past, counted.past_seconds), day * 30)
    return scan(minutes, normal, usual)


def _status(firing: Sequence[Rule], *, told: bool, paged: bool, over: bool, period: Tally) -> Status:
    if paged or any(one.severity == "page" for one in firing):
        return Status.CRITICAL
    if told or firing or (over and period.spells >= TOLD_SIGNS):
        return Status.WARNING
    if not period.events:
        return Status.UNKNOWN
    return Status.OK
