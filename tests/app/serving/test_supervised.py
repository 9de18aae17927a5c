"""What systemd is told, against a real datagram socket; and the unit, read by the real systemd-analyze."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from keepwell.app.serving.supervised import BEATS, Notifier
from keepwell.app.serving.up_unit import render_unit
from keepwell.store.folder import ROOT_FOLDER


def listen(address: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.bind(address)
    made.settimeout(5)
    return made


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_states_arrive_as_sd_notify_writes_them(tmp_path: Path, kind: str) -> None:
    names = {"path": str(tmp_path / "notify"), "abstract": f"@keepwell-test-{os.getpid()}"}
    bound = {"path": names["path"], "abstract": "\0" + names["abstract"][1:]}[kind]
    with listen(bound) as heard:
        notifier = Notifier({"NOTIFY_SOCKET": names[kind]}, 5)
        notifier.ready("serving")
        notifier.reloading()
        notifier.stopping()
        assert heard.recv(1000) == b"READY=1\nSTATUS=serving"
        assert heard.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert heard.recv(1000) == b"STOPPING=1"


async def test_beats_come_only_while_all_is_well(tmp_path: Path) -> None:
    well = [True, False, True, False, False]
    over = asyncio.Event()

    async def is_well() -> bool:
        if not well:
            over.set()
            return False
        return well.pop(0)

    with listen(str(tmp_path / "notify")) as heard:
        heard.setblocking(False)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000", "WATCHDOG_PID": "77"}
        notifier = Notifier(environment, 77)
        assert notifier.beat_seconds == pytest.approx(0.03 / BEATS)
        beating = asyncio.create_task(notifier.keep_beating(is_well))
        await asyncio.wait_for(over.wait(), 5)
        beating.cancel()
        assert [heard.recv(100), heard.recv(100)] == [b"WATCHDOG=1"] * 2
        with pytest.raises(BlockingIOError):
            heard.recv(100)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "1000000"},
        {"NOTIFY_SOCKET": "relative", "WATCHDOG_USEC": "1000000"},
        {"NOTIFY_SOCKET": "/run/none", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "6"},
        {"NOTIFY_SOCKET": "/run/none", "WATCHDOG_USEC": "soon"},
    ],
)
async def test_nobody_waits_for_beats(environment: dict[str, str]) -> None:
    notifier = Notifier(environment, 5)
    assert notifier.beat_seconds == 0

    async def never() -> bool:
        raise AssertionError("asked")

    await notifier.keep_beating(never)
    notifier.ready()  # to nobody, or to a socket that is gone


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize(("state", "user"), [(ROOT_FOLDER, ""), (Path("/srv/a folder/50%"), "daemon")])
def test_systemd_takes_the_unit(tmp_path: Path, state: Path, user: str) -> None:
    unit = render_unit(["/bin/true", "up", "--listen", "127.0.0.1:4000"], state, user)
    path = tmp_path / "keepwell.service"
    path.write_text(unit)
    ran = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Type=notify" in unit
    assert "WatchdogSec=60" in unit


def test_a_word_cannot_add_a_line_to_the_unit() -> None:
    with pytest.raises(ValueError, match="unit file"):
        render_unit(["/bin/true", "a\nExecStartPre=/bin/false"], ROOT_FOLDER, "")


def test_the_command_prints_a_unit_that_runs_itself(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "keepwell", "up", "--listen", "127.0.0.1:4010", "--declared", "--print-unit"]
    ran = subprocess.run(
        argv, capture_output=True, text=True, timeout=60, env={**os.environ, "KEEPWELL_STATE": str(tmp_path)}
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"ExecStart={sys.executable} -m keepwell up --listen 127.0.0.1:4010 --declared\n" in ran.stdout
    assert f"ReadWritePaths={tmp_path}\n" in ran.stdout
    assert list(tmp_path.iterdir()) == []
