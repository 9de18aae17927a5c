"""An item moves only as its states allow, and counts its attempts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.run import FOLLOWS, Item, ItemState

states: st.SearchStrategy[ItemState] = st.sampled_from(sorted(FOLLOWS))


@given(st.lists(st.tuples(states, st.text(max_size=5)), max_size=12))
@settings(max_examples=150)
def test_only_what_may_follow_follows(moves: list[tuple[ItemState, str]]) -> None:
    item = Item(key="k")
    begun = 0
    for state, detail in moves:
        if state in FOLLOWS[item.state]:
            begun += state == "begun"
            moved = item.moved(state, detail)
            assert (moved.key, moved.state, moved.attempts, moved.detail) == ("k", state, begun, detail)
            item = moved
        else:
            with pytest.raises(ValueError, match="may not follow"):
                item.moved(state, detail)


def test_every_state_can_be_reached_and_most_can_be_left() -> None:
    reached: set[ItemState] = {"pending"}
    for _ in FOLLOWS:
        reached |= {after for state in reached for after in FOLLOWS[state]}
    assert reached == set(FOLLOWS)
    assert [state for state, after in FOLLOWS.items() if not after] == ["undone"]
