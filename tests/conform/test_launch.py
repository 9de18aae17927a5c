"""Starting a program that stays, and ending the one that it replaces."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from keepwell.conform.actions import perform, succeeding
from keepwell.conform.launch import started_at
from keepwell.core.errors import AccessError
from keepwell.core.step import StartProcess
from keepwell.testing.waiting import eventually
from keepwell.transport.local import LocalTransport

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


async def launch(action: StartProcess) -> str:
    hands = LocalTransport("here")
    try:
        return await perform(action, hands)
    finally:
        await hands.close()


async def test_it_stays_and_writes_where_it_should_and_is_replaced_the_next_time(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    action = StartProcess(
        argv=("env", "A=some", "sh", "-c", "echo $A $(pwd); exec sleep 60"), output=str(log), cwd=str(tmp_path)
    )
    said = await launch(action)
    pid = int(said.split()[1])
    try:
        eventually(lambda: log.read_text() == f"before\nsome {tmp_path}\n")
        assert os.getsid(pid) == pid
        second = succeeding(action, said)
        assert isinstance(second, StartProcess)
        assert second.replaces_pid == pid
        again = int((await launch(second)).split()[1])
        assert started_at(pid) is None
        assert started_at(again) is not None
        os.kill(again, signal.SIGKILL)
    finally:
        if started_at(pid) is not None:
            os.kill(pid, signal.SIGKILL)


async def test_a_stranger_with_the_same_number_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        action = StartProcess(argv=("true",), replaces_pid=stranger.pid, replaces_started_at=1.0)
        await launch(action)
        assert stranger.poll() is None
        stranger.kill()


async def test_a_stopped_process_is_ended_too(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as old:
        old.send_signal(signal.SIGSTOP)
        action = StartProcess(argv=("true",), replaces_pid=old.pid, replaces_started_at=started_at(old.pid) or 0.0)
        await launch(action)
        assert old.wait(5) == -signal.SIGTERM


async def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(AccessError, match="cannot start /no/such"):
        await launch(StartProcess(argv=("/no/such",)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_it_runs_as_the_user_that_is_asked_for(tmp_path: Path) -> None:
    log = tmp_path / "log"
    await launch(StartProcess(argv=("sh", "-c", "id -u; id -g"), output=str(log), uid=65534, gid=65534))
    eventually(lambda: log.read_text() == "65534\n65534\n")
