"""A job against the stub, as tests of a run make one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from keepwell.batch.item import Task
from keepwell.batch.job import Bounds, Job, Judge, Target
from keepwell.batch.runner import Run, tell_nobody
from keepwell.batch.writing import OpenAiForm
from keepwell.store.batch_state import BatchBegin
from keepwell.store.batches import BatchJournal, make_batch_id, open_batch
from keepwell.testing.batch_stub import Plan, listen
from keepwell.transport.clock import SystemClock


@dataclass(frozen=True, slots=True)
class Numbers:
    """Tasks of which each asks for its own number."""

    count: int
    problems: frozenset[int] = frozenset()

    def read(self, skip: Callable[[int], bool]) -> Iterator[Task]:
        """In order."""
        for number in range(self.count):
            if not skip(number):
                yield make_task(number, problem="it is bad" * (number in self.problems))


def make_task(number: int, problem: str = "") -> Task:
    """A chat of one message."""
    body = b'{"model": "m", "messages": [{"role": "user", "content": "item %d"}]}' % number
    return Task(number=number, custom_id=f"c{number}", path="/v1/chat/completions", body=body, problem=problem)


def open_numbers(folder: Path, count: int, *, manifest: str = "same", anew: bool = False) -> BatchJournal:
    """The journal of a job in this folder."""
    output = folder / "out.jsonl"
    begin = BatchBegin(
        manifest={"input": manifest}, output=str(output), errors=str(folder / "out.errors.jsonl"), total=count
    )
    return open_batch(folder / "state", make_batch_id(output), begin, owner="here", now=time.time(), anew=anew)


def make_job(
    count: int, *ports: int, bounds: Bounds | None = None, judge: Judge | None = None, ordered: bool = False
) -> Job:
    """A job that asks these ports of loopback; those behind the first are fallbacks for other models."""
    targets = [Target(url=f"http://127.0.0.1:{port}") for port in ports[:1]]
    targets += [Target(url=f"http://127.0.0.1:{port}", model="other") for port in ports[1:]]
    return Job(
        source=Numbers(count),
        targets=tuple(targets),
        writes=OpenAiForm(),
        judge=judge,
        bounds=bounds or Bounds(concurrency=8, seconds=5.0),
        total=count,
        ordered=ordered,
    )


async def go(folder: Path, job: Job, clock: SystemClock | None = None) -> Run:
    """One run of it, to its end."""
    with open_numbers(folder, job.total) as journal:
        run = Run(job, journal, clock or SystemClock(), tell=tell_nobody)
        await run.go()
    return run


@contextlib.asynccontextmanager
async def serving(*plans: Plan) -> AsyncIterator[tuple[int, ...]]:
    """The ports of stubs that answer so meanwhile."""
    async with contextlib.AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(await listen(plan)) for plan in plans]
        try:
            yield tuple(one.sockets[0].getsockname()[1] for one in servers)
        finally:
            await _cut_off(plans)


async def _cut_off(plans: tuple[Plan, ...]) -> None:
    """Leave no connection behind; the loop's next turns close those that clients have left."""
    for plan in plans:
        for one in list(plan.connections):
            one.abort()
        while plan.connections:
            await asyncio.sleep(0)


def read_names(folder: Path) -> tuple[list[str], list[str]]:
    """The names that have an answer, and those that have an error, in the order of the files."""
    found = []
    for name in ("out.jsonl", "out.errors.jsonl"):
        path = folder / name
        lines = path.read_text().splitlines() if path.exists() else []
        found.append([json.loads(line)["custom_id"] for line in lines])
    return found[0], found[1]
