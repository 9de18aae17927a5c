"""Models make room for device time on a real Ollama and come back, whoever is killed meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keepwell.gateway.door import load_plates
from keepwell.store.away_models import load_away
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from keepwell.transport.local import local_name
from keepwell.turns.asking import Asker
from keepwell.turns.living import identify
from keepwell.turns.words import Wish
from tests.engines.real import PATIENCE, RealEngine, give, make_model, ollama
from tests.gateway.test_real import ask
from tests.gateway.test_residency_real import count_loads, resident
from tests.support import free_port

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file."""
    return make_model(tmp_path_factory.mktemp("model") / "alpha.gguf", TinyModel(tag="alpha", words=32))


@contextmanager
def gateway(folder: Path, engine: RealEngine, more: str = "") -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A gateway before this engine: its port and its control process."""
    port = free_port()
    path, log = folder / "keepwell.toml", folder / "gateway.log"
    path.write_text(f'[[engine]]\nkind = "ollama"\nurl = "{engine.url}"\n{more}')
    argv = [sys.executable, "-m", "keepwell", "gateway", "--listen", f"127.0.0.1:{port}", "--declared"]
    env = {**os.environ, "KEEPWELL_STATE": str(folder / "state")}
    with log.open("ab") as out:
        began = log.stat().st_size
        process = subprocess.Popen([*argv, "--config", str(path)], stdout=out, stderr=out, env=env)
    try:
        eventually(lambda: "listening" in log.read_bytes()[began:].decode(), PATIENCE, "the gateway to listen")
        yield port, process
    finally:
        process.terminate()
        process.wait(PATIENCE)


def make_asker(folder: Path, name: str = "night") -> Asker:
    """Who wants all of this machine."""
    wish = Wish(id=name, holder=name, device=local_name(), process=identify(os.getpid()))
    return Asker(folder / "state", wish)


def use(port: int, keep: str = "30m") -> int:
    """A short answer of it; the status."""
    body = {"model": "alpha", "prompt": "count", "stream": False, "keep_alive": keep, "options": {"num_predict": 2}}
    return asyncio.run(ask(port, "/api/generate", body)).status


def kill(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """The gateway's control side and its data plane, by SIGKILL."""
    planes = [one.pid for one in load_plates(folder / "state")]
    process.kill()
    process.wait()
    for pid in planes:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not load_plates(folder / "state"), PATIENCE, "the planes to be gone")


def test_models_leave_for_a_job_in_its_hours_and_come_back_as_they_were(tmp_path: Path, model: Path) -> None:
    window = f'[[window]]\ndevice = "{local_name()}"\nfor = "night*"\nfrom = "00:00"\nto = "00:00"\n'
    with ollama(tmp_path, OLLAMA_DEBUG="1") as engine:
        give(engine, model, "alpha", num_thread=1)
        give(engine, make_model(tmp_path / "bravo.gguf", TinyModel(tag="bravo", words=32)), "other", num_thread=1)
        with gateway(tmp_path, engine, window) as (port, _):
            assert use(port) == 200
            before = resident(engine)["alpha:latest"]
            job = make_asker(tmp_path)
            eventually(lambda: job.ask().held, PATIENCE, "its turn")
            assert resident(engine) == {}
            assert [one.model for one in load_away(tmp_path / "state")] == ["alpha:latest"]
            assert "unload alpha:latest: night has" in (tmp_path / "gateway.log").read_text()
            statuses: list[int] = []
            request = threading.Thread(target=lambda: statuses.append(use(port)))
            job.leave()
            eventually(lambda: "alpha:latest" in resident(engine), PATIENCE, "the model to come back")
            eventually(lambda: not load_away(tmp_path / "state"), PATIENCE, "nothing to be away")
            assert list(resident(engine)) == ["alpha:latest"], "only what was there before"
            assert resident(engine)["alpha:latest"] >= before[:16], "for as long as it was to stay"
            loads = count_loads(engine)
            request.start()
            request.join(PATIENCE)
            assert statuses == [200]
            assert count_loads(engine) == loads, "it came back as requests want it"


@pytest.mark.long
@pytest.mark.parametrize("moment", ["away", "held"])
def test_whoever_is_killed_the_next_gateway_loads_them_again(tmp_path: Path, model: Path, moment: str) -> None:
    with ollama(tmp_path, OLLAMA_DEBUG="1") as engine:
        give(engine, model, "alpha", num_thread=1)
        job = make_asker(tmp_path)
        with gateway(tmp_path, engine) as (port, process):
            assert use(port) == 200
            if moment == "held":
                eventually(lambda: job.ask().held, PATIENCE, "its turn")
            else:
                eventually(lambda: job.ask().held or load_away(tmp_path / "state"), PATIENCE, "it to be written down")
            kill(tmp_path, process)
            assert [one.model for one in load_away(tmp_path / "state")] == ["alpha:latest"]
            assert job.ask().held, "nobody else has it"
        with gateway(tmp_path, engine):
            eventually(lambda: job.ask().owner, PATIENCE, "the gateway to know of it")
            assert [one.model for one in load_away(tmp_path / "state")] == ["alpha:latest"], "not while it is had"
            job.leave()
            eventually(lambda: not load_away(tmp_path / "state"), PATIENCE, "it to come back")
            assert "alpha:latest" in resident(engine)
