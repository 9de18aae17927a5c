"""A gateway that is restarted or killed, engines that are drained: nobody is refused, only a kill cuts a stream."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.testing.engine import FakeEngine
from tests.gateway.made import Answered, chat
from tests.gateway.processes import Gateway, Load, ask, during, gateway, gateway_before_fakes, in_thread
from tests.support import eventually_async

BODY = json.dumps(chat()).encode()
WORDS = 20


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway before two engines that answer at once."""
    with gateway_before_fakes(tmp_path_factory.mktemp("gateway")) as made:
        yield made


def judge(answer: Answered) -> str:
    """The word for a whole answer is "well"; anything else is what is wrong."""
    if answer.status == 200 and answer.whole and answer.data["usage"]["completion_tokens"] == WORDS:
        return "well"
    return f"{answer.status} {answer.body[:200]!r}"


async def other_plane(running: Gateway, before: int) -> None:
    """Wait until another process serves and the one from before is gone."""

    async def is_other() -> bool:
        return bool(running.planes) and before not in running.planes

    await eventually_async(is_other, 60, "another data plane")


def test_a_drain_under_load_fails_no_request(running: Gateway) -> None:
    served, drained = (f":{port}" for port in running.engines)

    async def act() -> None:
        done = await running.run("drain", f"vllm{drained}", "--wait", "--why", "a new card")
        assert done.returncode == 0, done.stderr
        assert "nothing runs there any more" in done.stdout
        report = json.loads((await running.run("replicas", "--json")).stdout)
        (state,) = [one for one in report["replicas"] if one["replica"].endswith(drained)]
        assert (state["running"], state["cordoned"]) == (0, "a new card (by cli)")

    load = Load(running.port, judge)
    outcomes = asyncio.run(during(load, 4, BODY, act))
    assert set(outcomes) == {"well"}, outcomes
    after = [asyncio.run(ask(running.port, "/v1/chat/completions", BODY)) for _ in range(4)]
    assert all(one.headers["x-keepwell-replica"].endswith(served) for one in after)
    undone = running.keepwell("uncordon", f"vllm{drained}")
    assert undone.returncode == 0, undone.stderr


def test_a_restart_under_load_fails_no_request(running: Gateway) -> None:
    keeper, before = running.process.pid, running.planes[-1]

    async def restart() -> None:
        await asyncio.sleep(0.2)
        done = await running.run("gateway", "--restart")
        assert done.returncode == 0, done.stderr
        await other_plane(running, before)
        await asyncio.sleep(0.2)

    outcomes = asyncio.run(during(Load(running.port, judge), 4, BODY, restart))
    assert set(outcomes) == {"well"}, outcomes
    assert outcomes["well"] > 100
    assert running.process.poll() is None
    assert running.process.pid == keeper, "the same process, new code"


@pytest.mark.long
async def test_a_stream_that_runs_is_finished_by_the_process_that_began_it(tmp_path: Path) -> None:
    async with FakeEngine("vllm") as engine, in_thread(gateway(tmp_path, [("vllm", engine.port)])) as running:
        (before,) = running.planes
        engine.state.token_seconds = 0.2
        slow = json.dumps(chat(stream=True, max_tokens=200)).encode()
        asked = asyncio.create_task(ask(running.port, "/v1/chat/completions", slow))
        running.process.send_signal(signal.SIGHUP)

        async def both() -> bool:
            return len(running.planes) == 2

        await eventually_async(both, 60, "two data planes")
        assert not asked.done()
        assert judge(await ask(running.port, "/v1/chat/completions", BODY)) == "well"
        engine.state.token_seconds = 0.0
        answer = await asked
        await other_plane(running, before)
    assert answer.whole
    assert answer.body.rstrip().endswith(b"data: [DONE]")
    assert answer.body.count(b'"content"') >= 200


def test_a_killed_data_plane_is_back_within_a_second_and_nobody_is_refused(running: Gateway) -> None:
    async def check(running: Gateway, before: int) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        os.kill(before, signal.SIGKILL)

        async def gone() -> bool:
            return before not in running.planes

        await eventually_async(gone, 20, "the end of the killed one")
        answers = await asyncio.gather(*(ask(running.port, "/v1/chat/completions", BODY) for _ in range(20)))
        assert {judge(one) for one in answers} == {"well"}
        return loop.time() - began

    before = running.planes[-1]
    seconds = asyncio.run(check(running, before))
    assert before not in running.planes
    assert "is started again" in running.log.read_text()
    assert seconds < 15, "a busy machine takes longer than the second that it takes alone"


@pytest.mark.long
def test_a_configuration_that_cannot_be_used_restarts_nothing(tmp_path: Path) -> None:
    with gateway_before_fakes(tmp_path, 1) as running:
        before = running.planes
        running.config.write_text("[[engine]]\nkind = 3\n")
        running.process.send_signal(signal.SIGHUP)

        async def told() -> bool:
            return "goes on as before" in running.log.read_text()

        asyncio.run(eventually_async(told, 60, "a word about the configuration"))
        assert running.planes == before
        assert judge(asyncio.run(ask(running.port, "/v1/chat/completions", BODY))) == "well"


@pytest.mark.long
def test_a_second_gateway_is_told_that_one_runs(tmp_path: Path) -> None:
    with gateway_before_fakes(tmp_path, 1) as running:
        done = running.keepwell("gateway", "--listen", f"127.0.0.1:{running.port}", "--declared")
        assert done.returncode == 3
        assert "a gateway runs already" in done.stderr
        assert judge(asyncio.run(ask(running.port, "/v1/chat/completions", BODY))) == "well"
