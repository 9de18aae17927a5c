"""Two benchmarks, or two groups of them, beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keepwell.app.benching.kept import load_results
from keepwell.app.smoke.report import CompareReport
from keepwell.bench.parts import find_parts, find_rules
from keepwell.bench.verdict import LEAST_RUNS, MORE_IS_BETTER, Verdict, judge
from keepwell.store.benchmarks import KeptHead, list_benchmarks

#: Figures that are compared beside rates: the middle of each time, which a few slow requests do not move.
MIDDLE = "_p50"


def compare_benchmarks(state: Path, before: str, after: str) -> CompareReport | None:
    """The verdict; None where one of the words is no benchmark or group of them."""
    heads = list_benchmarks(state).heads
    old, new = ([one for one in heads if word and word in (one.id, one.group)] for word in (before, after))
    if not old or not new:
        return None
    verdict = _judge(state, old, new)
    return CompareReport(
        kind="benchmark",
        before=before,
        after=after,
        before_at=min(one.created_at for one in old),
        after_at=min(one.created_at for one in new),
        before_seconds=sum(one.seconds for one in old),
        after_seconds=sum(one.seconds for one in new),
        changes=(),
        verdict=verdict.word,
        measures=verdict.measures,
        about=tuple(f"{name} differs" for name in _find_unlike(old[0], new[0])),
    )


def _judge(state: Path, old: Sequence[KeptHead], new: Sequence[KeptHead]) -> Verdict:
    """By their runs where there are enough of them; else by parts of the runs, which are allowed to differ more."""
    if min(len(old), len(new)) >= LEAST_RUNS:
        return judge(_figures(old), _figures(new))
    before, after = load_results(state, list(old)), load_results(state, list(new))
    return judge(find_parts(before), find_parts(after), find_rules(before, after))


def _figures(heads: Sequence[KeptHead]) -> dict[str, list[float]]:
    """Figures of runs by measure, those that every run has."""
    names = set.intersection(*(set(one.figures) for one in heads))
    wanted = sorted(one for one in names if one.endswith(MIDDLE) or one in MORE_IS_BETTER)
    return {name: [one.figures[name] for one in heads] for name in wanted}


def _find_unlike(old: KeptHead, new: KeptHead) -> list[str]:
    """What they do not have in common, of that which was measured."""
    found = [name for name in sorted({*old.about, *new.about}) if old.about.get(name) != new.about.get(name)]
    found += ["load"] * (old.load != new.load) + ["workload"] * (old.workload != new.workload)
    return found
