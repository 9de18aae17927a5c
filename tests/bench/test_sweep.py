"""Sweeps over engines whose limits are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.bench.sweep import NEAR, STRETCHES, Point, Step, find_next


def play(engine: Callable[[float], Point], *, whole: bool, goals: bool) -> tuple[Step, list[Point]]:
    """A sweep to its end."""
    points: list[Point] = []
    step = find_next(points, whole=whole, goals=goals)
    while step.end is None:
        points.append(engine(step.load))
        step = find_next(points, whole=whole, goals=goals)
    return step, points


def limit_at(limit: float) -> Callable[[float], Point]:
    """An engine that keeps to every goal up to a load, and to none beyond it."""
    return lambda load: Point(load=load, per_second=min(load, limit), share=float(load <= limit))


@given(st.floats(0.05, 5000.0))
@settings(max_examples=80)
def test_a_rate_is_found_within_a_tenth(limit: float) -> None:
    """Never above the truth, in a bounded number of stretches."""
    step, points = play(limit_at(limit), whole=False, goals=True)
    assert len(points) <= STRETCHES
    assert step.end in ("found", "too many stretches")
    assert step.best <= limit
    if step.end == "found":
        assert limit <= step.best * (1 + NEAR) + 1e-9


@given(st.integers(1, 4096))
@settings(max_examples=80)
def test_clients_are_found_within_a_tenth(limit: int) -> None:
    """And exactly where they are few."""
    step, points = play(limit_at(limit), whole=True, goals=True)
    assert all(one.load == int(one.load) for one in points)
    assert len({one.load for one in points}) == len(points)
    assert step.best <= limit < step.best * (1 + NEAR) + 2
    if limit < 10:
        assert step.best == limit


@pytest.mark.parametrize(("slots", "least", "most"), [(1, 1, 1), (4, 4, 6), (8, 8, 12)])
def test_without_goals_it_ends_at_the_knee(slots: int, least: int, most: int) -> None:
    """An engine of so many slots answers no more, however many ask."""
    step, points = play(lambda load: Point(load=load, per_second=min(load, slots), share=1.0), whole=True, goals=False)
    assert step.end == "found"
    assert least <= step.best <= most
    assert max(one.load for one in points) <= 4 * slots


def test_an_engine_that_keeps_to_nothing() -> None:
    """One client is too much; a rate is tried smaller and smaller for a while."""
    step, points = play(limit_at(0.0), whole=True, goals=True)
    assert (step.end, step.best, len(points)) == ("too much at once", 0.0, 1)
    step, points = play(limit_at(0.0), whole=False, goals=True)
    assert (step.end, step.best) == ("too much at once", 0.0)
    assert len(points) <= 8


def test_an_engine_that_is_never_full() -> None:
    """As many clients as one process of ours may be."""
    step, points = play(limit_at(1e9), whole=True, goals=True)
    assert (step.end, step.best, len(points)) == ("never too much", 4096.0, 13)


def test_a_client_that_is_its_own_limit_ends_it() -> None:
    """What it cannot send tells nothing of the engine: it is no load that was well."""
    step, points = play(
        lambda load: Point(load=load, per_second=load, share=1.0, limited=load > 8), whole=True, goals=True
    )
    assert (step.end, step.best) == ("client", 8)
    assert max(one.load for one in points) == 16


@given(
    st.lists(
        st.builds(
            Point,
            load=st.floats(0.01, 4096),
            per_second=st.floats(0, 1e4),
            share=st.floats(0, 1),
            limited=st.booleans(),
        ),
        max_size=STRETCHES,
    ),
    st.booleans(),
    st.booleans(),
)
def test_whatever_was_measured_there_is_a_next_step(points: list[Point], whole: bool, goals: bool) -> None:
    """Another load, or an end with its reason."""
    if whole:
        points = [replace(one, load=float(max(1, round(one.load)))) for one in points]
    step = find_next(points, whole=whole, goals=goals)
    assert (step.load > 0) == (step.end is None)
    assert step.best >= 0
