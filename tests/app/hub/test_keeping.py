"""The hub's process is kept: one that hangs is killed, one that is killed is started again, no two work at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from keepwell.app.hub.keeping import HubKeeper
from keepwell.app.hub.process import LOCK_FILE, hold_lock
from keepwell.store.hub_door import find_hub_door
from tests.app.hub.made import Lines
from tests.support import eventually_async, free_port

#: Seconds for a hub to begin on a busy machine.
LONG = 60.0


def write_config(folder: Path) -> Path:
    path = folder / "keepwell.toml"
    path.write_text(f'[hub]\nlisten = "127.0.0.1:{free_port()}"\n')
    return path


@pytest.mark.long
async def test_a_hub_that_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    lines = Lines()
    keeper = HubKeeper(tmp_path / "state", write_config(tmp_path), lines.tell, silent_seconds=4.0)

    async def answers() -> bool:
        return find_hub_door(tmp_path / "state") is not None and keeper.process > 0

    async with keeper.keep():
        await eventually_async(answers, LONG)
        first = keeper.process
        os.kill(first, signal.SIGSTOP)

        async def again() -> bool:
            door = find_hub_door(tmp_path / "state")
            return door is not None and door.pid != first

        await eventually_async(again, LONG)
    assert [one for one in lines.told if "it said nothing for 4 s" in one]


@pytest.mark.long
async def test_a_hub_that_crashes_does_without_what_crashes_it(tmp_path: Path) -> None:
    lines = Lines()
    keeper = HubKeeper(tmp_path / "state", write_config(tmp_path), lines.tell)
    killed: set[int] = set()
    async with keeper.keep():

        async def careful() -> bool:
            pid = keeper.process
            if pid and pid not in killed and len(killed) < 3:
                killed.add(pid)
                os.kill(pid, signal.SIGSEGV)
            if not pid or pid in killed:
                return False
            return b"careful" in Path(f"/proc/{pid}/cmdline").read_bytes()

        await eventually_async(careful, LONG)
    assert any("without the libraries of vendors" in one for one in lines.told)


async def test_two_hubs_do_not_work_on_one_folder(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", HOLD, str(tmp_path / LOCK_FILE)]
    holder = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    assert holder.stdout is not None
    await asyncio.wait_for(holder.stdout.readline(), LONG)
    waiting = asyncio.create_task(asyncio.to_thread(_enter, tmp_path / LOCK_FILE))
    done, _ = await asyncio.wait((waiting,), timeout=0.5)
    assert not done
    holder.kill()
    await holder.wait()
    await asyncio.wait_for(waiting, LONG)


HOLD = """
import sys, time
from pathlib import Path
from keepwell.app.hub.process import hold_lock
with hold_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def _enter(path: Path) -> None:
    with hold_lock(path):
        pass
