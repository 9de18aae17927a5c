"""Sketches: within their error, additive, and the same after they were written."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.store.request_log import SKETCH_ERROR
from keepwell.store.requestlog.sketch import add_up, decode, encode, quantiles, tally
from keepwell.store.requestlog.tallies import merge

LATENCIES = st.lists(st.integers(0, 10**13), min_size=1, max_size=60)


@settings(max_examples=200)
@given(LATENCIES, st.floats(0.0, 1.0))
def test_a_quantile_is_the_value_of_that_rank_within_the_error(latencies: list[int], share: float) -> None:
    count, (found,) = quantiles(encode(tally(latencies)), (share,))
    true = sorted(latencies)[max(1, math.ceil(share * len(latencies) - 1e-9)) - 1] / 1e6
    assert count == len(latencies)
    assert abs(found - true) <= SKETCH_ERROR * true


@settings(max_examples=200)
@given(st.dictionaries(st.integers(0, 65_000), st.integers(1, 2**40), max_size=40))
def test_what_was_written_is_read(counts: dict[int, int]) -> None:
    assert decode(encode(counts)) == counts


@settings(max_examples=100)
@given(LATENCIES, LATENCIES)
def test_two_together_are_as_one(first: list[int], second: list[int]) -> None:
    one, other = encode(tally(first)), encode(tally(second))
    whole = encode(tally(first + second))
    assert encode(add_up([one, other])) == whole == merge(one, tally(second))
    assert merge(None, tally(first)) == one


def test_unknown_ones_are_none() -> None:
    assert tally([None, None]) == Counter()
    assert (encode({}), quantiles(b"", (0.5,)), decode(b""), add_up([])) == (b"", (0, ()), {}, Counter())


def test_a_bucket_takes_two_bytes_where_counts_are_small() -> None:
    assert len(encode(tally(list(range(1000, 100_000, 450))))) < 3 + 2 * 220
    assert encode({5: 1, 6: 300})[0] == 2
    assert encode({5: 2**33})[0] == 8


@pytest.mark.parametrize("damaged", [b"\x03ab", b"\x01\x00\x00", b"\x02\x00\x00\x00", b"\x01\x00\x00\x00\x01\x01"])
def test_what_is_no_sketch_is_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        decode(damaged)
