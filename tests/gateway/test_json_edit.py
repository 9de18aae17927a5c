"""A body's members are replaced, taken out and added, and every other byte stays as the client wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.gateway.wire.json_edit import Change, Wish, apply_cuts, edit_object, find_members

NAMES = st.sampled_from(["num_ctx", "num_gpu", "seed", "stop", "a", 'q"uote', "back\\slash", "ünï", ""])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
BLANKS = st.sampled_from(["", " ", "\n\t", "  \r\n"])
MEMBERS = st.lists(st.tuples(NAMES, VALUES), max_size=6, unique_by=lambda one: one[0])


@st.composite
def written(draw: st.DrawFn) -> tuple[bytes, dict[str, Any]]:
    """An object as some client might write it, with its meaning."""
    members = draw(MEMBERS)
    parts = []
    for name, value in members:
        key = json.dumps(name, ensure_ascii=draw(st.booleans()))
        text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
        parts.append(f"{draw(BLANKS)}{key}{draw(BLANKS)}:{draw(BLANKS)}{text}{draw(BLANKS)}")
    return f"{draw(BLANKS)}{{{','.join(parts) or draw(BLANKS)}}}{draw(BLANKS)}".encode(), dict(members)


WISHES = st.builds(
    Wish,
    values=st.dictionaries(NAMES, st.sampled_from([b"8192", b"true", b"-1", b'"x"', b"[1, 2]"]), max_size=3),
    gone=st.frozensets(NAMES, max_size=4),
    added=st.frozensets(NAMES, max_size=3),
)


@given(written())
@settings(max_examples=80, deadline=None)
def test_members_stand_where_they_are_said_to(one: tuple[bytes, dict[str, Any]]) -> None:
    text, meaning = one
    found = {member.name: json.loads(text[member.value : member.end]) for member in find_members(text)}
    assert found == meaning


@given(written(), WISHES)
@settings(max_examples=80, deadline=None)
def test_the_wish_is_met_and_nothing_else_changes(one: tuple[bytes, dict[str, Any]], wish: Wish) -> None:
    text, meaning = one
    cuts, changes = edit_object(text, 0, wish)
    wanted = {}
    for name, value in meaning.items():
        if name in wish.values:
            wanted[name] = json.loads(wish.values[name])
        elif name not in wish.gone:
            wanted[name] = value
    for name in wish.added:
        if name in wish.values:
            wanted[name] = json.loads(wish.values[name])
    edited = apply_cuts(text, cuts)
    assert json.loads(edited) == wanted
    assert bool(changes) == (edited != text)
    kept = [member for member in find_members(text) if member.name not in wish.gone and member.name not in wish.values]
    again = {member.name: edited[member.begin : member.end] for member in find_members(edited)}
    for member in kept:
        assert again[member.name] == text[member.begin : member.end], "not a byte of what nobody asked to change"


@pytest.mark.parametrize("text", [b"", b"[]", b"7", b'{"a":1', b'{"a"', b'"{}"', b'{"a":}'])
def test_what_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"object|value"):
        list(find_members(text))


def test_a_name_that_stands_there_twice_is_edited_twice() -> None:
    text = b'{"num_ctx":1, "num_ctx":2}'
    cuts, changes = edit_object(text, 0, Wish(values={"num_ctx": b"4096"}))
    assert apply_cuts(text, cuts) == b'{"num_ctx":4096, "num_ctx":4096}'
    assert changes[0] == Change(name="num_ctx", before=b"1", after=b"4096")


def test_another_spelling_of_the_same_value_is_no_change() -> None:
    text = b'{"use_mmap": true, "stop": "\\u0061"}'
    assert edit_object(text, 0, Wish(values={"use_mmap": b"true", "stop": b'"a"'})) == ([], [])
    assert edit_object(b'{"num_gpu": true}', 0, Wish(values={"num_gpu": b"1"}))[1] != []
