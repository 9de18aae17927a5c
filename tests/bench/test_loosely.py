"""A load of which a share is read closely, against a server that notes what it wrote when."""

from __future__ import annotations

import asyncio
import sys
from itertools import repeat
from math import isnan
from statistics import median
from time import monotonic

import pytest

from keepwell.bench.load import Aim, Load, Prompt
from keepwell.bench.measuring import measure
from keepwell.bench.summary import summarise
from tests.bench.servers import DONE, HEAD, TOKEN, serve

TOKENS = 12
#: So many tokens are wished that a share is enough, whatever the server then sends.
PROMPT = Prompt(path="/v1/chat/completions", body=b"{}", model="m", output_tokens=1000)


@pytest.mark.skipif(sys.platform != "linux", reason="needs connections that are read directly")
async def test_a_share_is_read_closely_and_all_else_is_as_exact() -> None:
    written: list[tuple[float, float]] = []

    async def speak(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        await asyncio.sleep(0.02)
        first = monotonic()
        for _ in range(TOKENS - 1):
            writer.write(TOKEN)
            await asyncio.sleep(0.01)
        written.append((first, monotonic()))
        writer.write(TOKEN + DONE)

    async with serve(speak) as url:
        load = Load(shape="constant", rate=100, requests=45, clients=0)
        result = await measure(Aim(url=url), load, repeat(PROMPT), id="a")
    rows = list(result.rows)
    loosely = [row for row in rows if isnan(row.events)]
    assert 0 < len(loosely) <= 45
    assert {row.output_tokens for row in rows} == {float(TOKENS)}
    assert {row.outcome for row in rows} == {0.0}
    summary = summarise(result)
    assert (summary.closely, summary.loosely) == (45 - len(loosely), len(loosely))
    assert len(result.itl) == (TOKENS - 1) * summary.closely
    # instants of the server and of rows have the same clock, but not the same zero
    begin = median(first for first, _ in written) - median(row.first for row in rows)
    assert sorted(row.first + begin for row in rows) == pytest.approx(sorted(one for one, _ in written), abs=0.05)
    assert median(row.ended - row.first for row in loosely) == pytest.approx(
        median(last - first for first, last in written), abs=0.02
    )
