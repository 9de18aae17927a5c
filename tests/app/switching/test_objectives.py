"""What a moved route has to keep to: counted, compared and told."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.switching.objectives import (
    FEW,
    MANY,
    Limit,
    Limits,
    Sample,
    find_missed,
    judge,
    parse_allowed,
    parse_limit,
    parse_ratio,
    quantile,
)
from keepwell.core.errors import ConfigurationError
from keepwell.store.requests import RequestRow

ROW = RequestRow(
    id=1,
    key="",
    path="/api/chat",
    dialect="x",
    route="a",
    asked="a",
    answered="a",
    replica="box/0",
    status=200,
    outcome="",
    stream=True,
    retries=0,
    input_tokens=3,
    output_tokens=5,
    cached_tokens=-1,
    bytes_in=10,
    bytes_out=10,
    proof="",
    digest="",
    device="",
    changed_options=0,
    at=0.0,
    queue_seconds=0.0,
    first_byte_seconds=0.1,
    total_seconds=1.0,
    output_token_seconds=0.01,
)


def sample(*rows: RequestRow) -> Sample:
    """These requests, which box/0 should have answered."""
    made = Sample()
    for one in rows:
        made.add(one, {"box/0"})
    return made


def missed(before: Sample, after: Sample, limits: Limits | None = None) -> list[str]:
    """Names of missed objectives."""
    return [one.name for one in find_missed(judge(before, after, limits or Limits()))]


WELL = sample(*[ROW] * 100)


def test_the_same_as_before_is_kept() -> None:
    assert missed(WELL, sample(*[ROW] * 40)) == []
    verdicts = {one.name: one.verdict for one in judge(WELL, sample(*[ROW] * 40), Limits())}
    assert verdicts == {"errors": "kept", "first byte of streams": "kept", "each token": "kept"}


def test_one_failure_is_not_enough_and_two_are() -> None:
    bad = replace(ROW, status=502, outcome="replica_sick")
    assert missed(WELL, sample(bad, *[ROW] * 10)) == []
    assert missed(WELL, sample(bad, bad, *[ROW] * 10)) == ["errors"]
    assert missed(WELL, sample(bad, bad, *[ROW] * 400)) == []


def test_what_failed_before_may_fail_again() -> None:
    bad = replace(ROW, status=400)
    before = sample(*[bad] * 10, *[ROW] * 90)
    assert missed(before, sample(*[bad] * 4, *[ROW] * 36)) == []
    assert missed(WELL, sample(*[bad] * 4, *[ROW] * 36)) == ["errors"]


def test_requests_that_came_back_count_as_failed_and_those_of_clients_that_left_do_not() -> None:
    back, left = replace(ROW, replica="other/0"), replace(ROW, outcome="client_gone", status=0)
    found = sample(back, back, left, ROW)
    assert (found.requests, found.failed, found.back, found.reasons) == (3, 2, 2, {"came_back": 2})
    assert missed(WELL, found) == ["errors"]


def test_slower_is_missed_and_a_single_slow_one_is_not() -> None:
    slow = replace(ROW, first_byte_seconds=0.5)
    assert missed(WELL, sample(*[slow] * MANY)) == ["first byte of streams"]
    assert missed(WELL, sample(slow, *[ROW] * MANY)) == []
    assert missed(WELL, sample(*[slow] * (FEW - 1))) == []
    assert missed(WELL, sample(*[slow] * FEW)) == ["first byte of streams"]


def test_a_difference_that_nobody_notices_is_kept() -> None:
    before = sample(*[replace(ROW, first_byte_seconds=0.001, output_token_seconds=0.0001)] * 50)
    after = sample(*[replace(ROW, first_byte_seconds=0.01, output_token_seconds=0.002)] * 50)
    assert missed(before, after) == []
    assert missed(before, after, Limits(first_byte=Limit(seconds=0.005))) == ["first byte of streams"]


def test_streams_are_compared_with_streams() -> None:
    whole = replace(ROW, stream=False, first_byte_seconds=2.0, output_token_seconds=-1.0)
    assert missed(WELL, sample(*[whole] * 50)) == []
    assert missed(sample(*[whole] * 50), sample(*[whole] * 50)) == []


@settings(max_examples=60)
@given(st.floats(0.001, 5), st.floats(0.001, 5), st.integers(1, 60), st.integers(1, 60))
def test_a_time_is_missed_only_above_its_limit(was: float, now: float, before: int, after: int) -> None:
    first = sample(*[replace(ROW, first_byte_seconds=was)] * before)
    then = sample(*[replace(ROW, first_byte_seconds=now)] * after)
    found = missed(first, then)
    expected = min(before, after) >= FEW and now > 2 * was and now - was > 0.05
    assert found == ["first byte of streams"] * expected


@pytest.mark.parametrize(
    ("written", "limit"),
    [("2x", Limit(factor=2)), ("1.5x", Limit(factor=1.5)), ("800ms", Limit(seconds=0.8)), ("2 s", Limit(seconds=2))],
)
def test_limits_are_read_and_written(written: str, limit: Limit) -> None:
    assert parse_limit(written, "--allow ttft") == limit
    assert parse_limit(str(limit), "--allow ttft").find(1.0) == pytest.approx(limit.find(1.0))


@pytest.mark.parametrize("written", ["", "2", "x", "-1x", "0x", "0ms", "1h", "nan s", "2xx"])
def test_what_is_no_limit_is_refused(written: str) -> None:
    with pytest.raises(ConfigurationError, match="allow ttft"):
        parse_limit(written, "--allow ttft")


@settings(max_examples=100)
@given(st.text(max_size=8))
def test_any_text_is_a_limit_or_told(written: str) -> None:
    for parse in (parse_limit, parse_ratio):
        with contextlib.suppress(ConfigurationError):
            parse(written, "--flag")


def test_what_is_allowed_is_read_in_one_word_each() -> None:
    assert parse_allowed("") == (Limits(), -1.0)
    found, alike = parse_allowed("errors=5%, tpot=50ms,alike=10%", alike=0.5)
    assert found == Limits(errors=0.05, token=Limit(seconds=0.05))
    assert alike == 0.1
    for written in ("x", "ttft", "ttft=5", "errors=x", "alike=1%"):
        with pytest.raises(ConfigurationError, match="--allow"):
            parse_allowed(written)


def test_shares_are_read() -> None:
    assert (parse_ratio("1%", ""), parse_ratio("0.05", ""), parse_ratio("0", "")) == (0.01, 0.05, 0.0)
    for written in ("", "2", "101%", "-1%", "nan"):
        with pytest.raises(ConfigurationError):
            parse_ratio(written, "--allow errors")


@settings(max_examples=60)
@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_a_value_with_its_share_below(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(one <= found for one in values) >= share * len(values) - 1e-9
