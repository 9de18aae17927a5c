"""A result as several figures a measure: the parts in time of one run, each as a run of its own. Pure.

Parts of one run share what was so all along: they tell how steady it was, not how two evenings differ. That is
allowed for beside (`keepwell.bench.verdict.Rules.drift`), learned from runs of several evenings where there are such.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median, stdev

from keepwell.bench.result import Result, Row
from keepwell.bench.summary import find_figures
from keepwell.bench.verdict import Rules

#: Parts of a run, and good answers that each has at least: a median of fewer is one request's.
PARTS, LEAST = 5, 4
#: The times that are compared. A gap between tokens is no figure of a request; from when it was due is the schedule's.
TIMES = ("ttft", "tpot", "e2e")
RATE = "output_tokens_per_second"
#: The standard deviation by which two runs of the same are taken to differ while nothing better is known: a choice.
ALLOWED = 0.03
#: Runs from which on it is known better.
KNOWN = 3


def find_parts(results: Sequence[Result]) -> dict[str, list[float]]:
    """Figures by measure of all parts of these runs; measures that not every run has are left out."""
    found: dict[str, list[float]] = {}
    each = [_cut(one) for one in results]
    for name in (*TIMES, RATE):
        if each and all(name in one for one in each):
            found[name] = [figure for one in each for figure in one[name]]
    return found


def find_rules(before: Sequence[Result], after: Sequence[Result]) -> Rules:
    """By how much these two sets of runs may differ although nothing changed.

    Of three runs or more before: what the measure that varied most from run to run did. Else ALLOWED.
    """
    spread, freedom = ALLOWED, math.inf
    if len(before) >= KNOWN:
        middles = [{name: median(figures) for name, figures in _cut(one).items()} for one in before]
        names = set(middles[0]).intersection(*middles)
        spreads = [stdev(math.log(one[name]) for one in middles) for name in names]
        spread, freedom = max(spreads, default=ALLOWED), len(before) - 1.0
    share = 1 / max(1, len(before)) + 1 / max(1, len(after))
    return Rules(drift=spread * math.sqrt(share), freedom=freedom)


def find_failed(results: Sequence[Result]) -> float:
    """The share of requests that had no good answer; 0 of none."""
    outcomes = [one.outcome for result in results for one in result.rows]
    if not outcomes:
        return 0.0
    return sum(bool(one) for one in outcomes) / len(outcomes)


def _cut(result: Result) -> Mapping[str, list[float]]:
    """Of one run; one part where it has too few answers for several. Answers that waited for a load are left out."""
    rows = sorted((one for one in result.rows if math.isfinite(one.sent)), key=_sent)
    good = [one for one in rows if not one.outcome and not one.cold]
    parts = max(1, min(PARTS, len(good) // LEAST))
    edges = [round(len(good) * one / parts) for one in range(parts + 1)]
    pieces = [good[first:last] for first, last in pairwise(edges)]
    found: dict[str, list[float]] = {}
    for name in TIMES:
        figures = [find_figures(piece, name) for piece in pieces]
        if all(figures):
            found[name] = [median(one) for one in figures]
    rates = [_rate(piece) for piece in pieces]
    if result.load.shape == "concurrent" and all(one > 0 for one in rates):
        found[RATE] = rates
    return {name: [one for one in figures if one > 0] for name, figures in found.items() if all(figures)}


def _rate(rows: Sequence[Row]) -> float:
    """Output tokens a second from the first send to the last end; 0 where they are not known."""
    tokens = math.fsum(one.output_tokens for one in rows)
    seconds = max((one.ended for one in rows), default=0.0) - min((one.sent for one in rows), default=0.0)
    if not math.isfinite(tokens) or not seconds > 0:
        return 0.0
    return tokens / seconds


def _sent(row: Row) -> float:
    return row.sent
