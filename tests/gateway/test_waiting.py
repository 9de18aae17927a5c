"""A gateway that waits for an address which another program holds: nobody is refused once that has left."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from keepwell.testing.waiting import eventually
from tests.gateway.made import chat
from tests.gateway.processes import ask, fake_engine, started
from tests.support import free_port

SECONDS = 60


def hold() -> socket.socket:
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


async def test_it_serves_as_soon_as_the_address_is_free(tmp_path: Path) -> None:
    engine = free_port()
    config, log = tmp_path / "keepwell.toml", tmp_path / "gateway.log"
    with fake_engine(tmp_path, engine), hold() as holder:
        port = holder.getsockname()[1]
        config.write_text(f'[[engine]]\nkind = "vllm"\nurl = "http://127.0.0.1:{engine}"\n')
        argv = ["-m", "keepwell", "gateway", "--listen", f"127.0.0.1:{port}", "--declared", "--config", str(config)]
        log.write_text("")
        with started([*argv, "--wait", str(SECONDS)], log, {"KEEPWELL_STATE": str(tmp_path / "state")}) as process:
            eventually((tmp_path / "state" / "gateway" / "ready").exists, SECONDS, "it is ready but for the address")
            assert process.poll() is None
            assert "listening on" not in log.read_text()
            holder.close()
            eventually(lambda: "listening on" in log.read_text(), SECONDS, "it listens")
            answer = await ask(port, "/v1/chat/completions", json.dumps(chat()).encode())
            assert answer.status == 200, answer.body


@pytest.mark.long
def test_it_gives_up_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with hold() as holder:
        port = holder.getsockname()[1]
        argv = ["-m", "keepwell", "gateway", "--listen", f"127.0.0.1:{port}", "--declared", "--wait", "1"]
        done = subprocess.run(
            [sys.executable, *argv],
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
            cwd=tmp_path,
            env={"KEEPWELL_STATE": str(tmp_path / "state"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        )
    assert done.returncode not in (0, -signal.SIGKILL)
    assert "cannot listen there" in done.stderr
