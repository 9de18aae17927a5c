"""Asks a server of known timing as a load asks its engine: how far the client's own reading is off.

The server is a process of its own, and in need of a core of its own: where it was late itself, from the kernel's stamp
on a request to the write of its first event, that is taken off. Where the system has no stamps, it does not see how
late it read: that stays in the error, which so is never less than it is.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import repeat
from math import isnan, nan
from statistics import fmean, median
from typing import cast

from keepwell.bench.load import Aim, Load, LoadShape, Prompt
from keepwell.bench.measuring import measure
from keepwell.bench.result import Client, Result
from keepwell.bench.sending import Terms
from keepwell.bench.strain import CALIBRATED_RATIO
from keepwell.bench.tally import Progress

#: What the server does where nothing else is known: seconds to the first event, between two, and events.
FIRST_SECONDS, GAP_SECONDS, EVENTS = 0.020, 0.005, 64
#: Seconds for which it is asked, and for which the first answers are not counted.
SECONDS, WARM_SECONDS = 1.5, 0.35
#: Seconds to its first word and to its end.
START_SECONDS, END_SECONDS = 10.0, 5.0
#: A load of another shape is taken as a constant one.
_SHAPES: dict[LoadShape, LoadShape] = {"poisson": "poisson"}
_PROMPT = Prompt(path="/v1/chat/completions", body=b'{"model":"known","stream":true}', model="known")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the client says of the known server: seconds to first token, and by how much that is too long."""

    true_seconds: float
    read_seconds: float
    error_seconds: float
    requests: int
    client: Client


async def calibrate(load: Load, *, events: int = EVENTS, seconds: float = SECONDS) -> Calibration:
    """Send the same load to a known server for a short time. A load whose rate changes is taken at its highest."""
    async with run_known_server(events) as url:
        result = await measure(Aim(url=url), make_trial(load, seconds), repeat(_PROMPT), id="calibration")
        late = await fetch_lateness(url)
    return judge_calibration(result, late)


async def measure_truly(
    aim: Aim,
    load: Load,
    prompts: Iterable[Prompt],
    *,
    id: str,
    terms: Terms | None = None,
    seen: Callable[[Progress], None] | None = None,
    follow: Callable[[Prompt, bytes], Prompt | None] | None = None,
) -> Result:
    """As `measure`, and then the same load for a short time to a known server: the client's error stands in the result.

    It takes some two seconds more, in which the engine is not asked. A load that was stopped is not calibrated.
    """
    result = await measure(aim, load, prompts, id=id, terms=terms, seen=seen, follow=follow)
    if result.stopped:
        return result
    return apply_calibration(result, await calibrate(find_reached(load, result)))


def find_reached(load: Load, result: Result) -> Load:
    """The load that a client had of it: a replay's rate is that of its requests."""
    if load.shape != "replay":
        return load
    return replace(load, rate=max(1.0, len(result.rows) / max(result.seconds, 1e-3)), rate_to=0.0)


def make_trial(load: Load, seconds: float) -> Load:
    """The load that a calibration sends in place of this one."""
    if load.shape == "concurrent":
        return replace(load, seconds=seconds, requests=0, warm=load.clients)
    rate = max(load.rate, load.rate_to)
    shape = _SHAPES.get(load.shape, "constant")
    return replace(load, shape=shape, rate=rate, seconds=seconds, requests=0, warm=int(rate * WARM_SECONDS))


def judge_calibration(result: Result, late_seconds: float) -> Calibration:
    """What the result of a known server tells; the server itself was late by so much, on average."""
    waits, read = find_waits(result), nan
    if waits:
        read = fmean(waits)
    true = FIRST_SECONDS + late_seconds
    return Calibration(
        true_seconds=true, read_seconds=read, error_seconds=read - true, requests=len(waits), client=result.client
    )


def apply_calibration(result: Result, found: Calibration) -> Result:
    """The result with the client's error; marked as limited where that is too large a part of what it measured."""
    error = found.error_seconds
    client, waits = replace(result.client, calibrated=error), find_waits(result)
    usual = found.true_seconds
    if waits:
        usual = median(waits)
    reason = ""
    if isnan(error):
        reason = "it could not measure a server of known timing at this load"
    elif error > CALIBRATED_RATIO * usual:
        reason = (
            f"it read {found.read_seconds * 1000:.1f} ms where {found.true_seconds * 1000:.1f} ms were true, which is"
            f" {100 * error / usual:.0f} % of the {usual * 1000:.1f} ms measured"
        )
    return replace(result, client=replace(client, limited="; ".join(filter(None, (client.limited, reason)))))


def find_waits(result: Result) -> list[float]:
    """Seconds from send to first token of each request that had one."""
    rows = result.rows
    return [one - sent for one, sent in zip(rows["first"], rows["sent"], strict=True) if not isnan(one - sent)]


@asynccontextmanager
async def run_known_server(events: int) -> AsyncIterator[str]:
    """A known server, ended at the end: its address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "keepwell.bench.known_server"),
        *(str(FIRST_SECONDS), str(GAP_SECONDS), str(events)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    said, ending = cast("asyncio.StreamReader", process.stdout), cast("asyncio.StreamWriter", process.stdin)
    try:
        async with asyncio.timeout(START_SECONDS):
            port = int(await said.readline())
        yield f"http://127.0.0.1:{port}"
    finally:
        ending.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def fetch_lateness(url: str) -> float:
    """Seconds by which the known server sent its first events too late, on average."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    try:
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        told = json.loads(await reader.readexactly(int(head.rpartition(b": ")[2])))
    finally:
        writer.close()
        await writer.wait_closed()
    return float(told["late_seconds"]) / max(1, int(told["count"]))
