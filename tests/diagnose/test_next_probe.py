"""The next check: information per cost, stop rules, and the sentence."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core import ref
from keepwell.core.hypothesis import NextProbe
from keepwell.core.issue import Evidence, Issue, Rival
from keepwell.core.observation import Observation, Seen
from keepwell.diagnose.clues import Clues
from keepwell.diagnose.next_probe import SIGN_OF_USUAL_LEVEL, choose_probe, expected_bits, is_settled
from keepwell.diagnose.outlook import make_outlook
from keepwell.diagnose.rank import rank_causes
from keepwell.diagnose.weigh import weigh_all
from tests.diagnose.made import make_finding, make_issue

SHARED = Evidence(say="both", weight=4.0, check="a.both")


def choose(*issues: Issue, costs: dict[str, float] | None = None) -> NextProbe | None:
    """The next check when both causes are equally likely."""
    ranked, unknown = rank_causes(weigh_all(issues, Clues(findings=(make_finding("a.both"),))))
    return choose_probe(ranked, unknown, costs or {})


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=6), st.data())
def test_information_is_between_nothing_and_everything(weights: list[float], data: st.DataObject) -> None:
    shares = [one / sum(weights) for one in weights]
    yes = data.draw(st.lists(st.floats(0.0, 1.0), min_size=len(shares), max_size=len(shares)))
    entropy = -sum(one * math.log2(one) for one in shares)
    assert 0.0 <= expected_bits(shares, yes) <= entropy + 1e-9


def test_a_perfect_question_tells_a_bit() -> None:
    assert expected_bits([0.5, 0.5], [1.0, 0.0]) == pytest.approx(1.0)
    assert expected_bits([0.5, 0.5], [0.5, 0.5]) == pytest.approx(0.0)


def test_the_check_that_separates_is_chosen_and_named() -> None:
    one = make_issue("one", SHARED, Evidence(say="own", weight=5.0, check="b.own"))
    two = make_issue("two", SHARED, Evidence(say="other", weight=0.3, check="c.weak"))
    found = choose(one, two)
    assert found is not None
    assert "b.own" in found.say
    assert "separates one from two" in found.say


def test_a_dear_check_gives_way_to_a_rivals_settling_command() -> None:
    one = make_issue(
        "one",
        SHARED,
        Evidence(say="own", weight=5.0, check="b.own"),
        rivals=(Rival(issue="two", settle="Look at the mode.", command="stat {path}"),),
    )
    two = make_issue("two", SHARED)
    found = choose(one, two, costs={"b.own": 100_000.0})
    assert found is not None
    assert found.command == "stat <path>"
    assert found.separates == ("one", "two")


def test_it_stops_when_one_is_sure_or_nothing_pays() -> None:
    assert is_settled([0.95, 0.02], 0.03)
    assert not is_settled([0.6, 0.3], 0.1)
    assert choose_probe([], 1.0, {}) is None
    sure = make_issue("sure", Evidence(say="proof", weight=9.0, check="a.both"), settle="Look.")
    assert choose(sure) is None
    assert choose(make_issue("one", SHARED), make_issue("two", SHARED)) is None


@pytest.mark.parametrize(
    ("check", "command"),
    [
        ("stream.hops", "keepwell diagnose --level 3"),
        ("engine.running", "keepwell diagnose"),
        ("b.own", "keepwell diagnose"),
    ],
)
def test_a_check_of_a_deep_level_is_asked_for_with_its_level(check: str, command: str) -> None:
    deep = make_issue("one", SHARED, Evidence(say="own", weight=5.0, check=check))
    found = choose(deep, make_issue("two", SHARED))
    assert found is not None
    assert found.command == command


def test_causes_that_nothing_speaks_for_have_a_say() -> None:
    """One check would show three of them, another the only cause that is named: the unknown is the likelier."""
    named = make_issue("named", SHARED, Evidence(say="own", weight=5.0, check="speed.queue"))
    hidden = [make_issue(f"hidden-{one}", Evidence(say="it", weight=5.0, check="stream.hops")) for one in range(3)]
    ranked, _ = rank_causes(weigh_all((named,), Clues(findings=(make_finding("a.both"),))))
    alone = choose_probe([(one, 0.1) for one, _ in ranked], 0.9, {})
    wide = choose_probe([(one, 0.1) for one, _ in ranked], 0.9, {}, outlook=make_outlook(hidden[:2], {}, 1.0))
    assert alone is not None
    assert "speed.queue" in alone.say
    assert wide is not None
    assert "stream.hops" in wide.say
    assert wide.separates[0].startswith("hidden")


def test_without_any_cause_the_outlook_tells_where_to_look() -> None:
    issues = [
        make_issue("one", Evidence(say="it", weight=5.0, check="stream.hops")),
        make_issue("two", Evidence(say="it", weight=5.0, check="speed.queue"), prior=0.001),
    ]
    found = choose_probe([], 1.0, {}, outlook=make_outlook(issues, {}, 1.0))
    assert found is not None
    assert found.command.startswith("keepwell diagnose --level ")


@pytest.mark.parametrize("check", ["engine.running", "gpu.errors", "services.needs"])
def test_what_this_look_has_made_is_not_offered_again(check: str) -> None:
    deep = make_issue("one", SHARED, Evidence(say="own", weight=5.0, check=check))
    ranked, unknown = rank_causes(
        weigh_all((deep, make_issue("two", SHARED)), Clues(findings=(make_finding("a.both"),)))
    )
    sign = Observation(subject=ref.node("box"), name=SIGN_OF_USUAL_LEVEL, value=(), at=0.0, source="test")
    assert choose_probe(ranked, unknown, {}) is not None
    assert choose_probe(ranked, unknown, {}, seen=Seen([sign])) is None
