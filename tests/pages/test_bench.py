"""The page of a benchmark: figures and pictures, nothing that runs, nothing from elsewhere."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.benching.report import BenchReport, make_report
from keepwell.bench.load import Load
from keepwell.bench.sweep import Step
from keepwell.pages.bench import render
from keepwell.pages.curves import HEIGHT, WIDTH, Axis, Line, draw_lines, draw_spread
from tests.bench.made import make_result, make_row
from tests.pages.test_diagnose import VOID, Reader

VOID |= {"rect", "polyline"}


def make_bench_report(*clients: int) -> BenchReport:
    """Stretches of so many clients each; a sweep where there are several."""
    results = [
        make_result(
            [make_row(number / 10, ttft=0.02 * count + number / 1000) for number in range(40)],
            load=Load(clients=count, seconds=4.0),
            itl=[0.004, 0.005, 0.006] * 50,
            meanwhile={"energy_joules": 25.0, "host_cpu_busy_ratio": 0.5},
        )
        for count in clients
    ]
    step = {True: Step(load=0.0, end="found", best=float(clients[0])), False: None}[len(clients) > 1]
    return make_report(results, group="bench-made", target="<b>stub</b>", goals={"ttft": 0.5}, sweep=step)


def test_all_that_was_measured_stands_on_it() -> None:
    """What was measured, times, goals, pictures, and what the words mean."""
    page = Reader(render(make_bench_report(2)))
    assert page.open == []
    assert not page.tags & {"script", "iframe", "object", "link", "img"}
    for text in ("<b>stub</b>", "time to first token", "tpot", "ttft=500ms", "J a token", "first token - sent"):
        assert text in page.text
    assert sum(1 for name, _ in page.attributes if name == "viewbox") == 4


def test_a_sweep_has_its_curve() -> None:
    """Before the stretches."""
    page = Reader(render(make_bench_report(1, 2, 4)))
    assert "More and more load" in page.text
    assert sum(1 for name, _ in page.attributes if name == "viewbox") == 2 + 3 * 4


def test_nothing_answered_is_a_page_too() -> None:
    """Without pictures."""
    result = make_result([make_row(outcome=4)])
    page = Reader(render(make_report([result], group="g", target="t", goals={})))
    assert "None of 1 requests was answered: timeout" in page.text


def _round(number: float) -> float:
    return round(number, 6)


NUMBERS = st.sampled_from([math.nan, math.inf, -math.inf]) | st.floats(-1.0, 1e9).map(_round)


@given(st.lists(st.tuples(st.floats(0.01, 1e6), NUMBERS), max_size=8), st.booleans())
@settings(max_examples=50)
def test_lines_stay_in_the_picture(points: list[tuple[float, float]], log: bool) -> None:
    """Whatever the numbers; what is not finite is no point."""
    drawn = draw_lines([Line(name="a", points=points)], "t", "s", "s", log=log)
    known = [(x, y) for x, y in points if math.isfinite(y)]
    assert bool(drawn) == bool(known)
    assert "nan" not in drawn
    assert drawn.count("<circle") == len(known)
    for part in drawn.split('cx="')[1:]:
        assert 0 <= float(part.split('"')[0]) <= WIDTH


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.floats(1e-6, 1e3), st.floats(1.001, 10.0))
def test_bars_stay_in_the_picture(counts: list[int], low: float, factor: float) -> None:
    """One for each edge that has any."""
    edges = [low * factor**one for one in range(len(counts) + 1)]
    drawn = draw_spread(edges, counts, "t", "s")
    assert drawn.count("<rect") == sum(map(bool, counts))
    for part in drawn.split(' height="')[1:]:
        assert 0 <= float(part.split('"')[0]) <= HEIGHT


@pytest.mark.parametrize(
    ("axis", "marks"),
    [
        (Axis(0.0, 100.0), [0, 20, 40, 60, 80, 100]),
        (Axis(0.0, 0.7), [0, 0.2, 0.4, 0.6]),
        (Axis(1.0, 64.0, log=True), [1, 2, 5, 10, 20, 50]),
        (Axis(5.0, 5.0), [5]),
    ],
)
def test_marks_are_round(axis: Axis, marks: list[float]) -> None:
    """1, 2 and 5 with zeros."""
    assert axis.marks() == pytest.approx(marks)
