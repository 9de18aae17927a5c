"""Duties: one that fails, hangs, blocks its own end or cannot be loaded harms no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from keepwell.app.hub.duty import Duty, Hub
from keepwell.app.hub.running import FAILURES, Runner
from keepwell.core.errors import Unreachable
from keepwell.core.series import SeriesKey
from tests.app.hub.made import Lines, make_hub
from tests.support import eventually_async


class Counting:
    """Does what it should."""

    every_seconds = 0.01

    def __init__(self, name: str = "counting") -> None:
        self.name = name
        self.done = 0
        self.closed = 0

    async def do(self, hub: Hub, now: float) -> None:
        self.done += 1

    async def close(self) -> None:
        self.closed += 1


class Failing(Counting):
    """Fails so often, then is well."""

    def __init__(self, error: Exception, times: int) -> None:
        super().__init__("failing")
        self.error = error
        self.times = times

    async def do(self, hub: Hub, now: float) -> None:
        await super().do(hub, now)
        if self.done <= self.times:
            raise self.error


class Hanging(Counting):
    """Never comes back, and does not even close."""

    async def do(self, hub: Hub, now: float) -> None:
        await super().do(hub, now)
        await asyncio.Event().wait()

    async def close(self) -> None:
        raise RuntimeError("cannot close")


@asynccontextmanager
async def running(hub: Hub, *duties: Duty, names: tuple[str, ...] = ()) -> AsyncIterator[Runner]:
    runner = Runner(hub, names, duties, pause_seconds=0.05)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(duty: Counting, times: int) -> None:
    async def done() -> bool:
        return duty.done >= times

    await eventually_async(done, what=f"{duty.name} {times} times")


async def test_one_that_hangs_or_fails_harms_no_other(tmp_path: Path) -> None:
    lines = Lines()
    well, hanging, failing = Counting(), Hanging("hanging"), Failing(RuntimeError("boom\x1b[31m"), 99)
    async with running(make_hub(tmp_path, lines), hanging, failing, well) as runner:
        await until(well, 20)
        await until(failing, 1)
        hub = runner.hub
        assert hanging.done == 1
        assert hub.standings["counting"].problem == ""
        up = hub.table.find(SeriesKey("hub.duty_up", f"node:{hub.here}", (("duty", "failing"),)))
        assert up is not None
        assert up.value == 0.0
    assert (well.closed, failing.closed) == (1, 1)
    (line,) = [one for one in lines.told if "failing failed" in one]
    assert "RuntimeError: boom" in line
    assert "test_running.py" in line
    assert "\x1b" not in line
    assert any("hanging did not finish well" in one for one in lines.told)


async def test_failures_in_a_row_are_a_finding_that_goes_when_it_is_well(tmp_path: Path) -> None:
    lines = Lines()
    failing = Failing(Unreachable("nobody there"), FAILURES)
    hub = make_hub(tmp_path, lines)
    async with running(hub, failing):

        async def found() -> bool:
            return any(one.check == "hub.duty" for one in hub.board.findings())

        await eventually_async(found)
        (one,) = hub.board.findings()
        assert str(one.subject) == f"service:{hub.here}/hub/failing"
        assert "nobody there" in one.message
        await until(failing, FAILURES + 1)

        async def gone() -> bool:
            return not await found()

        await eventually_async(gone)
    assert sum("failed and is tried again" in one for one in lines.told) == 1
    assert any("is well again" in one for one in lines.told)


class Flapping(Counting):
    """Fails every other time."""

    async def do(self, hub: Hub, now: float) -> None:
        await super().do(hub, now)
        if self.done % 2:
            raise Unreachable("now and then")


async def test_one_that_comes_and_goes_does_not_fill_the_log(tmp_path: Path) -> None:
    lines = Lines()
    flapping = Flapping("flapping")
    async with running(make_hub(tmp_path, lines), flapping):
        await until(flapping, 12)
    assert len([one for one in lines.told if "flapping" in one]) == 2


async def test_one_that_cannot_be_loaded_is_left_out(tmp_path: Path) -> None:
    lines = Lines()
    well = Counting()
    async with running(make_hub(tmp_path, lines), well, names=("no_such_module:Nothing", "duty:Board")) as runner:
        await until(well, 2)
        assert set(runner.hub.standings) == {"no_such_module:Nothing", "duty:Board", "counting"}
    assert [one.split()[1] for one in lines.told if "cannot be loaded" in one] == [
        "no_such_module:Nothing",
        "duty:Board",
    ]
