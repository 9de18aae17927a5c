"""Capacity, pure: the largest load that kept what was promised, and estimates that say from where to where."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.bench.capacity import (
    Promise,
    Tried,
    count_at_once,
    estimate_forms,
    estimate_from_bandwidth,
    estimate_speed,
    find_capacities,
    try_load,
)
from keepwell.bench.load import Load
from keepwell.bench.result import Client
from tests.bench.made import make_result, make_row

PROMISED = (Promise(limit="ttft", seconds=0.1, share=0.9),)


def _tried(size: float, *, at: float = 0.0, why: str = "") -> Tried:
    return Tried(
        id="x", at=at, size=size, unit="clients", requests_per_second=size, output_tokens_per_second=0.0, why=why
    )


def test_a_load_keeps_what_was_promised_or_says_what_it_missed() -> None:
    good = make_result([make_row(number) for number in range(10)])
    found = try_load(good, PROMISED)
    assert found is not None
    assert (found.size, found.unit, found.why) == (2.0, "clients", "")
    assert found.output_tokens_per_second == pytest.approx(640 / 9.336, rel=0.01)
    late = make_result([make_row(number, ttft=0.05 + 0.06 * (number < 2)) for number in range(10)])
    missed = try_load(late, PROMISED)
    assert missed is not None
    assert missed.why == "ttft within 0.1 s: 80.0% of requests, promised 90 %"
    failing = make_result([make_row(number, outcome=int(number < 1)) for number in range(10)])
    nothing = try_load(failing, ())
    assert nothing is not None
    assert nothing.why == "1 of 10 requests failed"
    kept = try_load(failing, PROMISED)
    assert kept is not None
    assert not kept.why
    empty = try_load(make_result([]), PROMISED)
    assert empty is not None
    assert empty.why == "nothing was answered"


def test_a_load_without_a_size_or_of_a_limited_client_says_nothing() -> None:
    rows = [make_row()]
    assert try_load(make_result(rows, load=Load(shape="replay")), ()) is None
    assert try_load(make_result(rows, load=Load(shape="ramp", rate_to=5.0)), ()) is None
    assert try_load(replace(make_result(rows), client=Client(limited="late")), ()) is None
    paced = try_load(make_result(rows, load=Load(shape="poisson", rate=3.0)), ())
    assert paced is not None
    assert (paced.size, paced.unit) == (3.0, "requests a second")


def test_the_largest_that_was_well_with_all_smaller_ones() -> None:
    (found,) = find_capacities([_tried(1), _tried(2), _tried(4, why="late"), _tried(8)])
    assert found.best == _tried(2)
    assert found.beyond == _tried(4, why="late")
    (never,) = find_capacities([_tried(1), _tried(2)])
    assert (never.best, never.beyond) == (_tried(2), None)
    (none,) = find_capacities([_tried(1, why="late")])
    assert none.best is None
    assert find_capacities([]) == ()


def test_of_a_load_that_was_measured_twice_the_newest_counts() -> None:
    (found,) = find_capacities([_tried(2, at=5.0, why="late"), _tried(2, at=1.0), _tried(1)])
    assert found.best == _tried(1)
    both = find_capacities([_tried(2), replace(_tried(2), unit="requests a second")])
    assert [one.unit for one in both] == ["clients", "requests a second"]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=12))
def test_the_best_is_always_below_what_was_too_much(loads: list[tuple[int, bool]]) -> None:
    for one in find_capacities(_tried(size, at=number, why="x" * bad) for number, (size, bad) in enumerate(loads)):
        if one.best is not None:
            assert not one.best.why
            assert one.beyond is None or one.best.size < one.beyond.size


def test_estimates_go_with_the_bytes_and_say_how_unsure_they_are() -> None:
    half = estimate_speed(20.0, 16e9, 8e9)
    assert (half.low, half.high) == (30.0, 50.0)
    card = estimate_from_bandwidth(1000e9, 5e9)
    assert (card.low, card.high) == (100.0, 170.0)
    forms = estimate_forms(16e9, "f16")
    assert forms["Q4_K_M"] == pytest.approx(4.9e9, rel=0.01)
    assert "F16" not in forms
    assert estimate_forms(16e9, "unknown") == {}
    assert estimate_forms(0, "F16") == {}


def test_how_many_fit() -> None:
    assert count_at_once(100, 50, 10, 8) == 5
    assert count_at_once(100, 95, 10, 8) == 0
    assert count_at_once(100, 50, 10, 0) == 0
