"""The true llama-server as a router of many models, each in a process of its own."""

from __future__ import annotations

import os

import pytest

from keepwell.testing.waiting import eventually
from keepwell.testing.world import World
from tests.faults.judging import assert_named, assert_well, bad_checks, likely_causes
from tests.long.engines import Router, look, the_engine

pytestmark = pytest.mark.long

#: Bytes that a cut model keeps: the header is whole, the weights are not.
CUT_BYTES = 3_000_000


def states(router: Router) -> dict[str, str]:
    """The state of each model, as the router tells it."""
    return {one["id"]: one["status"]["value"] for one in router.get("/models").data["data"]}


def test_nothing_loaded_then_one(router: Router, world: World) -> None:
    answer = world.keepwell("diagnose")
    found = the_engine(answer)
    assert (found["title"], found["url"]) == ("llama.cpp server", "http://127.0.0.1:8080")
    assert (found["state"], found["models"], found["loaded"]) == ("well", 2, [])
    assert states(router) == {"alpha": "unloaded", "bravo": "unloaded"}, "looking loads nothing"
    assert likely_causes(answer) == []

    assert router.chat("alpha").data["choices"][0]["message"]["content"] == " alpha 0001 0002 0003 0004"
    assert len(world.children(router.pid)) == 1
    answer = world.keepwell("diagnose")
    assert [one["name"] for one in the_engine(answer)["loaded"]] == ["alpha"]
    read = look(router, "llamacpp")
    assert {one["name"]: one["status"] for one in read["models"]} == {"alpha": "loaded", "bravo": "unloaded"}
    assert read["metrics"]["output_tokens_total"] == 5
    assert read["settings"]["LLAMA_ARG_MODELS_MAX"] == "2"
    assert likely_causes(answer) == []


def test_a_model_that_it_does_not_have(router: Router, world: World) -> None:
    refused = router.chat("nope")
    assert (refused.status, "not found" in refused.text) == (400, True)
    assert bad_checks(world.keepwell("diagnose")) == set()


def test_a_child_that_was_killed(router: Router, world: World) -> None:
    assert router.chat("alpha").status == 200
    (child,) = world.children(router.pid)
    world.signal(child, "KILL")
    eventually(lambda: states(router)["alpha"] == "unloaded")
    assert_named(world.keepwell("diagnose"), "engine-runner-died", "engine.runner")
    assert router.chat("alpha").status == 200
    assert_well(world.keepwell("diagnose"), "engine.runner")


def test_a_model_file_that_is_cut(router: Router, world: World) -> None:
    os.truncate(router.models / "bravo.gguf", CUT_BYTES)
    assert router.chat("bravo").status == 500
    assert_named(world.keepwell("diagnose"), "model-file-invalid", "store.files")
