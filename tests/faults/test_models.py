"""Model files that are cut, missing, or closed to the user that serves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keepwell.testing.gym.carrying import carry_out
from keepwell.testing.real_engines import LlamaServer, Ollama
from keepwell.testing.waiting import eventually
from keepwell.testing.world import World
from tests.faults.judging import assert_named, assert_well, bad_checks, likely_causes

pytestmark = pytest.mark.real

#: Bytes that a cut model keeps: the header is whole, the weights are not.
CUT_BYTES = 3_000_000


@pytest.mark.long
@pytest.mark.ways
@pytest.mark.timeout(300)
def test_a_truncated_model_of_llama_server(llama: LlamaServer, world: World, model: Path) -> None:
    assert likely_causes(world.keepwell("diagnose")) == []
    llama.kill("TERM")
    os.truncate(llama.folder / model.name, CUT_BYTES)
    llama.start()
    assert llama.ended() == 1
    assert llama.said("data is not within the file bounds")
    answer = world.keepwell("diagnose")
    assert_named(answer, "model-file-invalid", "store.files")
    carry_out(world, answer, {"source": str(model)})
    eventually(lambda: llama.get("/health").status == 200, 20)
    assert_well(world.keepwell("diagnose"), "store.files")


def test_a_truncated_model_of_ollama(ollama: Ollama, world: World, model: Path) -> None:
    os.truncate(ollama.blob(), CUT_BYTES)
    assert ollama.chat().status == 500
    answer = world.keepwell("diagnose")
    assert_named(answer, "model-file-invalid", "store.files")
    carry_out(world, answer, {"source": str(model)})
    assert_well(world.keepwell("diagnose"), "store.files")
    assert ollama.chat().status == 200


def test_a_missing_blob_of_ollama(ollama: Ollama, world: World, model: Path) -> None:
    ollama.blob().unlink()
    assert "does not support chat" in ollama.chat().text
    answer = world.keepwell("diagnose")
    assert_named(answer, "model-store-corrupt", "store.files")
    carry_out(world, answer, {"source": str(model)})
    assert_well(world.keepwell("diagnose"), "store.files")


@pytest.mark.parametrize("name", ["models", "models/blobs", "."])
def test_a_models_folder_that_the_user_may_not_read(nobodys_ollama: Ollama, world: World, name: str) -> None:
    folder = nobodys_ollama.folder / name
    os.chown(folder, 0, 0)
    folder.chmod(0o700)
    assert nobodys_ollama.chat().status in (400, 404, 500)
    answer = world.keepwell("diagnose")
    assert_named(answer, "data-dir-not-writable", "store.readable")
    carry_out(world, answer)
    assert_well(world.keepwell("diagnose"), "store.readable")
    assert nobodys_ollama.chat().status == 200


def test_a_models_folder_that_kept_it_from_starting(nobodys_ollama: Ollama, world: World) -> None:
    assert likely_causes(world.keepwell("diagnose")) == []
    nobodys_ollama.kill("TERM")
    os.chown(nobodys_ollama.models, 0, 0)
    nobodys_ollama.models.chmod(0o700)
    nobodys_ollama.start()
    assert nobodys_ollama.ended() == 1
    answer = world.keepwell("diagnose")
    assert_named(answer, "data-dir-not-writable", "store.readable")
    carry_out(world, answer)
    answer = world.keepwell("diagnose")
    assert "store.readable" not in bad_checks(answer)
    assert_named(answer, "engine-not-running", "engine.running")
    carry_out(world, answer)
    eventually(lambda: nobodys_ollama.get("/api/version").status == 200, 20)
    assert_well(world.keepwell("diagnose"), "engine.running")
