"""Loads against servers in the same loop: what is sent, what waits, how it ends."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from itertools import pairwise, repeat
from math import isnan

import pytest

from keepwell.bench.load import Aim, Load, Prompt
from keepwell.bench.measuring import measure
from keepwell.bench.result import OUTCOMES, Result
from keepwell.bench.sending import Terms
from keepwell.bench.tally import Progress
from keepwell.core.errors import ConfigurationError, Unreachable
from tests.bench.servers import DONE, HEAD, PROMPT, STREAM, TOKEN, answer, serve
from tests.support import free_port


def outcomes(result: Result) -> Counter[str]:
    return Counter(OUTCOMES[int(one)] for one in result.rows["outcome"])


async def test_a_constant_load() -> None:
    async with serve(answer) as url:
        load = Load(shape="constant", rate=200, requests=40, warm=5, clients=0)
        result = await measure(Aim(url=url), load, repeat(PROMPT), id="a")
    assert outcomes(result) == {"ok": 40}
    planned = list(result.rows["planned"])
    assert planned == pytest.approx([(n + 5) / 200 for n in range(40)])
    rows = list(result.rows)
    assert all(row.planned <= row.sent < row.first <= row.last <= row.ended for row in rows)
    assert {row.output_tokens for row in rows} == {2.0}
    assert (result.token_source, result.stopped, result.errors) == ("pieces", False, {})
    assert result.client.cpu_seconds > 0
    assert result.client.memory_bytes > 1e6


async def test_clients_go_on_when_they_are_answered() -> None:
    under_way, most = 0, 0

    async def speak(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        writer.write(STREAM)
        under_way -= 1

    async with serve(speak) as url:
        result = await measure(Aim(url=url), Load(clients=3, requests=30), repeat(PROMPT), id="a")
    assert outcomes(result) == {"ok": 30}
    assert most <= 3


async def test_what_waits_for_a_bound_is_counted_from_its_instant() -> None:
    """One at a time, six planned at once: each waits for those before it, and that shows."""

    async def speak(request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(STREAM)

    prompts = [Prompt(path="/x", body=b"{}", model="m", at=0.01) for _ in range(6)]
    async with serve(speak) as url:
        result = await measure(Aim(url=url), Load(shape="replay", clients=1), prompts, id="a")
    rows = list(result.rows)
    assert [row.planned for row in rows] == pytest.approx([0.01] * 6)
    assert all(row.first - row.planned >= 0.02 * (n + 1) for n, row in enumerate(rows))
    assert all(later.sent >= before.ended for before, later in pairwise(rows))
    assert len(result.rows) == 6


async def test_a_later_turn_waits_for_the_one_before_it() -> None:
    asked: list[bytes] = []

    async def speak(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(request.rpartition(b"\r\n\r\n")[2])
        writer.write(STREAM)

    prompts = [Prompt(path="/x", body=body, model="m", after=after) for body, after in
               ((b"a1", -1), (b"a2", 0), (b"b1", -1), (b"a3", 1))]  # fmt: skip
    async with serve(speak) as url:
        result = await measure(Aim(url=url), Load(clients=2, requests=4), prompts, id="a")
    assert outcomes(result) == {"ok": 4}
    assert sorted(asked) == [b"a1", b"a2", b"a3", b"b1"]
    assert asked.index(b"a1") < asked.index(b"a2") < asked.index(b"a3")


async def test_a_prompt_made_of_an_answer() -> None:
    asked: list[bytes] = []

    async def speak(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(request.rpartition(b"\r\n\r\n")[2])
        writer.write(STREAM)

    def follow(prompt: Prompt, body: bytes) -> Prompt | None:
        if prompt.body == b"second":
            return None
        assert body.count(b"tok") == 2
        return Prompt(path="/x", body=b"second", model="m")

    async with serve(speak) as url:
        first = Prompt(path="/x", body=b"first", model="m")
        result = await measure(Aim(url=url), Load(clients=1), [first, first], id="a", follow=follow)
    assert asked == [b"first", b"second"] * 2
    assert len(result.rows) == 4


async def test_a_server_that_never_answers() -> None:
    async def speak(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + TOKEN)

    async with serve(speak) as url:
        result = await measure(
            Aim(url=url), Load(clients=2, requests=2), repeat(PROMPT), id="a", terms=Terms(answer_seconds=0.1)
        )
    assert outcomes(result) == {"timeout": 2}
    assert result.errors == {"no answer within the time limit": 2}
    assert list(result.rows["events"]) == [1.0, 1.0]


async def test_errors_are_counted_by_their_words() -> None:
    number = 0

    async def speak(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal number
        number += 1
        body = json.dumps({"error": {"message": f"request 123{number} is too long, token=hunter2secret"}}).encode()
        writer.write(b"HTTP/1.1 400 Bad\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    async with serve(speak) as url:
        load = Load(shape="constant", rate=500, requests=10, clients=0)
        result = await measure(Aim(url=url), load, repeat(PROMPT), id="a")
    assert outcomes(result) == {"bad_request": 10}
    assert list(result.errors.values()) == [10]
    assert "hunter2" not in str(result.errors)


async def test_a_connection_that_the_server_closes_after_each_answer() -> None:
    async def speak(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        await writer.drain()
        writer.close()

    async with serve(speak) as url:
        result = await measure(Aim(url=url), Load(clients=2, requests=10), repeat(PROMPT), id="a")
    assert outcomes(result)["ok"] + outcomes(result)["cut"] == 10
    assert outcomes(result)["ok"] >= 2


async def test_a_cut_in_the_middle() -> None:
    async def speak(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + TOKEN)
        await writer.drain()
        writer.close()

    async with serve(speak) as url:
        result = await measure(Aim(url=url), Load(clients=1, requests=2), repeat(PROMPT), id="a")
    assert outcomes(result) == {"cut": 2}
    assert not isnan(result.rows["first"][0])


async def test_ctrl_c_gives_what_was_measured_so_far() -> None:
    async def speak(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + TOKEN + TOKEN)
        if b"last" in request:
            signal.raise_signal(signal.SIGINT)
        else:
            writer.write(DONE)

    prompts = [*[PROMPT] * 5, Prompt(path="/x", body=b"last", model="m"), *[PROMPT] * 5]
    async with serve(speak) as url:
        before = signal.getsignal(signal.SIGINT)
        result = await measure(Aim(url=url), Load(clients=1), prompts, id="a")
        assert signal.getsignal(signal.SIGINT) is before
    assert outcomes(result) == {"ok": 5, "given_up": 1}
    assert result.stopped


async def test_how_far_it_is_is_told() -> None:
    told: list[Progress] = []
    async with serve(answer) as url:
        load = Load(shape="constant", rate=100, requests=20, clients=0)
        await measure(Aim(url=url), load, repeat(PROMPT), id="a", seen=told.append)
    assert told
    assert told[-1].sent >= told[-1].answered


async def test_nobody_there() -> None:
    with pytest.raises(Unreachable):
        await measure(Aim(url=f"http://127.0.0.1:{free_port()}"), Load(requests=1), repeat(PROMPT), id="a")


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://x:99999", "http://[::1"])
async def test_no_address(url: str) -> None:
    with pytest.raises(ConfigurationError):
        await measure(Aim(url=url), Load(requests=1), repeat(PROMPT), id="a")
