"""A real Ollama gives its address to the gateway and takes it back, while a client asks all the time."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from keepwell.app.applying.carrying import apply_run, undo_run
from keepwell.app.operation import Caller
from keepwell.app.running import acting
from keepwell.app.running.adopting import AdoptWish, plan_adopting
from keepwell.conform.launch import find_marked
from keepwell.core.step import Plan, StartProcess
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.engines.real import PATIENCE, RealEngine, chat, give, make_model, ollama

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"), pytest.mark.long]


class Client:
    """Asks for the models again and again; keeps when it got no answer."""

    def __init__(self, engine: RealEngine) -> None:
        self._engine = engine
        self._end = threading.Event()
        self.answers: list[tuple[float, int]] = []
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        while not self._end.wait(0.02):
            began = time.monotonic()
            self.answers.append((began, self._engine.ask("/api/tags")[0]))

    def __enter__(self) -> Client:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    @property
    def gap_seconds(self) -> float:
        """The longest time from a good answer to the next."""
        good = [began for began, status in self.answers if status == 200]
        return max(later - earlier for earlier, later in itertools.pairwise(good))


def quiet_port() -> int:
    """A free port that the kernel gives to nobody by itself."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def end_what_was_started(plan: Plan) -> None:
    for change in plan.changes:
        for action in (change.do, change.undo):
            if isinstance(action, StartProcess) and find_marked(action.mark):
                with suppress(ProcessLookupError):
                    os.kill(find_marked(action.mark), signal.SIGTERM)


def names(engine: RealEngine) -> set[str]:
    """The gateway leaves out the tag that means nothing."""
    return {one["name"].removesuffix(":latest") for one in json.loads(engine.ask("/api/tags")[1])["models"]}


async def test_clients_keep_their_address_and_all_is_taken_back(tmp_path: Path) -> None:
    with ollama(tmp_path) as engine:
        give(engine, make_model(tmp_path / "counting.gguf", TinyModel(tag="well")), "counting")
        said = chat(engine, "counting")
        config = tmp_path / "keepwell.toml"
        config.write_text(f'# mine\n[[engine]]\nkind = "ollama"\nname = "mine"\nurl = "{engine.url}" # here\n')
        before = config.read_bytes()
        caller = Caller(state=tmp_path / "state", config=config)
        report = await plan_adopting(caller, AdoptWish(engine="mine", port=quiet_port()))
        (planned,) = report.planned
        assert config.read_bytes() == before
        try:
            with Client(engine) as client:
                applied = await apply_run(caller, planned.id)
            assert applied.outcome.state == "well", applied.outcome
            print("interruption", client.gap_seconds)
            assert client.gap_seconds < 15
            assert engine.process.wait(5) == 0
            assert "counting" in names(engine)
            assert chat(engine, "counting") == said
            status = await acting.tell_status(caller, "mine", "")
            assert (status.state, status.exit_code) == ("well", 0), status
            assert status.url != engine.url
            undone = await undo_run(caller, planned.id)
            assert undone.outcome.state == "undone"
            assert config.read_bytes() == before
            eventually(lambda: engine.ask("/api/version")[0] == 200, PATIENCE, "it answers again")
            assert chat(engine, "counting") == said
            back = await acting.tell_status(caller, "mine", "")
            assert (back.state, back.url) == ("well", engine.url)
        finally:
            end_what_was_started(planned.plan)
