"""What processes did between two looks: this one and its child, and looks that were made up."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest

from keepwell.core.values import find_number
from keepwell.formats.effort import ThreadTime
from keepwell.plugins.effort import Effort, compare_effort, find_family, read_effort
from keepwell.transport.local import LocalTransport


@pytest.fixture
async def here() -> AsyncIterator[LocalTransport]:
    transport = LocalTransport("here")
    yield transport
    await transport.close()


def _time(ran: float, waited: float = 0.0) -> ThreadTime:
    return ThreadTime(ran_seconds=ran, waited_seconds=waited)


def test_threads_that_computed_are_told_from_those_that_waited_for_work() -> None:
    before = Effort(threads={(1, 1): _time(5.0), (1, 2): _time(1.0, 1.0), (1, 3): _time(0.0)}, cores_allowed=1)
    after = Effort(
        threads={(1, 1): _time(5.01), (1, 2): _time(6.0, 5.0), (1, 3): _time(1.0, 8.0), (2, 2): _time(4.0)},
        cores_allowed=1,
    )
    found = compare_effort(before, after, 10.0)
    assert (found["threads"], found["busy_threads"], found["cores_allowed"]) == (4, 3, 1)
    assert found["cpu_seconds"] == 10.01
    assert found["waited_seconds"] == 12.0


def test_on_a_busy_machine_a_thread_with_little_to_do_does_not_compute() -> None:
    before = Effort(threads={(1, 1): _time(0.0), (1, 2): _time(0.0)})
    after = Effort(threads={(1, 1): _time(4.0, 6.0), (1, 2): _time(0.02, 5.0)})
    assert compare_effort(before, after, 10.0)["busy_threads"] == 1


def test_a_hundred_threads_on_one_core_all_count() -> None:
    before = Effort(threads={(1, tid): _time(0.0) for tid in range(100)})
    after = Effort(threads={(1, tid): _time(0.1, 9.9) for tid in range(100)})
    assert compare_effort(before, after, 10.0)["busy_threads"] == 100


def test_what_the_control_group_was_held_back() -> None:
    threads = {(1, 1): _time(1.0)}
    before = Effort(threads=threads, group={"periods": 100, "throttled_periods": 10, "throttled_seconds": 1.0})
    after = Effort(threads=threads, group={"periods": 150, "throttled_periods": 50, "throttled_seconds": 4.5})
    found = compare_effort(before, after, 5.0)
    assert (found["periods"], found["throttled_periods"], found["throttled_seconds"]) == (50, 40, 3.5)


def test_a_kernel_that_tells_of_no_thread_tells_nothing() -> None:
    assert compare_effort(Effort(), Effort(), 1.0) == {}
    assert compare_effort(Effort(), Effort(threads={(1, 1): _time(1.0)}), 0.0) == {}


async def test_this_process_and_its_child(here: LocalTransport) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    try:
        assert child.pid in await find_family(here, os.getpid())
        before = await read_effort(here, os.getpid())
        assert sum(range(2_000_000)) > 0
        found = compare_effort(before, await read_effort(here, os.getpid()), 1.0)
    finally:
        child.kill()
        await child.wait()
    assert (find_number(found["cpu_seconds"]) or 0) > 0
    assert found["cores_allowed"] == len(os.sched_getaffinity(0))


async def test_a_process_that_is_gone(here: LocalTransport) -> None:
    assert await find_family(here, 2**22 + 1) == (2**22 + 1,)
    assert (await read_effort(here, 2**22 + 1)).threads == {}
