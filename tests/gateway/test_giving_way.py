"""A batch gives way on real sockets: cut while somebody waits for an answer, and answered whole afterwards."""

from __future__ import annotations

import asyncio

from keepwell.gateway.choice.station import CALM_SECONDS
from keepwell.testing.engine import FakeEngine
from keepwell.testing.fake_state import Fault
from tests.gateway.made import Running, chat, gateway
from tests.support import eventually_async

BEHIND = ("x-keepwell-priority: batch",)
PATH = "/v1/chat/completions"


async def works_on(running: Running, count: int) -> None:
    """Until the engine works on so many."""

    async def so_many() -> bool:
        return running.running == count

    await eventually_async(so_many)


async def test_a_request_of_a_batch_is_cut_for_others_and_answered_afterwards() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        assert (await running.ask(PATH, chat())).status == 200  # the engine is proven
        station = running.gate.scheduler.stations["box/0"]
        station.pressed_at -= CALM_SECONDS
        await engine.set_fault(Fault.HANG)
        batch = asyncio.create_task(running.ask(PATH, chat(), headers=BEHIND))
        await works_on(running, 1)
        assert len(station.behind) == 1
        await engine.set_fault(Fault.NONE)
        assert (await running.ask(PATH, chat())).status == 200
        assert station.behind == set()
        assert not batch.done()
        station.pressed_at -= CALM_SECONDS
        answered = await batch
        assert answered.status == 200
        assert answered.data["choices"][0]["message"]["content"]
        assert (running.told[-1].retries, running.told[-1].error) == (0, "")
        assert running.running == 0
        assert len(engine.requests) == 4


async def test_what_gives_way_for_ever_is_told_to_come_again() -> None:
    async with FakeEngine("vllm") as engine, gateway([engine.port]) as running:
        await engine.set_fault(Fault.HANG)
        batch = asyncio.create_task(running.ask(PATH, chat(), headers=BEHIND))
        await works_on(running, 1)
        (exchange,) = running.gate.exchanges.values()
        exchange._ways = 19
        exchange.give_way()
        answered = await batch
        assert (answered.status, answered.headers["retry-after"]) == (503, "10")
        assert answered.data["error"]["code"] == "gave_way"
        assert running.running == 0
