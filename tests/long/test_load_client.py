"""The load client on a machine that may be busy: what it says of itself is true, and its memory is bounded."""

from __future__ import annotations

from itertools import repeat

import pytest

from keepwell.bench.calibrating import calibrate, measure_truly, run_known_server
from keepwell.bench.load import Aim, Load
from keepwell.bench.measuring import run
from keepwell.bench.result import Result
from tests.bench.servers import PROMPT

pytestmark = pytest.mark.long


def measure_for(seconds: float, rate: float) -> Result:
    async def go() -> Result:
        async with run_known_server(events=16) as url:
            load = Load(shape="constant", rate=rate, seconds=seconds, clients=0)
            return await measure_truly(Aim(url=url), load, repeat(PROMPT), id="long")

    return run(go())


def test_a_slow_load_is_calibrated_and_whole() -> None:
    result = measure_for(5.0, 20.0)
    assert len(result.rows) == 100
    assert set(result.rows["outcome"]) == {0.0}
    assert result.client.calibrated == result.client.calibrated


def test_a_load_that_is_too_much_says_so() -> None:
    """No Python on one core sends this many, so the client must not claim that the server was slow."""
    found = run(calibrate(Load(shape="constant", rate=40_000.0, clients=0), events=4, seconds=1.0))
    assert found.client.limited
