"""The frames of a journal: every tear at the end is cut, every damage in the middle is found."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keepwell.core.errors import DamagedError
from keepwell.store.frames import PREFIX_BYTES, parse_frames, render_frame

records = st.lists(st.binary(max_size=40).map(lambda one: one.replace(b"\n", b" ")), max_size=6)


def _ends(made: list[bytes]) -> list[int]:
    """The offset after each record."""
    return [sum(PREFIX_BYTES + len(one) + 1 for one in made[: count + 1]) for count in range(len(made))]


@given(records)
@settings(max_examples=100)
def test_round_trip(made: list[bytes]) -> None:
    content = b"".join(render_frame(one) for one in made)
    assert parse_frames(content, where="x") == (tuple(made), len(content))


@given(records, st.data())
@settings(max_examples=200)
def test_any_prefix_holds_the_records_that_are_whole(made: list[bytes], data: st.DataObject) -> None:
    content = b"".join(render_frame(one) for one in made)
    cut = data.draw(st.integers(0, len(content)))
    whole = [one for one, end in zip(made, _ends(made), strict=True) if end <= cut]
    assert parse_frames(content[:cut], where="x") == (tuple(whole), sum(PREFIX_BYTES + len(one) + 1 for one in whole))


@given(records, st.binary(max_size=60) | st.integers(1, 90).map(bytes))
@settings(max_examples=200)
def test_a_tail_of_anything_is_cut(made: list[bytes], tail: bytes) -> None:
    content = b"".join(render_frame(one) for one in made)
    assert parse_frames(content + tail, where="x") == (tuple(made), len(content))


@given(records, st.data())
@settings(max_examples=200)
def test_a_changed_byte_is_never_taken_for_truth(made: list[bytes], data: st.DataObject) -> None:
    assume(made)
    content = bytearray(b"".join(render_frame(one) for one in made))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    hit = next(number for number, end in enumerate(_ends(made)) if at < end)
    if hit == len(made) - 1:
        assert parse_frames(bytes(content), where="x")[0] == tuple(made[:hit])
    else:
        with pytest.raises(DamagedError, match=f"x, byte {([0, *_ends(made)])[hit]}"):
            parse_frames(bytes(content), where="x")


def test_a_record_is_one_line() -> None:
    with pytest.raises(ValueError, match="one line"):
        render_frame(b"a\nb")


def test_a_destroyed_line_end_is_damage_even_before_the_last_record() -> None:
    content = bytearray(render_frame(b"one") + render_frame(b"two"))
    content[PREFIX_BYTES + 3] = 0
    with pytest.raises(DamagedError, match="byte 0"):
        parse_frames(bytes(content), where="x")


def test_what_looks_like_a_frame_within_a_record_is_none() -> None:
    inner = render_frame(b"inner")[:-1]
    torn = render_frame(b"one") + render_frame(b"two " + inner + b" and more")[:-4]
    assert parse_frames(torn, where="x")[0] == (b"one",)
