"""A batch over a real llama-server whose every answer is known, killed with SIGKILL in the midst of it."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from keepwell.batch.job import Bounds
from keepwell.batch.runner import Run
from keepwell.testing.tiny_model import TinyModel
from keepwell.transport.clock import SystemClock
from tests.batch.parts import make_job, open_numbers, read_names
from tests.engines.real import make_model
from tests.gateway.processes import llama_server
from tests.support import eventually_async, free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
#: Lines, kills, and numbers of an answer.
LINES, KILLS, WORDS = 120, 3, 40


async def test_a_killed_llama_server_costs_no_line(tmp_path: Path) -> None:
    model = make_model(tmp_path / "real.gguf", TinyModel(tag="real", words=WORDS))
    port = free_port()
    with ExitStack() as stack, open_numbers(tmp_path, LINES) as journal:
        servers = [stack.enter_context(llama_server(tmp_path, model, port, "-np", "4"))]
        job = make_job(LINES, port, bounds=Bounds(concurrency=4, seconds=60.0, waits=0.2))
        run = Run(job, journal, SystemClock())
        going = asyncio.create_task(run.go())
        for number in range(1, KILLS + 1):
            await eventually_async(_Reached(run, number * LINES // (KILLS + 2)), 120, "some lines to be answered")
            servers[-1].kill()
            servers[-1].wait()
            servers.append(
                await asyncio.to_thread(stack.enter_context, llama_server(tmp_path, model, port, "-np", "4"))
            )
        told = await going
    answered, errors = read_names(tmp_path)
    assert (sorted(answered), errors) == (sorted(f"c{number}" for number in range(LINES)), [])
    assert told.answered == LINES
    whole = "real " + " ".join(f"{number:04d}" for number in range(1, WORDS + 1))
    for line in (tmp_path / "out.jsonl").read_text().splitlines():
        said = json.loads(line)["response"]["body"]["choices"][0]["message"]["content"]
        assert said.strip() == whole


class _Reached:
    """Asks whether so many lines are answered."""

    def __init__(self, run: Run, count: int) -> None:
        self._run = run
        self._count = count

    async def __call__(self) -> bool:
        return self._run.told().answered >= self._count
