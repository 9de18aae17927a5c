"""Starting a program that stays, and ending the one that it replaces."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.conform.actions import perform, succeeding
from keepwell.conform.launch import find_marked, started_at
from keepwell.core.errors import AccessError
from keepwell.core.step import EndProcess, StartProcess
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


async def test_a_marked_program_is_started_once_and_ended_without_its_pid(tmp_path: Path) -> None:
    action = StartProcess(argv=("sh", "-c", "sleep 60 & exec sleep 60"), mark=f"test-{os.getpid()}")
    first, second = await asyncio.gather(launch(action), launch(action))
    pid = int(first.split()[1])
    try:
        assert int(second.split()[1]) == pid == find_marked(action.mark)
        hands = LocalTransport("here")
        later = replace(action, mark=f"{action.mark} {action.mark}-later", replaces_pid=pid)
        pid = int((await launch(replace(later, replaces_started_at=started_at(pid) or 0.0))).split()[1])
        assert find_marked(later.mark) == find_marked(action.mark) == pid
        await perform(EndProcess(mark=action.mark), hands)
        await perform(EndProcess(mark=action.mark), hands)
        await hands.close()
        assert started_at(pid) is None
        assert find_marked(action.mark) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


async def test_a_process_is_ended_only_if_it_is_the_one_that_was_seen() -> None:
    hands = LocalTransport("here")
    with subprocess.Popen(["sleep", "60"]) as one:
        began = started_at(one.pid) or 0.0
        await perform(EndProcess(pid=one.pid, started_at=began - 60), hands)
        assert one.poll() is None
        await perform(EndProcess(pid=one.pid, started_at=began), hands)
        assert one.wait(5) == -signal.SIGTERM
    await hands.close()


async def test_a_program_is_started_when_it_is_ready(tmp_path: Path) -> None:
    file = tmp_path / "ready"
    file.write_text("of an earlier one")
    os.utime(file, (1, 1))
    action = StartProcess(argv=("sh", "-c", f"touch {file}; exec sleep 60"), ready=str(file))
    pid = int((await launch(action)).split()[1])
    try:
        assert file.stat().st_mtime > 1
        began = started_at(pid) or 0.0
        kept = StartProcess(argv=("sleep", "60"), replaces_pid=pid, replaces_started_at=began, keeps=True)
        assert int((await launch(kept)).split()[1]) == pid
    finally:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(AccessError, match="not ready"):
        await launch(replace(action, argv=("true",), ready=str(tmp_path / "never")))


async def test_an_address_is_waited_for_without_a_program() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        await launch(StartProcess(argv=(), ready=f"127.0.0.1:{one.getsockname()[1]}"))
