"""The outlook: ways in which causes show themselves, what silence tells, what is not there."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.catalogue import get_catalogue
from keepwell.core import ref
from keepwell.core.finding import Check
from keepwell.core.issue import Case, Evidence
from keepwell.core.observation import Observation, Seen, Value, absent
from keepwell.diagnose.outlook import AT_MOST, KERNEL, LOG, find_empty, is_pointless, make_outlook, ways_of
from tests.diagnose.made import make_issue

LINE = Evidence(say="a line", weight=4.0, match=("it broke",))
BAD = Evidence(say="a check", weight=5.0, check="disk.space")
OTHER = Evidence(say="another check", weight=5.0, check="gpu.errors")


def saw(name: str, value: Value) -> Observation:
    return Observation(subject=ref.node("box"), name=name, value=value, at=0.0, source="test")


def test_ways_follow_the_cases_and_each_has_a_chance() -> None:
    cases = (
        Case(name="a", text="it broke"),
        Case(name="b", text="kernel: it broke"),
        Case(name="c", findings=(("disk.space", {}),)),
        Case(name="d", findings=(("disk.space", {}),)),
    )
    ways = ways_of(make_issue("one", LINE, BAD, OTHER, cases=cases))
    assert sum(ways.values()) == pytest.approx(1.0)
    assert ways["disk.space"] > ways[LOG] == ways[KERNEL] > ways["gpu.errors"] > 0


def test_hints_good_news_and_checks_of_texts_are_no_ways() -> None:
    weak = Evidence(say="w", weight=1.0, check="disk.inodes")
    well = Evidence(say="o", weight=4.0, check="disk.writable", status="ok")
    told = Evidence(say="t", weight=4.0, check="text.path")
    assert set(ways_of(make_issue("one", BAD, weak, well, told))) == {"disk.space"}
    assert ways_of(make_issue("two", weak)) == {}


def test_silence_makes_the_one_less_likely_and_the_others_likelier() -> None:
    issues = (make_issue("disk", BAD), make_issue("card", OTHER))
    before = make_outlook(issues, {}, 1.0)
    after = make_outlook(issues, {}, 1.0, looked={"disk.space"})
    assert before.shares["disk"] == pytest.approx(before.shares["card"])
    assert 0 < after.shares["disk"] < after.shares["card"]
    assert after.chance({"gpu.errors"}) > before.chance({"gpu.errors"})


def test_the_ranked_keep_their_place_and_the_ruled_out_have_none() -> None:
    issues = (make_issue("disk", BAD), make_issue("card", OTHER), make_issue("third", LINE))
    found = make_outlook(issues, {"disk": 0.4}, 0.6, ruled_out={"card"})
    assert found.shares == {"disk": 0.4, "third": pytest.approx(0.6)}


@settings(max_examples=20)
@given(st.sets(st.sampled_from(["disk.space", "gpu.errors", "engine.running", LOG, KERNEL])), st.floats(0.0, 1.0))
def test_shares_are_probabilities(looked: set[str], unknown: float) -> None:
    issues = get_catalogue().issues
    found = make_outlook(issues.values(), {}, unknown, looked=looked, ways=get_catalogue().ways)
    assert sum(found.shares.values()) == pytest.approx(unknown)
    assert 0.0 <= found.chance({"disk.space", LOG}) <= AT_MOST * unknown + 1e-9


def test_what_is_not_there_is_not_looked_at() -> None:
    seen = Seen([saw("device.list", absent("no card")), saw("host.containers", ())])
    empty = find_empty(seen)
    assert empty == {"device.list", "host.containers"}
    assert is_pointless(Check(id="gpu.link", title="t", needs=("device.link", "device.list"), judge=list), empty)
    assert is_pointless(Check(id="container.running", title="t", needs=("host.containers",), judge=list), empty)
    assert not is_pointless(Check(id="disk.space", title="t", needs=("host.mounts",), judge=list), empty)
    assert not is_pointless(Check(id="text.gpu", title="t", needs=("host.containers",), judge=list), empty)
    assert find_empty(Seen([saw("device.list", ({"index": 0},))])) == frozenset()
    assert find_empty(Seen()) == frozenset()
