"""Clients that leave at any instant, thousands of them: in the end exactly nothing is at work, waiting or open."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random

import pytest

from keepwell.gateway.choice.ask import BAD, Outcome, Route, Start, Wait
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.plugins.routing import Ask, Replica
from keepwell.testing.engine import FakeEngine
from keepwell.testing.fake_state import Fault
from tests.gateway.made import POLICIES, Running, chat, gateway
from tests.support import eventually_async

ABORTS = 10_000
OUTCOMES: tuple[Outcome, ...] = (
    "well",
    "gone",
    *(one for one in ("refused", "sick", "silent", "cut", "busy") if one in BAD),
)


def test_the_scheduler_counts_to_nothing_again() -> None:
    draw = random.Random(1)
    replicas = [
        Replica(id=f"r{one}", node="n", host="h", port=1, dialects=frozenset({"d"}), limit=one) for one in range(4)
    ]
    made = Scheduler(replicas, [Route(name="m", replicas={one.id: "m" for one in replicas}, waiting=20)], POLICIES)
    at: dict[int, str] = {}
    now = 0.0
    for number in range(ABORTS):
        now += draw.random() / 10
        effect = made.arrive(Ask(id=number, route="m", dialect="d", key=str(number % 3)), now)
        started = []
        if isinstance(effect, Start):
            started = [effect]
        elif isinstance(effect, Wait) and draw.random() < 0.7:
            made.leave(number)
        while len(at) > draw.randrange(12):
            one = draw.choice(sorted(at))
            started += made.ended(one, at.pop(one), draw.choice(OUTCOMES), now)
        at |= {one.ask: one.replica for one in (*started, *made.wake(now))}
    for one in list(made.waiting):
        made.leave(one)
    for one, name in at.items():
        made.ended(one, name, "gone", now)
    assert not made.waiting
    assert {name: len(one.running) for name, one in made.stations.items()} == {one.id: 0 for one in replicas}


async def leave(running: Running, draw: random.Random) -> None:
    """One request on a connection that is closed some time: before it is sent, in the queue, in the answer, after."""
    body = json.dumps(chat(stream=draw.random() < 0.7, max_tokens=draw.choice([1, 20, 400]))).encode()
    data = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    with contextlib.suppress(ConnectionError):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(data[: draw.choice([1, 30, len(data) - 1, len(data), len(data), len(data), len(data)])])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(draw.choice([0.0, 0.001, 0.01, 0.05])):
                while await reader.read(draw.choice([1, 100, 4096])):
                    pass
        if draw.random() < 0.5:
            writer.transport.abort()
        writer.close()


async def abort(count: int) -> None:
    """So many, by twenty clients at once, over two engines of which one is sick now and then."""
    draw = random.Random(count)
    async with (
        FakeEngine("vllm") as one,
        FakeEngine("vllm") as other,
        gateway([one.port, other.port], limit=4) as running,
    ):
        other.state.token_seconds = 0.002
        left = iter(range(count))

        async def work() -> None:
            for number in left:
                if number % 100 == 50:
                    await other.set_fault(draw.choice([Fault.HANG, Fault.BUSY, Fault.CUT, Fault.DROP, Fault.NONE]))
                await leave(running, draw)

        await asyncio.gather(*(work() for _ in range(20)))

        async def nothing() -> bool:
            return not running.gate.exchanges and not running.gate.clients

        await eventually_async(nothing, 20, "nothing at work")
        assert running.running == 0
        assert not running.gate.scheduler.waiting
        assert one.state.running == 0
        assert len({facts.id for facts in running.told}) == len(running.told), "each is told of once"


async def test_clients_that_leave_over_real_connections_leave_nothing() -> None:
    await abort(200)


@pytest.mark.long
async def test_ten_thousand_clients_that_leave_leave_nothing() -> None:
    await abort(ABORTS)
