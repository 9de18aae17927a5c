"""keepwell drain while clients ask: nothing fails, nothing new is sent there, what runs is told until it ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from keepwell.testing.engine import FakeEngine
from tests.gateway.made import chat
from tests.gateway.processes import Gateway, Load, ask, during, gateway, gateway_before_fakes, in_thread
from tests.gateway.test_restart import BODY, judge
from tests.support import eventually_async

#: Requests that a drain may not fail.
MANY = 10_000


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_thousand_requests_while_replicas_are_drained_and_come_back(tmp_path: Path) -> None:
    with gateway_before_fakes(tmp_path) as running:
        load = Load(running.port, judge, pause_seconds=0.0)

        async def act() -> None:
            while load.outcomes.total() < MANY:
                for port in running.engines:
                    assert (await running.run("drain", f"vllm:{port}", "--wait")).returncode == 0
                    assert (await running.run("uncordon", f"vllm:{port}")).returncode == 0

        outcomes = asyncio.run(during(load, 4, BODY, act))
        assert set(outcomes) == {"well"}, outcomes


@pytest.mark.long
async def test_what_runs_goes_on_and_a_cordon_outlives_a_restart(tmp_path: Path) -> None:
    async with FakeEngine("vllm") as engine, in_thread(gateway(tmp_path, [("vllm", engine.port)])) as running:
        engine.state.token_seconds = 0.2
        body = json.dumps(chat(stream=True, max_tokens=300)).encode()
        streamed = asyncio.create_task(ask(running.port, "/v1/chat/completions", body))

        async def begun() -> bool:
            return engine.state.running == 1

        await eventually_async(begun, 20, "the stream")
        left = await running.run("drain", f"vllm:{engine.port}", "--wait", "--timeout", "0.5", "--json")
        assert left.returncode == 1
        (state,) = json.loads(left.stdout)["replicas"]
        assert [(one["model"], one["stream"]) for one in state["requests"]] == [("tiny-alpha", True)]
        await restarted(running)
        waiting = asyncio.create_task(ask(running.port, "/v1/chat/completions", BODY))
        report = json.loads((await running.run("replicas", "--json")).stdout)
        assert [one["cordoned"] for one in report["replicas"]] == ["drained (by cli)"]
        assert report["replicas"][0]["running"] == 1, "the stream of the process before"
        assert not waiting.done()
        engine.state.token_seconds = 0.0
        assert (await running.run("uncordon", f"vllm:{engine.port}")).returncode == 0
        assert judge(await waiting) == "well"
        assert (await streamed).body.rstrip().endswith(b"data: [DONE]")


async def restarted(running: Gateway) -> None:
    """The gateway, once it has started again."""
    assert (await running.run("gateway", "--restart")).returncode == 0
