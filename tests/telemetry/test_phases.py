"""A request's seconds are split without a gap or an overlap, whatever an engine tells."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.store.requests import RequestRow
from keepwell.telemetry.phases import PHASES, is_load_guessed, split

seconds = st.one_of(st.just(-1.0), st.floats(0, 1e5))


def row(**known: Any) -> RequestRow:
    texts = ("key", "path", "dialect", "route", "asked", "answered", "outcome", "proof", "digest", "device")
    numbers = ("id", "retries", "bytes_in", "bytes_out", "changed_options", "at")
    rest = ("queue_seconds", "first_byte_seconds", "output_token_seconds", "input_tokens", "output_tokens")
    made: dict[str, Any] = {**dict.fromkeys(texts, ""), **dict.fromkeys(numbers, 0), **dict.fromkeys(rest, -1)}
    made |= {"replica": "box/one", "status": 200, "stream": True, "cached_tokens": -1, "total_seconds": 0.0}
    return RequestRow(**(made | known))


@given(
    st.booleans(),
    st.sampled_from((-1, 0, 1)),
    st.floats(0, 1e5),
    st.tuples(seconds, seconds, seconds, seconds, seconds, seconds),
)
def test_parts_are_the_whole_and_none_is_negative(
    stream: bool, cold: int, total: float, told: tuple[float, float, float, float, float, float]
) -> None:
    names = ("queue_seconds", "first_byte_seconds", "load_seconds", "prefill_seconds", "decode_seconds")
    known = dict(zip((*names, "stalled_seconds"), told, strict=True))
    found = split(row(stream=stream, cold=cold, total_seconds=total, **known))
    assert set(found) <= set(PHASES)
    assert min(found.values()) >= 0
    assert sum(found.values()) == pytest.approx(total, rel=1e-9, abs=1e-9)


def test_what_the_engine_tells_counts_and_the_rest_is_the_way() -> None:
    made = row(
        queue_seconds=1.0,
        first_byte_seconds=4.5,
        total_seconds=10.0,
        load_seconds=2.0,
        prefill_seconds=1.0,
        decode_seconds=4.0,
        stalled_seconds=0.5,
    )
    assert split(made) == {
        "queue": 1.0,
        "client": 0.5,
        "load": 2.0,
        "prefill": 1.0,
        "decode": 4.0,
        "network": 1.5,
    }


def test_without_it_the_first_word_divides_a_stream() -> None:
    made = row(queue_seconds=1.0, first_byte_seconds=3.0, total_seconds=10.0)
    assert split(made) == {"queue": 1.0, "client": 0.0, "prefill": 2.0, "decode": 7.0}
    cold = row(queue_seconds=1.0, first_byte_seconds=3.0, total_seconds=10.0, cold=1)
    assert split(cold) == {"queue": 1.0, "client": 0.0, "load": 2.0, "decode": 7.0}
    assert is_load_guessed(cold)
    assert not is_load_guessed(made)


def test_a_whole_answer_that_nobody_divides_stays_whole() -> None:
    assert split(row(stream=False, first_byte_seconds=3.0, total_seconds=3.1)) == {
        "queue": 0.0,
        "client": 0.0,
        "undivided": 3.1,
    }


def test_who_was_never_answered_took_nobodys_time() -> None:
    assert split(row(replica="", total_seconds=9.0)) == {}
    assert split(row(total_seconds=-1.0)) == {}
