"""What `keepwell bench` reports: one stretch of load or several, in figures, with one sentence of what they mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from keepwell.bench.curves import Instant, Spread, follow_time, make_spread
from keepwell.bench.goals import Goals, render_goals
from keepwell.bench.load import Aim, Load
from keepwell.bench.load_words import describe_load, render_load
from keepwell.bench.result import Client, Result, TokenSource
from keepwell.bench.summary import FORMULAS, Goodput, Summary, find_figures, summarise
from keepwell.bench.sweep import KEPT_SHARE, Point, Step
from keepwell.core.observation import Missing, unknown
from keepwell.core.words import figure, share

#: What counts tokens, in words.
COUNTED: Mapping[TokenSource, str] = {
    "usage": "tokens are those that the server counted",
    "pieces": "the server counted no tokens: each piece of text that it sent is taken for one",
    "mixed": "the server counted the tokens of some answers; of the others each piece of text is taken for one",
    "": "no token was counted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFigures:
    """How the client itself did: see `keepwell.bench.result.Client`; Missing where it was not measured."""

    send_lag_p50: float | Missing
    send_lag_p99: float | Missing
    loop_lag_p99: float | Missing
    calibrated: float | Missing
    cpu_seconds: float | Missing
    memory_bytes: float | Missing
    limited: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One stretch: `load` in the words that --load takes, `said` in those of a sentence; its figures and pictures."""

    id: str
    load: str
    said: str
    summary: Summary
    client: ClientFigures
    errors: Mapping[str, int]
    counted: str
    stopped: bool
    ttft: Spread
    itl: Spread
    over_time: tuple[Instant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepEnd:
    """How a sweep ended: the largest load that was well (0: none), what it is counted in, and why it is over."""

    best: float
    unit: str
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchReport:
    """The answer of `bench` and `bench show`. `said` is what it means; `notes` are what is to be known beside.

    `target` is what was measured in words, `group` the id by which all stretches are shown again.
    """

    said: str
    group: str
    target: str
    aim: Aim
    workload: str
    goals: str
    created_at: float
    stretches: tuple[Stretch, ...]
    sweep: SweepEnd | Missing
    notes: tuple[str, ...] = ()
    formulas: Mapping[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.bench/1"

    @property
    def exit_code(self) -> int:
        """2 where nothing was answered; 1 where something failed, the client was the limit, or fewer than 95 of 100
        requests kept to the goals; else 0. Of a sweep only the load that was well counts: too much is its business.
        """
        judged = self.stretches
        if not isinstance(self.sweep, Missing):
            judged = tuple(one for one in judged if _find_size(one.load) == self.sweep.best)
        if not any(one.summary.answered for one in judged):
            return 2
        return int(any(map(_is_bad, judged)))


def make_report(
    results: Sequence[Result],
    *,
    group: str,
    target: str,
    goals: Goals,
    sweep: Step | None = None,
    notes: Sequence[str] = (),
) -> BenchReport:
    """The report of these results (at least one), which were measured one after the other."""
    stretches = tuple(_make_stretch(one, goals) for one in results)
    first = results[0]
    end: SweepEnd | Missing = unknown("it was no sweep")
    said = _say(stretches[-1], first.load)
    if sweep is not None and sweep.end is not None:
        unit = {True: "at a time", False: "requests a second"}[first.load.shape == "concurrent"]
        end = SweepEnd(best=sweep.best, unit=unit, end=sweep.end)
        said = _say_sweep(end, stretches, bool(goals))
    return BenchReport(
        said=said,
        group=group,
        target=target,
        aim=first.aim,
        workload=first.workload,
        goals=render_goals(goals),
        created_at=first.created_at,
        stretches=stretches,
        sweep=end,
        notes=(*notes, *_find_notes(stretches)),
        formulas={name: formula for name, (_, formula) in FORMULAS.items()},
    )


def find_point(result: Result, goals: Goals) -> Point:
    """A stretch as its sweep sees it."""
    summary = summarise(result, goals)
    kept = 0.0
    if summary.requests:
        kept = summary.answered / summary.requests
    if isinstance(summary.goodput, Goodput):
        kept = summary.goodput.share
    return Point(
        load=result.load.rate or float(result.load.clients),
        per_second=summary.requests_per_second,
        share=kept,
        limited=bool(result.client.limited),
    )


def _make_stretch(result: Result, goals: Goals) -> Stretch:
    rows = [one for one in result.rows if not one.outcome and not one.cold]
    return Stretch(
        id=result.id,
        load=render_load(result.load),
        said=describe_load(result.load),
        summary=summarise(result, goals),
        client=_make_client(result.client),
        errors=dict(result.errors),
        counted=COUNTED[result.token_source],
        stopped=result.stopped,
        ttft=make_spread(find_figures(rows, "ttft")),
        itl=make_spread(result.itl),
        over_time=follow_time(result),
    )


def _make_client(client: Client) -> ClientFigures:
    return ClientFigures(
        send_lag_p50=_or(client.send_lag_p50),
        send_lag_p99=_or(client.send_lag_p99),
        loop_lag_p99=_or(client.loop_lag_p99),
        calibrated=_or(client.calibrated),
        cpu_seconds=_or(client.cpu_seconds),
        memory_bytes=_or(client.memory_bytes),
        limited=client.limited,
    )


def _say(stretch: Stretch, load: Load) -> str:
    """One sentence for somebody who has never seen such figures."""
    summary = stretch.summary
    if not summary.requests:
        return "Nothing was sent."
    if not summary.answered:
        return f"None of {summary.requests} requests was answered: {', '.join(summary.errors) or 'no reason is known'}."
    said = f"{summary.answered} of {summary.requests} requests were answered"
    ttft, pace = summary.find("ttft_due") or summary.find("ttft"), summary.find("tpot")
    if ttft is not None:
        said += f"; the first token came after {_time(ttft.at(0.5))} (95 of 100 within {_time(ttft.at(0.95))})"
    if pace is not None and pace.at(0.5) > 0:
        said += f", then {figure(1 / pace.at(0.5))} tokens a second for each"
    if not isinstance(summary.output_tokens_per_second, Missing):
        said += f", {figure(summary.output_tokens_per_second)} a second in all"
    goodput = summary.goodput
    if isinstance(goodput, Goodput):
        kept = f"{share(goodput.share)} ({share(goodput.low)} to {share(goodput.high)})"
        said += f". {kept} of requests kept to the goals"
    return f"{said}."


def _say_sweep(end: SweepEnd, stretches: Sequence[Stretch], goals: bool) -> str:
    if not end.best and end.end == "client":
        return "The client itself was the limit at once: this machine has too much else to do to measure from it now."
    if not end.best:
        return "Even the smallest load that was tried was too much for it."
    best = next((one for one in stretches if _find_size(one.load) == end.best), None)
    said = f"Up to {figure(end.best)} {end.unit} "
    said += {True: "keep to the goals", False: "make it answer more; beyond that requests only wait"}[goals]
    if end.end == "never too much":
        said = f"Even {figure(end.best)} {end.unit}, the most that was tried, were not too much"
    if end.end == "client":
        said = f"Up to {figure(end.best)} {end.unit} are well; beyond that the client itself was the limit"
    if best is not None:
        rate = best.summary.output_tokens_per_second
        more = f"; it gives {figure(best.summary.requests_per_second)} answers a second there"
        if not isinstance(rate, Missing):
            more += f", {figure(rate)} tokens a second"
        said += more
    return f"{said}."


def _find_notes(stretches: Sequence[Stretch]) -> list[str]:
    notes = [f"the client was the limit at {one.said}: {one.client.limited}" for one in stretches if one.client.limited]
    if any(one.stopped for one in stretches):
        notes.append("it was ended early: these figures are of what was measured until then")
    cold = sum(one.summary.cold for one in stretches)
    if cold:
        notes.append(f"{cold} answers waited for their model to be loaded; they are not among the times")
    several = [one.summary.tokens_per_read for one in stretches]
    if any(not isinstance(one, Missing) and one > 1.05 for one in several):
        notes.append("tokens came several at a time: itl is the gap between arrivals, tpot the time a token")
    for one in stretches:
        closely, loosely = one.summary.closely, one.summary.loosely
        if closely and loosely:
            of = f"{closely} of {closely + loosely} answers"
            notes.append(
                f"itl is of {of} at {one.said}, chosen by lot: at so many tokens a second others were read in turns"
            )
    notes += dict.fromkeys(one.counted for one in stretches if one.summary.answered)
    return notes


def _is_bad(stretch: Stretch) -> bool:
    summary = stretch.summary
    goodput = summary.goodput
    missed = isinstance(goodput, Goodput) and goodput.share < KEPT_SHARE
    return bool(summary.errors or stretch.client.limited or missed)


def _find_size(load: str) -> float:
    """Clients or requests a second of a load of a sweep."""
    return float(load.removeprefix("poisson:").removesuffix("/s"))


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{figure(seconds * 1000)} ms"
    return f"{figure(seconds)} s"


def _or(number: float) -> float | Missing:
    if math.isfinite(number):
        return number
    return unknown("it was not measured")
