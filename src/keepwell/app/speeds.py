"""The speeds that were measured, run by run, and two runs beside each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from keepwell.app.measured import earlier_of
from keepwell.app.operation import Caller
from keepwell.app.wiring import find_state
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Check, Finding
from keepwell.core.observation import Missing, Observation, Seen, unknown
from keepwell.core.ref import Ref
from keepwell.plugins import registry
from keepwell.plugins.speeds import first_token_seconds, generation_rate, input_rate
from keepwell.store.speeds import KeptSpeed, Speeds, load_speeds

CHANGE = "speed.change"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedLine:
    """One run: its id, when, of which engine and model; tokens per second and seconds, Missing where not measured."""

    run: str
    at: float
    engine: str
    model: str
    output_tokens_per_second: float | Missing
    input_tokens_per_second: float | Missing
    first_token_seconds: float | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedsReport:
    """The answer of `speeds`: runs, oldest first, and the newest of each engine compared with an earlier one."""

    runs: tuple[SpeedLine, ...]
    compared: tuple[Finding, ...]
    problem: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.speeds/1"

    @property
    def exit_code(self) -> int:
        """1 when an engine is slower than the spread of equal requests explains."""
        return int(any(one.bad for one in self.compared))


async def list_speeds(caller: Caller, since_run: str) -> SpeedsReport:
    """Every kept run, and the newest of each engine and model against the one before it, or against `since_run`.

    Raises ConfigurationError for a run that is not kept.
    """
    speeds = load_speeds(find_state(caller))
    if since_run and since_run not in {one.id for one in speeds.kept}:
        raise ConfigurationError(f"no run {since_run!r} is kept", hint="keepwell speeds lists them")
    return SpeedsReport(
        runs=tuple(_line(one) for one in speeds.kept),
        compared=tuple(_compare(speeds, since_run)),
        problem=speeds.problem,
    )


def _compare(speeds: Speeds, since_run: str) -> Iterable[Finding]:
    groups: dict[tuple[str, str], list[KeptSpeed]] = {}
    for one in speeds.kept:
        groups.setdefault((one.engine, one.model), []).append(one)
    for runs in groups.values():
        before = [one for one in runs[:-1] if since_run in ("", one.id)]
        if before:
            newest = runs[-1]
            now = Observation(
                subject=Ref.parse(newest.engine), name="engine.speed", value=newest.speed, at=newest.at, source="kept"
            )
            yield from _change().judge(Seen([now, earlier_of(before[-1])]))


def _change() -> Check:
    checks = registry.load("checks", CHANGE.partition(".")[0])
    assert isinstance(checks, tuple)
    return next(one for one in checks if isinstance(one, Check) and one.id == CHANGE)


def _line(one: KeptSpeed) -> SpeedLine:
    return SpeedLine(
        run=one.id,
        at=one.at,
        engine=one.engine,
        model=one.model,
        output_tokens_per_second=_measured(generation_rate(one.speed), 2),
        input_tokens_per_second=_measured(input_rate(one.speed), 2),
        first_token_seconds=_measured(first_token_seconds(one.speed), 4),
    )


def _measured(number: float, digits: int) -> float | Missing:
    if number <= 0:
        return unknown("it was not measured in this run")
    return round(number, digits)
