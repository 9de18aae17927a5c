"""Figures of a result whose times are known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.bench.load import Load
from keepwell.bench.result import OUTCOMES, Row
from keepwell.bench.summary import SHARES, Goodput, summarise
from keepwell.core.observation import Missing
from tests.bench.made import make_result, make_row


def test_times_are_by_their_formulas() -> None:
    """20 ms to the first of 64 tokens that are 5 ms apart."""
    summary = summarise(make_result([make_row(one / 10) for one in range(50)], itl=[0.005] * 63))
    times = {one.name: one for one in summary.times}
    assert set(times) == {"ttft", "tpot", "itl", "e2e"}
    assert times["ttft"].mean == pytest.approx(0.02)
    assert times["tpot"].at(0.5) == pytest.approx(0.005)
    assert times["itl"].at(0.99) == pytest.approx(0.005)
    assert times["e2e"].most == pytest.approx(0.02 + 63 * 0.005 + 0.001)
    assert summary.seconds == pytest.approx(4.9 + 0.336)
    assert summary.output_tokens_per_second == pytest.approx(50 * 64 / summary.seconds)
    assert summary.tokens_per_read == 1.0


def test_a_request_that_was_sent_late_is_late_from_when_it_was_due() -> None:
    """Time to first token from the send hides that it waited a second at the client."""
    late = [replace_row(make_row(one / 10), planned=one / 10 - 1.0) for one in range(30)]
    summary = summarise(make_result(late, load=Load(shape="constant", rate=10.0)), {"ttft": 0.5})
    from_send, from_due = summary.find("ttft"), summary.find("ttft_due")
    assert from_send is not None
    assert from_due is not None
    assert from_send.mean == pytest.approx(0.02)
    assert from_due.mean == pytest.approx(1.02)
    assert isinstance(summary.goodput, Goodput)
    assert summary.goodput.good == 0
    assert summary.offered == pytest.approx(10.0)


def test_what_failed_and_what_was_cold_are_no_times() -> None:
    """They are counted, by kind, and a failure is never within a goal."""
    rows = [make_row(one / 10) for one in range(20)]
    rows += [make_row(3.0, outcome=OUTCOMES.index("timeout")), make_row(3.1, outcome=OUTCOMES.index("overloaded"))]
    rows.append(replace_row(make_row(4.0, ttft=9.0), cold=1.0))
    summary = summarise(make_result(rows), {"e2e": 1.0})
    assert (summary.requests, summary.answered, summary.cold) == (23, 21, 1)
    assert summary.errors == {"timeout": 1, "overloaded": 1}
    ttft = summary.find("ttft")
    assert ttft is not None
    assert ttft.count == 20
    assert ttft.most == pytest.approx(0.02)
    assert summary.cold_ttft == pytest.approx(9.0)
    assert isinstance(summary.goodput, Goodput)
    assert (summary.goodput.good, summary.goodput.of) == (20, 23)
    assert summary.goodput.low < summary.goodput.share < summary.goodput.high


def test_what_somebody_ended_is_no_failure() -> None:
    """Unless nobody did, and the time was over."""
    rows = [*(make_row(one / 10) for one in range(5)), make_row(1.0, outcome=OUTCOMES.index("given_up"))]
    result = make_result(rows)
    assert summarise(replace(result, stopped=True)).requests == 5
    assert summarise(replace(result, stopped=True)).errors == {}
    assert summarise(result).errors == {"given_up": 1}


def test_nothing_at_all_is_told_as_that() -> None:
    """No figure is 0 for want of requests."""
    summary = summarise(make_result([]), {"ttft": 1.0})
    assert summary.requests == summary.answered == 0
    assert summary.times == ()
    assert isinstance(summary.output_tokens_per_second, Missing)
    assert isinstance(summary.goodput, Missing)
    assert isinstance(summarise(make_result([make_row()])).goodput, Missing)


def test_energy_is_a_token_s_share() -> None:
    """Where the node told what it drew."""
    told = summarise(make_result([make_row()], meanwhile={"energy_joules": 128.0}))
    assert told.joules_per_token == pytest.approx(2.0)
    assert isinstance(summarise(make_result([make_row()])).joules_per_token, Missing)


NUMBERS = st.one_of(st.just(math.nan), st.floats(0.0, 1e4))


@given(
    st.lists(
        st.builds(
            Row,
            planned=NUMBERS,
            sent=NUMBERS,
            first=NUMBERS,
            last=NUMBERS,
            ended=NUMBERS,
            input_tokens=NUMBERS,
            output_tokens=NUMBERS,
            events=NUMBERS,
            outcome=st.integers(0, len(OUTCOMES) - 1).map(float),
            cold=st.sampled_from([0.0, 1.0]),
        ),
        max_size=30,
    ),
    st.lists(st.floats(0, 10), max_size=30),
)
@settings(max_examples=40)
def test_whatever_was_measured_gives_figures(rows: list[Row], itl: list[float]) -> None:
    """Nothing raises, no figure is nan, quantiles rise, everything is counted once."""
    summary = summarise(make_result(rows, itl=itl, load=Load(shape="poisson", rate=1.0)), {"ttft": 1.0, "tpot": 0.1})
    assert summary.answered + sum(summary.errors.values()) == summary.requests == len(rows)
    for one in summary.times:
        values = [one.at(share) for share in SHARES]
        assert values == sorted(values)
        assert one.least <= values[0]
        assert values[-1] <= one.most
        assert math.isfinite(one.mean)
        assert math.isfinite(one.sd)


def replace_row(row: Row, **fields: float) -> Row:
    """The row with other numbers."""
    return row._replace(**fields)


def test_rows_are_not_changed() -> None:
    """A summary is a look."""
    result = make_result([make_row()])
    assert summarise(result) == summarise(replace(result))
