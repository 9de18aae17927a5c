"""Sketches: within one per cent, add up exactly, and come back from their bytes."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.store.series_sketch import (
    add_up,
    find_bucket,
    find_middle,
    find_quantiles,
    make_sketch,
    merge_sketches,
    parse_sketch,
    render_sketch,
)

numbers = st.one_of(st.just(0.0), st.floats(1e-9, 1e18), st.floats(-1e18, -1e-9))


@given(numbers)
def test_a_bucket_is_within_one_per_cent_of_what_is_in_it(number: float) -> None:
    assert math.isclose(find_middle(find_bucket(number)), number, rel_tol=0.01)


@given(st.lists(numbers, max_size=40), st.lists(numbers, max_size=40))
def test_two_sketches_together_are_the_sketch_of_all(one: list[float], other: list[float]) -> None:
    assert merge_sketches([make_sketch(one), make_sketch(other)]) == make_sketch(one + other)


@given(st.dictionaries(st.integers(-3000, 3000), st.integers(1, 10**9), max_size=30))
def test_a_sketch_comes_back_from_its_bytes(counts: dict[int, int]) -> None:
    assert dict(parse_sketch(render_sketch(counts))) == counts


def test_quantiles_are_within_one_per_cent_of_the_exact_ones() -> None:
    chance = random.Random(5)
    rows = sorted(chance.lognormvariate(0, 2) for _ in range(5001))
    found = find_quantiles(add_up([make_sketch(rows)]), (0.0, 0.5, 0.95, 0.99, 1.0))
    exact = [rows[0], rows[2500], rows[4750], rows[4950], rows[5000]]
    assert found == pytest.approx(exact, rel=0.011)


def test_nothing_has_no_quantiles() -> None:
    assert find_quantiles({}, (0.5,)) == ()


@given(st.binary(max_size=60))
def test_bytes_that_are_no_sketch_are_a_value_error_or_pairs(content: bytes) -> None:
    try:
        rows = list(parse_sketch(content))
    except ValueError:
        return
    assert all(isinstance(bucket, int) for bucket, _ in rows)


def test_a_minute_that_stands_still_has_three_bytes() -> None:
    assert len(make_sketch([0.25] * 60)) == 3
