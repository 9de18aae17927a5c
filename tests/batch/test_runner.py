"""A run against a real server on loopback: every task has one line, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from keepwell.batch.job import Bounds
from keepwell.core.errors import DamagedError, RefusedError
from keepwell.testing.batch_stub import FAULTS, Plan, listen
from tests.batch.parts import go, make_job, open_numbers, read_names, serving

QUICK = Bounds(concurrency=8, seconds=5.0, waits=0.05)


def names(count: int) -> list[str]:
    return [f"c{number}" for number in range(count)]


async def test_every_task_is_asked_once_and_has_one_line(tmp_path: Path) -> None:
    plan = Plan()
    async with serving(plan) as ports:
        run = await go(tmp_path, make_job(200, *ports))
    answered, errors = read_names(tmp_path)
    assert (sorted(answered), errors) == (sorted(names(200)), [])
    assert (plan.asked, run.told().ended, run.told().answered) == (200, "done", 200)
    assert plan.highest <= 8


async def test_what_is_done_is_not_asked_again(tmp_path: Path) -> None:
    plan = Plan()
    async with serving(plan) as ports:
        await go(tmp_path, make_job(50, *ports))
        before = (tmp_path / "out.jsonl").read_bytes()
        told = (await go(tmp_path, make_job(50, *ports))).told()
    assert (plan.asked, told.done, told.done_here) == (50, 50, 0)
    assert (tmp_path / "out.jsonl").read_bytes() == before


async def test_faults_of_every_kind_are_tried_again(tmp_path: Path) -> None:
    plan = Plan(faults=dict.fromkeys(FAULTS, 0.03), seed=3)
    async with serving(plan) as ports:
        await go(tmp_path, make_job(80, *ports, bounds=Bounds(concurrency=40, seconds=0.4, waits=0.05)))
    answered, errors = read_names(tmp_path)
    assert sorted(answered + errors) == sorted(names(80))
    assert plan.asked > 80


async def test_lines_stand_in_the_order_of_the_input_if_that_is_wished(tmp_path: Path) -> None:
    plan = Plan(faults={"server": 0.1}, seed=5)
    async with serving(plan) as ports:
        await go(tmp_path, make_job(60, *ports, bounds=QUICK, ordered=True))
    answered, errors = read_names(tmp_path)
    assert answered == [name for name in names(60) if name not in errors]


async def test_a_torn_end_is_cut_and_lines_that_are_gone_are_told(tmp_path: Path) -> None:
    async with serving(Plan()) as ports:
        job = make_job(20, *ports)
        await go(tmp_path, job)
    output = tmp_path / "out.jsonl"
    whole = output.read_bytes()
    output.write_bytes(whole + b'{"id": "torn')
    await go(tmp_path, job)
    assert output.read_bytes() == whole
    output.write_bytes(whole[:-10])
    with pytest.raises(DamagedError, match="are gone"):
        await go(tmp_path, job)


async def test_a_job_goes_on_only_with_what_it_was_begun_with(tmp_path: Path) -> None:
    async with serving(Plan()) as ports:
        await go(tmp_path, make_job(5, *ports))
    with pytest.raises(RefusedError, match=r"input \(was same, is other\)"):
        open_numbers(tmp_path, 5, manifest="other")
    open_numbers(tmp_path, 5, manifest="other", anew=True).close()
    assert not (tmp_path / "out.jsonl").exists()


async def test_two_runs_of_one_job_exclude_each_other(tmp_path: Path) -> None:
    with open_numbers(tmp_path, 5), pytest.raises(RefusedError, match="another keepwell works on this job"):
        open_numbers(tmp_path, 5)


async def test_a_file_that_no_job_made_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("mine\n")
    for _ in range(2):
        with pytest.raises(RefusedError, match="no job is known that made it"):
            open_numbers(tmp_path, 5)
    assert (tmp_path / "out.jsonl").read_text() == "mine\n"


class Mortal:
    """An engine that dies of a prompt with all its connections, and is started again at once by whoever watches it."""

    def __init__(self, plan: Plan) -> None:
        plan.die = self._die
        self.deaths = self.port = 0
        self._plan = plan
        self._starting: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await listen(self._plan, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more."""
        await asyncio.gather(*self._starting)
        self._server.close()
        await self._server.wait_closed()

    def _die(self) -> None:
        self.deaths += 1
        self._server.close()
        for connection in self._plan.connections:
            connection.abort()
        self._starting.add(asyncio.create_task(self._start_later()))

    async def _start_later(self) -> None:
        await asyncio.sleep(0.05)
        await self.start()


async def test_a_prompt_that_kills_the_engine_does_not_end_the_night(tmp_path: Path) -> None:
    engine = Mortal(Plan(seconds=0.01, deadly="item 7"))
    await engine.start()
    try:
        await go(tmp_path, make_job(40, engine.port, bounds=QUICK))
    finally:
        await engine.stop()
    answered, errors = read_names(tmp_path)
    assert (sorted(answered), errors) == (sorted(set(names(40)) - {"c7"}), ["c7"])
    assert "2 times when nothing else was" in (tmp_path / "out.errors.jsonl").read_text()
    assert 4 <= engine.deaths <= 8


async def test_a_fallback_answers_what_the_first_could_not(tmp_path: Path) -> None:
    broken, well = Plan(faults={"torn_json": 1.0}), Plan()
    bounds = Bounds(concurrency=4, seconds=5.0, tries=1, waits=0.05)
    async with serving(broken, well) as ports:
        await go(tmp_path, make_job(6, *ports, bounds=bounds))
    answered, errors = read_names(tmp_path)
    assert (sorted(answered), errors, broken.asked, well.asked) == (names(6), [], 6, 6)
    assert b'"model":"other"' in (tmp_path / "out.jsonl").read_bytes()
