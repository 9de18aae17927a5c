"""`keepwell bench list` and `keepwell bench show`: results that are kept."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from keepwell.app.benching.csv_file import write_csv
from keepwell.app.benching.kept import find_kept, load_results, make_load
from keepwell.app.benching.report import BenchReport, find_point, make_report
from keepwell.app.operation import Caller
from keepwell.app.wiring import find_state
from keepwell.bench.goals import Goals, parse_goals
from keepwell.bench.load_words import render_load
from keepwell.bench.result import Result
from keepwell.bench.sweep import Step, find_next
from keepwell.core.errors import ConfigurationError
from keepwell.core.observation import Missing, unknown
from keepwell.store.benchmarks import KeptHead, list_benchmarks


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLine:
    """One result, or a sweep as one: what was measured and asked, and its best figures."""

    id: str
    created_at: float
    engine: str
    model: str
    load: str
    stretches: int
    requests: int
    ttft_p50: float | Missing
    output_tokens_per_second: float | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchListReport:
    """The answer of `bench list`, newest first; `problems` are files that cannot be used."""

    results: tuple[KeptLine, ...]
    problems: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.bench-list/1"

    @property
    def exit_code(self) -> int:
        """1 where a file is damaged."""
        return int(bool(self.problems))


def list_kept(caller: Caller) -> BenchListReport:
    """All results that are kept."""
    found = list_benchmarks(find_state(caller))
    groups = [list(rows) for _, rows in groupby(found.heads, key=_group)]
    return BenchListReport(results=tuple(map(_line, groups)), problems=found.problems)


def show_kept(caller: Caller, name: str, *, goal: str, csv: str) -> BenchReport:
    """A result or sweep once more. Raises ConfigurationError, AccessError."""
    try:
        goals = parse_goals(goal)
    except ValueError as error:
        raise ConfigurationError(str(error), where="--goal") from error
    state = find_state(caller)
    heads = find_kept(state, name)
    results = load_results(state, heads)
    group = heads[0].group or heads[0].id
    if csv:
        write_csv(Path(csv), results)
    return make_report(
        results,
        group=group,
        target=describe_aim(results[0]),
        goals=goals,
        sweep=find_end(results, goals, swept=bool(heads[0].group)),
    )


def describe_aim(result: Result) -> str:
    """What was measured, in words."""
    aim = result.aim
    return f"{aim.kind or 'what answers'} {aim.version}".rstrip() + f" at {aim.url}, model {aim.model}"


def find_end(results: list[Result], goals: Goals, *, swept: bool) -> Step | None:
    """Where a sweep of these stretches ended, judged by these goals."""
    if not swept:
        return None
    points = [find_point(one, goals) for one in results]
    step = find_next(points, whole=results[0].load.shape == "concurrent", goals=bool(goals))
    return Step(load=0.0, end=step.end or "found", best=step.best)


def _line(heads: list[KeptHead]) -> KeptLine:
    """The first of a group stands for all of it; its rate is the best of them."""
    first = heads[-1]
    rates = [_figure(one, "output_tokens_per_second") for one in heads]
    known = [one for one in rates if not isinstance(one, Missing)]
    best: float | Missing = unknown("no token was counted")
    if known:
        best = max(known)
    return KeptLine(
        id=first.group or first.id,
        created_at=first.created_at,
        engine=first.about.get("engine", "") or first.about.get("url", ""),
        model=first.about.get("model", ""),
        load="sweep" * bool(first.group) or render_load(make_load(first.load)),
        stretches=len(heads),
        requests=round(sum(one.figures.get("requests", 0.0) for one in heads)),
        ttft_p50=_figure(first, "ttft_p50"),
        output_tokens_per_second=best,
    )


def _figure(head: KeptHead, name: str) -> float | Missing:
    if name not in head.figures:
        return unknown("it was not measured")
    return head.figures[name]


def _group(head: KeptHead) -> str:
    return head.group or head.id
