"""Hypothesis strategies of the words, for tests of every room."""

from __future__ import annotations

from hypothesis import strategies as st

from keepwell.core.observation import Missing, Observation, Value
from keepwell.core.ref import PARTS, Ref

characters = st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=("Cs", "Cc"))
last_parts = st.text(characters, min_size=1, max_size=12)
parts = st.text(characters, min_size=1, max_size=8).filter(lambda one: "/" not in one)


@st.composite
def refs(draw: st.DrawFn) -> Ref:
    """Any Ref."""
    kind = draw(st.sampled_from(sorted(PARTS)))
    path = [draw(parts) for _ in range(PARTS[kind] - 1)]
    return Ref(kind, (*path, draw(last_parts)))


missing = st.builds(Missing, kind=st.sampled_from(["absent", "unknown", "failed"]), reason=st.text(max_size=10))
scalars: st.SearchStrategy[Value] = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def observations(subjects: st.SearchStrategy[Ref]) -> st.SearchStrategy[Observation]:
    """Any observation about these subjects."""
    return st.builds(
        Observation,
        subject=subjects,
        name=st.sampled_from(["a.x", "a.y", "b.z_bytes"]),
        value=values | missing,
        at=st.floats(0, 100),
        source=st.text(max_size=8),
    )
