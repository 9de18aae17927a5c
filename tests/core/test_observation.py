"""Missing is no value and has no truth; of two observations the newest counts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import AccessError, NotPermitted, NotThere, TimedOut, TooLarge, Unreachable
from keepwell.core.observation import Missing, Observation, Seen, absent, failed, unknown
from keepwell.core.ref import engine, node
from tests.core.strategies import missing, observations

REFS = st.sampled_from([node("n"), engine("n", "a"), engine("n", "b")])


@given(missing)
def test_missing_has_no_truth_and_no_arithmetic(one: Missing) -> None:
    with pytest.raises(TypeError, match="no truth"):
        bool(one)
    value: Any = one
    for wrong in (
        lambda: not value,
        lambda: value + 1,
        lambda: sum([1, value]),
        lambda: value < 3,
        lambda: float(value),
        lambda: max(1, value),
    ):
        with pytest.raises(TypeError):
            wrong()
    assert str(one) == f"{one.kind}: {one.reason}"


def test_three_kinds_of_not_there() -> None:
    assert (absent("r").kind, unknown("r").kind, failed("r").kind) == ("absent", "unknown", "failed")
    assert failed(NotThere("gone", where="/x")) == absent("gone · at /x")
    for error in (NotPermitted, TimedOut, Unreachable, TooLarge, AccessError):
        assert failed(error("no")).kind == "failed"


@given(st.lists(observations(REFS), max_size=12))
@settings(max_examples=100)
def test_the_newest_observation_counts(made: list[Observation]) -> None:
    seen = Seen(made)
    for one in made:
        same = [other for other in made if (other.subject, other.name) == (one.subject, one.name)]
        newest = max(other.at for other in same)
        found = seen.find(one.subject, one.name)
        assert found is not None
        assert found.at == newest
        last = [other for other in same if other.at == newest][-1]
        assert found is last
        assert seen.value(one.subject, one.name) is last.value
    assert len(seen) == len({(one.subject, one.name) for one in made})
    assert sum(len(seen.named(name)) for name in {one.name for one in made}) == len(seen)


@given(st.lists(observations(REFS), max_size=8))
@settings(max_examples=50)
def test_seeing_again_changes_nothing(made: list[Observation]) -> None:
    seen = Seen(made)
    assert list(Seen(seen)) == list(seen)
    assert list(Seen([*made, *made])) == list(seen)


def test_what_nobody_looked_at_is_unknown() -> None:
    seen = Seen()
    assert seen.find(node("n"), "a.x") is None
    assert seen.named("a.x") == ()
    value = seen.value(node("n"), "a.x")
    assert isinstance(value, Missing)
    assert value.kind == "unknown"


def test_subjects_in_order_of_first_sight() -> None:
    made = [
        Observation(subject=engine("n", name), name=what, value=1, at=0.0, source="")
        for name, what in (("b", "x"), ("a", "x"), ("b", "y"))
    ]
    assert Seen(made).subjects("engine") == (engine("n", "b"), engine("n", "a"))
    assert Seen(made).subjects("node") == ()
