"""A change has an undo or a reason for having none, never both or neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.ref import node
from keepwell.core.step import Action, Change, RunCommand, SetMode

actions: st.SearchStrategy[Action] = st.sampled_from([SetMode(path="/x", mode=0o700), RunCommand(argv=("true",))])


@given(actions, st.none() | actions, st.sampled_from(["", "it cannot be told what was there"]))
def test_undo_or_a_reason(do: Action, undo: Action | None, irreversible: str) -> None:
    def make() -> Change:
        return Change(subject=node("n"), what="w", before="b", after="a", do=do, undo=undo, irreversible=irreversible)

    if (undo is None) != (irreversible == ""):
        assert make().undo == undo
    else:
        with pytest.raises(ValueError, match="not both or neither: w"):
            make()
