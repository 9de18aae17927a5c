"""Shares of routes that other routes take: who is moved, what lies in the folder, what the data plane makes of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import DamagedError
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.explain import explain
from keepwell.gateway.choice.names import Names
from keepwell.gateway.choice.needs import find_shortage
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.gateway.choice.splits import (
    SPLITS_FOLDER,
    Diversion,
    Split,
    divert,
    draw,
    find_largest,
    load_splits,
    name_moved,
    render_split,
)
from keepwell.gateway.diversions import add_diversions
from keepwell.gateway.settings import Settings
from keepwell.plugins.dialect import Offered
from keepwell.plugins.routing import Replica
from keepwell.store.folder import replace_private
from tests.gateway.made import POLICIES

OWN = Route(name="a", replicas={"x": "a"}, fallback="c", waiting=7, priority=2, comments=True)
OTHER = Route(name="b", replicas={"y": "b-model"}, policy=("session",), waiting=9)
MOVED = name_moved("a", "b")


def diverted(share: float) -> dict[str, Diversion]:
    """A share of `a` goes to `b`."""
    return add_diversions(Settings(routes=(OWN, OTHER)), [Split(route="a", to="b", share=share)])[1]


@settings(max_examples=60)
@given(st.binary(max_size=40), st.integers(0, 2**40), st.floats(0.001, 1), st.floats(0.001, 1))
def test_who_is_moved_stays_moved_while_the_share_grows(session: bytes, number: int, one: float, two: float) -> None:
    small, large = sorted((one, two))
    before = divert(diverted(small), OWN, number, session, made=True)
    after = divert(diverted(large), OWN, number, session, made=True)
    assert before.name in ("a", MOVED)
    assert after.name == MOVED or before.name == "a"
    assert after is not OWN or draw(session or str(number).encode()) >= large


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 1.0])
def test_the_share_is_kept_by_numbers_and_by_sessions(share: float) -> None:
    found = diverted(share)
    numbers = Counter(divert(found, OWN, number, b"", made=True).name for number in range(4000))
    sessions = Counter(divert(found, OWN, 7, b"s%d" % number, made=True).name for number in range(4000))
    for one in (numbers, sessions):
        assert abs(one[MOVED] / 4000 - share) < 0.025


def test_a_session_stays_together_and_what_makes_no_answer_moves_last() -> None:
    found = diverted(0.5)
    assert len({divert(found, OWN, number, b"ada", made=True).name for number in range(50)}) == 1
    assert {divert(found, OWN, number, b"", made=False).name for number in range(50)} == {"a"}
    assert {divert(diverted(1.0), OWN, number, b"", made=False).name for number in range(50)} == {MOVED}
    assert divert(found, OTHER, 1, b"", made=True) is OTHER


def test_the_moved_route_has_the_others_replicas_and_its_own_place() -> None:
    shortage = find_shortage([("y", frozenset({"images"}), 2048)])
    assert shortage is not None
    before = Settings(routes=(OWN, OTHER), shortages={"b": shortage}, bodies=("a",), offered=(Offered(name="a"),))
    after, found = add_diversions(before, [Split(route="a", to="b", share=0.25)])
    route = found["a"].route
    assert (route.name, route.replicas, route.policy) == (MOVED, OTHER.replicas, OTHER.policy)
    assert (route.fallback, route.waiting, route.priority, route.comments) == ("a", 7, 2, True)
    assert route.moved_from == "a"
    assert after.shortages[MOVED] is shortage
    assert after.bodies == ("a", MOVED)
    assert after.offered == before.offered


def test_a_name_whose_engines_are_gone_is_still_offered() -> None:
    before = Settings(routes=(OTHER,), offered=(Offered(name="b", size_bytes=5),))
    after, found = add_diversions(before, [Split(route="a", to="b", share=1.0)])
    assert [(one.name, one.size_bytes) for one in after.offered] == [("a", 5), ("b", 5)]
    assert (found["a"].route.fallback, [one.name for one in after.routes]) == ("", ["b", "a", MOVED])


def test_a_share_of_nobody_changes_nothing() -> None:
    before = Settings(routes=(OWN,))
    splits = [Split(route="a", to="gone", share=1.0), Split(route="a", to="a", share=0.5)]
    assert add_diversions(before, splits) == (before, {})


def test_the_largest_share_of_a_folder_holds(tmp_path: Path) -> None:
    assert load_splits(tmp_path) == ()
    for place, share in enumerate((0.05, 0.5, 0.25)):
        replace_private(
            tmp_path / SPLITS_FOLDER / f"run.{place}.json", render_split(Split(route="a", to="b", share=share))
        )
    replace_private(tmp_path / SPLITS_FOLDER / "other.json", render_split(Split(route="b", to="a", share=0.1)))
    assert [(one.route, one.share) for one in load_splits(tmp_path)] == [("a", 0.5), ("b", 0.1)]
    (tmp_path / SPLITS_FOLDER / "run.1.json").unlink()
    assert load_splits(tmp_path)[0].share == 0.25


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"route":"a","to":"b","share":0}', b'{"route":"a","to":"b","share":2}']
)
def test_what_is_no_share_is_told(tmp_path: Path, content: bytes) -> None:
    replace_private(tmp_path / SPLITS_FOLDER / "x.json", content)
    with pytest.raises(DamagedError, match="no share"):
        load_splits(tmp_path)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.001, 1))))
def test_one_share_a_route_the_largest(rows: list[tuple[str, float]]) -> None:
    found = find_largest(Split(route=name, to="z", share=share) for name, share in rows)
    assert {one.route: one.share for one in found} == {
        name: max(share for other, share in rows if other == name) for name, _ in rows
    }


def test_it_is_told_where_a_share_goes() -> None:
    replicas = [Replica(id=name, node="n", host="h", port=1, dialects=frozenset({"openai"})) for name in ("x", "y")]
    settings, found = add_diversions(Settings(routes=(OWN, OTHER)), [Split(route="a", to="b", share=0.25)])
    names = Names({one.name: one for one in settings.routes if not one.moved_from}, {})
    told = explain(Scheduler(replicas, settings.routes, POLICIES), names, "a", "", 0.0, diversions=found)
    assert told is not None
    assert [(one.route, one.how) for one in told.fallbacks] == [(MOVED, "takes 25% of the requests for a")]
    assert [one.replica for one in told.fallbacks[0].candidates["openai"]] == ["y"]
