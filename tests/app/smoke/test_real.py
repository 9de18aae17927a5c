"""A whole smoke test of a real Ollama: within its time, and its memory is afterwards as it was."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from keepwell.app.smoke.running import Wanted
from keepwell.core.finding import Status
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.app.smoke.asked import find, make_test
from tests.engines.real import give, make_model, ollama

pytestmark = [pytest.mark.real, pytest.mark.long]

#: Seconds that a model which users asked for was to stay, and by which it may differ afterwards on a busy machine.
STAY, SLACK = 1200, 120.0


def left(engine: object, name: str) -> float:
    """Seconds that a model still stays in memory; 0 where it is not there."""
    rows = json.loads(engine.ask("/api/ps")[1])["models"]  # type: ignore[attr-defined]
    for row in rows:
        if row["name"] == name:
            ends = time.mktime(time.strptime(row["expires_at"][:19], "%Y-%m-%dT%H:%M:%S"))
            zone = time.timezone * (row["expires_at"].endswith("Z"))
            return ends - zone - time.time()
    return 0.0


async def test_every_question_is_answered_and_memory_stays_as_it_was(tmp_path: Path) -> None:
    with ollama(tmp_path) as engine:
        give(
            engine, make_model(tmp_path / "a.gguf", TinyModel(tag="alpha", words=64)), "one", num_thread=1, num_ctx=128
        )
        give(engine, make_model(tmp_path / "b.gguf", TinyModel(tag="beta", words=32)), "two", num_thread=1, num_ctx=128)
        found = await find(make_test("ollama", engine.url, tmp_path, Wanted(comprehensive=True)))
        well = ("service", "api", "answers", "model", "streams", "embeds", "context", "concurrency")
        assert {name: found[name].status for name in well} == dict.fromkeys(well, Status.OK)
        assert found["context"].facts["kind"] == "cut"
        eventually(lambda: json.loads(engine.ask("/api/ps")[1])["models"] == [], 30.0, "what was loaded left again")
        assert engine.ask("/api/generate", {"model": "two", "keep_alive": STAY})[0] == 200
        found = await find(make_test("ollama", engine.url, tmp_path, Wanted(comprehensive=True)))
        assert found["answers"].subject.name == "two:latest", "what is in memory is asked, nothing is loaded"
        assert abs(left(engine, "two:latest") - STAY) < SLACK
        assert left(engine, "one:latest") == 0.0
