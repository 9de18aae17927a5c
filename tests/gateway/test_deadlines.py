"""What is too late: learned from what went well, other for what must be loaded, and never for one that is busy."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.gateway.choice.ask import Route, Start
from keepwell.gateway.choice.deadlines import ENOUGH, LEAST_SECONDS, PATIENCE, REMEMBERED, Deadlines, Learned
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.plugins.routing import Ask, Replica
from keepwell.testing.engine import FakeEngine
from keepwell.testing.fake_state import Fault
from tests.gateway.made import POLICIES, chat, gateway
from tests.support import eventually_async


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(0.001, 20), st.integers(1, 10**6)), min_size=ENOUGH, max_size=REMEMBERED))
def test_what_was_well_once_is_never_too_late(past: list[tuple[float, int]]) -> None:
    learned = Learned()
    for seconds, size in past:
        learned.learn(seconds, size)
    largest = max(size for _, size in past)
    for seconds, size in past:
        assert learned.bound(300.0, size) >= min(300.0, seconds)
    assert LEAST_SECONDS <= learned.bound(300.0, 1) <= learned.bound(300.0, largest) <= 300.0
    assert learned.bound(1e9, 2 * largest) >= 3.9 * PATIENCE * max(seconds for seconds, _ in past) or (
        learned.bound(1e9, largest) == LEAST_SECONDS
    )


def test_nothing_is_concluded_from_little() -> None:
    learned = Learned()
    for _ in range(ENOUGH - 1):
        learned.learn(0.01, 100)
    assert learned.bound(300.0, 100) == 300.0
    learned.learn(0.01, 100)
    assert learned.bound(300.0, 100) == LEAST_SECONDS
    assert learned.bound(300.0, 100_000) == 300.0, "a request a thousand times as long"


def test_only_a_model_that_has_to_be_loaded_is_cold() -> None:
    replica = Replica(id="a", node="n", host="h", port=1, dialects=frozenset({"d"}), reloads=("num_ctx",))
    made = Scheduler([replica], [Route(name="m", replicas={"a": "m"})], POLICIES)
    station = made.stations["a"]

    def is_cold(number: int) -> bool:
        start = made.arrive(Ask(id=number, route="m", dialect="d"), 0.0)
        assert isinstance(start, Start)
        made.ended(number, "a", "well", 0.0)
        return start.cold

    assert is_cold(1)
    station.see(["m"], 0.0)
    assert not is_cold(2)
    station.see([], 1.0)
    assert is_cold(3)
    station.answered.add("m")
    assert not is_cold(4)


async def test_a_replica_that_answers_others_is_busy_and_not_silent() -> None:
    soon = Deadlines(first_byte_seconds=30.0)
    async with FakeEngine("vllm") as engine, gateway([engine.port], deadlines=soon) as running:
        for _ in range(ENOUGH):
            assert (await running.ask("/v1/chat/completions", chat())).status == 200
        engine.state.token_seconds = 0.1
        streamed = asyncio.create_task(running.ask("/v1/chat/completions", chat(stream=True, max_tokens=400)))

        async def begun() -> bool:
            return engine.state.running == 1

        await eventually_async(begun)
        await engine.set_fault(Fault.HANG)
        asked = asyncio.create_task(running.ask("/v1/chat/completions", chat()))
        done, _ = await asyncio.wait((asked,), timeout=LEAST_SECONDS + 1)
        assert not done
        streamed.cancel()
        answer = await asked
        assert answer.status in (502, 503, 504)
        assert "no first byte within" in answer.body.decode()
