"""Dots of what changed: inside the picture, numbered as given, older ones further left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keepwell.pages.chart import HEIGHT, LEFT, RIGHT, draw_changes, place_dots

UNTIL = 1_767_225_600.0


@given(st.lists(st.floats(0, 2e9), max_size=30))
def test_every_instant_has_its_dot_inside(instants: list[float]) -> None:
    dots = place_dots(instants, UNTIL)
    assert sorted(one.number for one in dots) == list(range(1, len(instants) + 1))
    assert all(LEFT - 0.1 <= one.x <= RIGHT and 0 < one.y < HEIGHT for one in dots)


@given(st.lists(st.floats(0, UNTIL), min_size=2, max_size=30))
def test_older_is_further_left(instants: list[float]) -> None:
    x = {one.number: one.x for one in place_dots(instants, UNTIL)}
    by_age = sorted(range(len(instants)), key=instants.__getitem__)
    places = [x[number + 1] for number in by_age]
    assert places == sorted(places)


def test_dots_that_touch_are_numbered_at_different_heights() -> None:
    dots = place_dots([UNTIL - 3600, UNTIL - 3601, UNTIL - 3602], UNTIL)
    assert len({one.y for one in dots}) == 3


def test_the_end_is_named() -> None:
    assert ">first error</text>" in draw_changes([UNTIL - 60], UNTIL, "first error")
