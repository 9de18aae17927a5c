"""What quantiles of rows are, by the rows themselves: the measure of every sketch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from keepwell.store.request_log import MEASURES, SKETCH_ERROR, Measure, QuantileRow, Quantiles
from keepwell.store.requests import RequestRow
from keepwell.testing.request_rows import BEGIN

#: What each measure is called in a row.
FIELDS: dict[Measure, str] = {
    "ttft": "first_byte_seconds",
    "tpot": "output_token_seconds",
    "queue": "queue_seconds",
    "total": "total_seconds",
}


def make_questions() -> Iterable[Quantiles]:
    """Of every kind, over the three hours after BEGIN."""
    span: dict[str, Any] = {"since": BEGIN, "until": BEGIN + 3 * 3600.0}
    for measure in MEASURES:
        yield Quantiles(measure=measure, **span)
    for by in ((), ("route",), ("replica",), ("class",), ("route", "replica", "class", "hour"), ("minute",)):
        yield Quantiles(measure="total", **span, by=by, shares=(0.0, 0.25, 1.0))
    yield Quantiles(measure="ttft", **span, cold=False)
    yield Quantiles(measure="ttft", **span, route="m", replica="a/engine")
    yield Quantiles(measure="ttft", **span, route="none")


def judge_quantiles(found: Sequence[QuantileRow], rows: Sequence[RequestRow], question: Quantiles) -> None:
    """AssertionError where the answer is not that of these rows."""
    groups: dict[tuple[float, str, str, str], list[float]] = {}
    field = FIELDS[question.measure]
    since, until = math.floor(question.since / 60) * 60, math.ceil(question.until / 60) * 60
    for row in rows:
        value: float = getattr(row, field)
        if value >= 0 and since <= row.at < until and _counts(row, question):
            groups.setdefault(_group(row, question), []).append(value)
    told = [(one.at, one.route, one.replica, one.class_name) for one in found]
    assert told == sorted(groups), question
    for one, key in zip(found, told, strict=True):
        exact = sorted(groups[key])
        assert one.count == len(exact), (question, one)
        for share, value in zip(question.shares, one.values, strict=True):
            true = exact[max(1, math.ceil(share * len(exact) - 1e-9)) - 1]
            assert abs(value - true) <= SKETCH_ERROR * true + 1e-6, (question, one, share, true)


def _counts(row: RequestRow, question: Quantiles) -> bool:
    well = not row.outcome and row.status < 400
    mine = question.route in ("", row.route) and question.replica in ("", row.replica)
    return well and mine and (question.cold or row.cold != 1)


def _group(row: RequestRow, question: Quantiles) -> tuple[float, str, str, str]:
    by = question.by
    seconds = 60 if "minute" in by else 3600
    at = row.at // seconds * seconds if {"minute", "hour"} & set(by) else 0.0
    name = "cold" if row.cold == 1 else "warm"
    return at, row.route * ("route" in by), row.replica * ("replica" in by), name * ("class" in by)
