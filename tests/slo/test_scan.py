"""What few requests tell: two signs at least, exact chances, and an end that takes more than the beginning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.slo.chance import tail
from keepwell.slo.scan import MOST_CHANCE, TOLD_SIGNS, find_normal, scan
from keepwell.slo.tally import MINUTE, Tally

#: Requests of a month at one a minute.
ONE_A_MINUTE = 43_200.0


def minutes(pattern: str) -> list[Tally]:
    """A request a minute: "." went well, "x" failed."""
    return [
        Tally(MINUTE * number, good=int(one == "."), bad=int(one == "x"), spells=int(one == "x"))
        for number, one in enumerate(pattern)
    ]


@given(before=st.integers(0, 200), after=st.integers(0, 200))
def test_one_failure_tells_nothing_however_quiet_it_is(before: int, after: int) -> None:
    assert scan(minutes("." * before + "x" + "." * after), 0.001, ONE_A_MINUTE) is None


def test_two_of_twenty_are_told_and_wake_nobody() -> None:
    found = scan(minutes("x" + "." * 18 + "x"), 0.001, ONE_A_MINUTE)
    assert found is not None
    assert (found.signs, found.events) == (2, 20)
    assert found.chance == pytest.approx(tail(19, 0.001, 1))
    assert found.is_told(already=False)
    assert not found.is_paged(0.005)


def test_two_of_thirty_one_are_not_told_but_do_not_end_what_was() -> None:
    found = scan(minutes("x" + "." * 29 + "x"), 0.001, ONE_A_MINUTE)
    assert found is not None
    assert not found.is_told(already=False)
    assert found.is_told(already=True)


def test_it_ends_when_requests_go_well_again() -> None:
    well = scan(minutes("x...x" + "." * 200), 0.001, ONE_A_MINUTE)
    assert well is not None
    assert not well.is_told(already=True)


def test_an_outage_wakes_somebody_with_the_third_failure() -> None:
    found = scan(minutes("." * 100 + "xxx"), 0.001, ONE_A_MINUTE)
    assert found is not None
    assert found.is_paged(0.005)
    assert not (scan(minutes("." * 100 + "xx"), 0.001, ONE_A_MINUTE) or found).is_paged(0.005)


def test_many_requests_make_it_stricter() -> None:
    few, many = (scan(minutes("x.x"), 0.001, count) for count in (ONE_A_MINUTE, 1000 * ONE_A_MINUTE))
    assert few is not None
    assert many is not None
    assert few.told == pytest.approx(1 / 43.2)
    assert many.told == pytest.approx(1 / 43_200)


@given(pattern=st.text(alphabet=".x", max_size=80))
def test_it_is_the_least_likely_of_all_beginnings(pattern: str) -> None:
    found = scan(minutes(pattern), 0.005, ONE_A_MINUTE)
    rest = [pattern[at:] for at in range(len(pattern)) if pattern[at] == "x" and pattern[at:].count("x") >= TOLD_SIGNS]
    chances = [tail(len(one) - 1, 0.005, one.count("x") - 1) for one in rest]
    assert (found.chance if found else None) == (min(chances) if chances else None)


def test_what_is_normal_is_learnt_and_never_more_than_is_allowed() -> None:
    assert find_normal(0.005, Tally(0, good=500)) == 0.005
    assert find_normal(0.005, Tally(0, good=10_000)) == 0.001
    assert find_normal(0.005, Tally(0, good=9_970, bad=30, spells=30)) == pytest.approx(0.00305, rel=0.01)
    assert find_normal(0.005, Tally(0, good=9_000, bad=1000, spells=1000)) == 0.005


def test_what_is_told_at_next_to_nothing_asked_still_is_unlikely() -> None:
    found = scan(minutes("xx"), 0.001, 10.0)
    assert found is not None
    assert found.told == MOST_CHANCE
