"""`keepwell migrate switch` before a real gateway while clients ask: it moves, it goes back by itself, and a kill of it
or a restart of the gateway leaves a share that somebody decided on. No client sees an error in any of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keepwell.gateway.choice.splits import load_splits
from keepwell.testing.engine import FakeEngine, FakeModel, Fault
from tests.gateway.made import Answered, chat
from tests.gateway.processes import Gateway, Load, during, gateway, in_thread
from tests.support import eventually_async

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
OTHER = "other-name"
#: Seconds for what a test waits for: commands begin slowly on a busy machine.
PATIENCE = 120.0
BODY = json.dumps(chat(stream=True, max_tokens=4)).encode()
WORDS = ("migrate", "switch", "tiny-alpha", "--to", OTHER)


@dataclass
class Scene:
    """A gateway before two engines with a model each."""

    running: Gateway
    first: FakeEngine
    second: FakeEngine

    async def switch(self, *more: str) -> tuple[int, dict[str, Any]]:
        """Its exit code and what it says."""
        done = await self.running.run(*WORDS, "--json", *more)
        return done.returncode, json.loads(done.stdout)

    @property
    def share(self) -> float:
        """What is moved, by the state folder."""
        return max((one.share for one in load_splits(self.running.state)), default=0.0)


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    """Everything is well."""
    second = FakeEngine("vllm", models=(FakeModel(name=OTHER, tag="beta"),))
    async with FakeEngine("vllm") as first, second:
        engines = [("vllm", first.port), ("vllm", second.port)]
        async with in_thread(gateway(folder, engines)) as running:
            yield Scene(running, first, second)


def judge(answer: Answered) -> str:
    """Whose words they are."""
    if answer.status != 200 or not answer.body.rstrip().endswith(b"data: [DONE]"):
        return f"{answer.status}: {answer.body[:300]!r}"
    return {True: "beta", False: "alpha"}[b"beta" in answer.body]


async def while_asked(one: Scene, act: Callable[[], Awaitable[None]]) -> Counter[str]:
    """Who answered, while something is done; nobody may see an error."""
    load = Load(one.running.port, judge, pause_seconds=0.02)

    async def act_then() -> None:
        async def enough() -> bool:
            return load.outcomes.total() >= 30

        await eventually_async(enough, PATIENCE, "requests before the move")
        await act()

    outcomes = await during(load, 3, BODY, act_then)
    assert set(outcomes) <= {"alpha", "beta"}, outcomes
    return outcomes


async def test_it_goes_back_by_itself_when_the_other_engine_fails_and_no_client_sees_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        await one.second.set_fault(Fault.BROKEN, "/v1/chat")

        async def act() -> None:
            code, report = await one.switch("--steps", "50,100", "--hold", "30s")
            assert (code, report["state"], report["share"]) == (2, "back", 0.0)
            assert "came_back" in report["detail"]
            assert len(report["steps"]) == 1
            assert one.share == 0.0

        assert set(await while_asked(one, act)) == {"alpha"}


async def test_it_goes_back_by_itself_when_the_other_engine_is_slow(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        one.second.state.slow_seconds = 0.2
        await one.second.set_fault(Fault.SLOW, "/v1/chat")

        async def act() -> None:
            code, report = await one.switch("--steps", "30,100", "--hold", "30s")
            assert (code, report["state"]) == (2, "back")
            assert "first byte of streams" in report["detail"]
            assert one.share == 0.0

        assert set(await while_asked(one, act)) == {"alpha", "beta"}


async def test_it_moves_by_steps_a_restart_keeps_the_share_and_undo_takes_it_back(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:

        async def act() -> None:
            code, report = await one.switch("--steps", "10,50,100", "--hold", "1s", "--least", "5")
            assert (code, report["state"], report["share"]) == (0, "moved", 1.0), report
            assert [step["share"] for step in report["steps"]] == [0.1, 0.5, 1.0]
            assert {step["failed"] for step in report["steps"]} == {0}
            assert (await one.running.run("gateway", "--restart")).returncode == 0
            before = len(one.first.requests)

            async def asked() -> bool:
                return len(one.second.requests) >= asked_before + 20

            asked_before = len(one.second.requests)
            await eventually_async(asked, PATIENCE, "requests after the restart")
            assert not [each for each in one.first.requests[before:] if each.path.endswith("completions")]
            again = await one.running.run(*WORDS)
            assert (again.returncode, f"keepwell undo {report['run']}" in again.stderr) == (3, True)
            assert (await one.running.run("apply", report["run"])).returncode == 3
            assert (await one.running.run("undo")).returncode == 0
            assert one.share == 0.0
            moved = len(one.first.requests)

            async def back() -> bool:
                return len(one.first.requests) >= moved + 20

            await eventually_async(back, PATIENCE, "requests that are back")

        assert set(await while_asked(one, act)) == {"alpha", "beta"}


async def test_killed_at_any_moment_the_share_stays_and_the_same_command_goes_on(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        steps = ("--steps", "40,60,100", "--hold", "1s", "--least", "3")

        async def act() -> None:
            env = {**os.environ, "KEEPWELL_STATE": str(one.running.state)}
            argv = (sys.executable, "-m", "keepwell", *WORDS, *steps, "--config", str(one.running.config))
            for share in (0.4, 0.6):
                killed = await asyncio.create_subprocess_exec(*argv, env=env, stdout=asyncio.subprocess.DEVNULL)

                async def there(share: float = share) -> bool:
                    return one.share == share

                await eventually_async(there, PATIENCE, f"a share of {share}")
                killed.send_signal(signal.SIGKILL)
                await killed.wait()
                assert one.share == share
            code, report = await one.switch(*steps)
            assert (code, report["state"], one.share) == (0, "moved", 1.0)
            assert [step["share"] for step in report["steps"]] == [0.6, 1.0]

        await while_asked(one, act)


async def test_ctrl_c_keeps_the_share_and_few_requests_move_nobody_on(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        code, report = await one.switch("--steps", "50,100", "--hold", "100ms")
        assert (code, report["state"], report["share"]) == (1, "held", 0.5)
        assert "too few" in report["detail"]
        env = {**os.environ, "KEEPWELL_STATE": str(one.running.state)}
        argv = (sys.executable, "-m", "keepwell", *WORDS, "--hold", "60s", "--config", str(one.running.config))
        stopped = await asyncio.create_subprocess_exec(
            *argv, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        assert stopped.stdout is not None
        assert b"goes on with" in await stopped.stdout.readline()
        stopped.send_signal(signal.SIGINT)
        said = (await stopped.stdout.read()).decode()
        assert await stopped.wait() == 1
        assert f"keepwell undo {report['run']}" in said
        assert one.share == 0.5
        other = await one.running.run("migrate", "switch", OTHER, "--to", "tiny-alpha")
        assert (other.returncode, one.share) == (3, 0.5)
