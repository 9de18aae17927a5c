"""A real vLLM: found and well, asleep, with a dead engine, and with weights that are cut."""

from __future__ import annotations

import os

import pytest

from keepwell.testing.world import World
from tests.faults.judging import assert_named, bad_checks, causes, likely_causes
from tests.long.engines import Vllm, look, the_engine

pytestmark = pytest.mark.long

#: Bytes that a cut file keeps: the header is whole, the weights are not.
CUT_BYTES = 3_000_000


def test_well_then_asleep_then_awake(vllm: Vllm, world: World) -> None:
    assert vllm.chat().data["choices"][0]["message"]["content"] == " valpha 0001 0002 0003 0004"
    answer = world.keepwell("diagnose")
    found = the_engine(answer)
    assert (found["title"], found["url"], found["version"]) == ("vLLM", "http://127.0.0.1:8000", "0.32.0")
    assert (found["state"], found["models"], found["requests_running"]) == ("well", 1, 0)
    assert [(one["name"], one["context_tokens"]) for one in found["loaded"]] == [("tiny", 2048)]
    assert likely_causes(answer) == []
    read = look(vllm, "vllm")
    assert [(one["name"], one["context_tokens"]) for one in read["models"]] == [("tiny", 2048)]
    assert (
        read["metrics"].items() >= {"output_tokens_total": 5, "requests_total": 1, "requests_failed_total": 0}.items()
    )
    wished = {"--max-model-len": "2048", "--max-num-seqs": "4", "--dtype": "float32", "--port": "8000"}
    assert read["settings"].items() >= wished.items()
    assert read["problems"] == {}

    assert world.http(f"{vllm.url}/sleep", {}).status == 200
    assert vllm.get("/health").status == 200
    answer = world.keepwell("diagnose")
    assert "engine.healthy" in bad_checks(answer)
    assert "asleep" in the_engine(answer)["state"]
    assert the_engine(answer)["loaded"] == []

    assert world.http(f"{vllm.url}/wake_up", {}).status == 200
    answer = world.keepwell("diagnose")
    assert bad_checks(answer) == set()
    assert the_engine(answer)["state"] == "well"


def test_an_engine_core_that_was_killed(vllm: Vllm, world: World) -> None:
    assert likely_causes(world.keepwell("diagnose")) == []
    world.signal(vllm.core(), "KILL")
    # The server ends by itself, and as if all were well.
    assert vllm.ended() == 0
    assert vllm.said("EngineDeadError")
    answer = world.keepwell("diagnose")
    assert "engine.running" in bad_checks(answer)
    assert causes(answer)[0][0] in ("engine-not-running", "engine-runner-died"), causes(answer)[:4]


def test_weights_that_are_cut(vllm: Vllm, world: World) -> None:
    assert likely_causes(world.keepwell("diagnose")) == []
    vllm.kill("TERM")
    os.truncate(vllm.folder / "tiny" / "model.safetensors", CUT_BYTES)
    vllm.start()
    assert vllm.ended() == 1
    assert vllm.said("Error while deserializing header")
    assert_named(world.keepwell("diagnose"), "model-file-invalid", "store.files")
