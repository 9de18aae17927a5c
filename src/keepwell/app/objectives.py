"""Objectives as they stand: counted, judged, and told; for the hub's duty and for a person who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from keepwell.app.hub.opening import open_requests
from keepwell.app.operation import Caller
from keepwell.app.wiring import Wiring, wire
from keepwell.config.objective_model import ObjectiveEntry
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Finding, Status
from keepwell.slo.counting import count_requests, gather
from keepwell.slo.finding import make_finding
from keepwell.slo.judge import Burn, State, judge_objective
from keepwell.slo.saying import say_promise
from keepwell.slo.windows import name_window
from keepwell.store.request_log import RequestLog
from keepwell.store.tallies import TALLIES_FILE, Tallies

#: Goes over the log that one call makes at most: ten million requests take minutes, once.
GOES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowLine:
    """One window: its name, how many events, how many of them bad, and times faster than allowed."""

    window: str
    events: int
    bad: int
    burn: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveLine:
    """One objective: what is promised, the verdict in words, what is left of `allowed` bad events (a share), windows.

    `ends_at` is when the allowance ends at this pace, in seconds since the epoch, 0 where it does not. `cold` and
    `cold_bad` are requests of the period that waited for their model and count apart. `notes` say what cannot happen.
    """

    name: str
    indicator: str
    target: float
    over_seconds: float
    promise: str
    status: Status
    said: str
    about: str
    events: int
    bad: int
    allowed: float
    left: float
    ends_at: float
    windows: tuple[WindowLine, ...]
    cold: int
    cold_bad: int
    facts: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectivesReport:
    """The answer of `slo`."""

    objectives: tuple[ObjectiveLine, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.slo/1"

    @property
    def exit_code(self) -> int:
        """1 where one is in danger, 2 where somebody should act now."""
        worst = max((one.status for one in self.objectives), default=Status.OK)
        return {Status.WARNING: 1, Status.CRITICAL: 2}.get(worst, 0)


async def list_objectives(caller: Caller, name: str) -> ObjectivesReport:
    """All declared objectives, or the one of this name, as they stand now; counts first what came since the last time.

    Raises ConfigurationError where none has this name, AccessError where the log cannot be read.
    """
    async with wire(caller) as wiring:
        wanted = [one for one in wiring.config.objectives if name in ("", one.name)]
        if name and not wanted:
            known = ", ".join(one.name for one in wiring.config.objectives) or "none"
            raise ConfigurationError(f"no objective is called {name!r}", hint=f"declared: {known}")
        return read_objectives(wiring, wanted, caller.progress)


def read_objectives(
    wiring: Wiring, wanted: Iterable[ObjectiveEntry], progress: Callable[[str, int, int], None]
) -> ObjectivesReport:
    """These, as they stand now."""
    now = wiring.clock.now()
    log = open_requests(wiring.state, wiring.config.hub)
    try:
        states = stand(wiring.state, log, tuple(wanted), now, progress=progress)
    finally:
        log.close()
    return ObjectivesReport(objectives=tuple(_line(one, now, wiring.hands.name) for one in states))


def stand(
    state: Path,
    log: RequestLog,
    objectives: tuple[ObjectiveEntry, ...],
    now: float,
    *,
    progress: Callable[[str, int, int], None],
) -> list[State]:
    """The verdicts, after counting. Raises AccessError."""
    if not objectives:
        return []
    tallies = Tallies(state / TALLIES_FILE)
    try:
        for go in range(GOES):
            done = count_requests(tallies, log, objectives, now)
            if not done.left:
                break
            progress(f"{done.rows:,} more requests counted", go, GOES)
        return [judge_objective(one, gather(tallies, one, now), now) for one in objectives]
    finally:
        tallies.close()


def _line(state: State, now: float, home: str) -> ObjectiveLine:
    finding = make_finding(state, now, home=home)
    entry, budget = state.objective, state.budget
    ends = budget.ends_at
    if ends == float("inf"):
        ends = 0.0
    return ObjectiveLine(
        name=entry.name,
        indicator=entry.indicator,
        target=entry.target,
        over_seconds=entry.over_seconds,
        promise=say_promise(entry),
        status=state.status,
        said=finding.message,
        about=str(finding.subject),
        events=budget.events,
        bad=budget.used,
        allowed=round(budget.allowed, 3),
        left=round(budget.left, 4),
        ends_at=ends,
        windows=tuple(_window(one) for one in state.burns),
        cold=state.cold.cold_good + state.cold.cold_bad,
        cold_bad=state.cold.cold_bad,
        facts=finding.facts,
        notes=tuple(_notes(state, finding)),
    )


def _window(burn: Burn) -> WindowLine:
    return WindowLine(
        window=name_window(burn.seconds), events=burn.tally.events, bad=burn.tally.bad, burn=round(burn.rate, 3)
    )


def _notes(state: State, finding: Finding) -> Iterable[str]:
    for rule in state.unreachable:
        yield (
            f"the window of {name_window(rule.long_seconds)} can never tell anything: even if everything failed, the "
            f"allowance would not go {rule.factor:g} times faster than allowed"
        )
    if state.thin and state.budget.events and not finding.bad:
        yield "too few requests in the last hours for shares: single failures are weighed one by one"
