"""The server of known timing, and what is made of what a client says of it."""

from __future__ import annotations

from array import array
from itertools import repeat
from math import isnan, nan

import pytest

from keepwell.bench.calibrating import (
    FIRST_SECONDS,
    Calibration,
    apply_calibration,
    fetch_lateness,
    find_reached,
    find_waits,
    judge_calibration,
    make_trial,
    run_known_server,
)
from keepwell.bench.load import Aim, Load
from keepwell.bench.measuring import measure
from keepwell.bench.result import Client, Columns, Result, Row
from tests.bench.servers import PROMPT


def result_of(*waits: float, limited: str = "") -> Result:
    rows = Columns()
    for one in waits:
        rows.add(Row(planned=0.0, sent=0.0, first=one, last=one, ended=one))
    return Result(
        id="a",
        created_at=0.0,
        aim=Aim(url=""),
        load=Load(),
        seconds=1.0,
        rows=rows,
        itl=array("d"),
        client=Client(limited=limited),
    )


def calibration_of(error: float) -> Calibration:
    return Calibration(true_seconds=0.02, read_seconds=0.02 + error, error_seconds=error, requests=9, client=Client())


async def test_the_known_server_is_as_slow_as_it_says() -> None:
    async with run_known_server(events=3) as url:
        result = await measure(Aim(url=url), Load(clients=2, requests=6), repeat(PROMPT), id="a")
        late = await fetch_lateness(url)
    waits = find_waits(result)
    assert len(waits) == 6
    assert min(waits) >= FIRST_SECONDS
    assert list(result.rows["output_tokens"]) == [3.0] * 6
    assert late >= 0
    found = judge_calibration(result, late)
    assert found.requests == 6
    assert found.read_seconds >= FIRST_SECONDS


def test_a_replay_is_calibrated_at_the_rate_it_had() -> None:
    load = find_reached(Load(shape="replay", clients=0), result_of(*[0.1] * 30))
    assert make_trial(load, 1.0) == Load(shape="constant", rate=30.0, clients=0, seconds=1.0, warm=10)


def test_an_error_is_judged_by_what_was_measured() -> None:
    """One millisecond is much of ten, and nothing of a second."""
    found = calibration_of(0.001)
    assert apply_calibration(result_of(1.0, 1.0), found).client.limited == ""
    assert "10 % of the 10.0 ms" in apply_calibration(result_of(0.01, 0.01), found).client.limited
    assert apply_calibration(result_of(1.0), found).client.calibrated == 0.001


def test_what_limited_it_before_stays() -> None:
    assert apply_calibration(result_of(1.0, limited="late"), calibration_of(0.0)).client.limited == "late"
    both = apply_calibration(result_of(1.0, limited="late"), calibration_of(nan)).client
    assert both.limited.startswith("late; it could not measure")
    assert isnan(both.calibrated)


def test_nothing_was_answered() -> None:
    assert isnan(judge_calibration(result_of(), 0.0).error_seconds)


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (Load(clients=4, seconds=60), Load(clients=4, seconds=1.0, warm=4)),
        (Load(shape="ramp", rate=1, rate_to=100, clients=0), Load(shape="constant", rate=100, rate_to=100, clients=0)),
        (Load(shape="poisson", rate=100, clients=0, requests=5), Load(shape="poisson", rate=100, clients=0)),
    ],
)
def test_the_load_of_a_trial(load: Load, expected: Load) -> None:
    made = make_trial(load, 1.0)
    assert (made.shape, made.clients, made.requests, made.seconds) == (expected.shape, expected.clients, 0, 1.0)
    assert made.rate == expected.rate
