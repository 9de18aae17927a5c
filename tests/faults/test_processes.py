"""Servers and runners that are killed or stopped."""

from __future__ import annotations

import pytest

from keepwell.testing.gym.carrying import carry_out
from keepwell.testing.real_engines import LlamaServer, Ollama, Server
from keepwell.testing.waiting import eventually
from keepwell.testing.world import World
from tests.faults.judging import assert_named, assert_well, likely_causes

pytestmark = pytest.mark.real


@pytest.fixture(params=["llama", "ollama"])
def server(request: pytest.FixtureRequest) -> Server:
    """Either engine, serving."""
    made = request.getfixturevalue(request.param)
    assert isinstance(made, Server)
    return made


def test_a_server_that_was_killed_is_missed_and_started_again(server: Server, world: World) -> None:
    assert likely_causes(world.keepwell("diagnose")) == []
    server.kill()
    answer = world.keepwell("diagnose")
    assert_named(answer, "engine-not-running", "engine.running")
    carry_out(world, answer)
    eventually(lambda: server.get("/v1/models").status == 200, 20)
    assert_well(world.keepwell("diagnose"), "engine.running")


def test_a_stopped_server_goes_on(server: Server, world: World) -> None:
    world.signal(server.pid, "STOP")
    answer = world.keepwell("diagnose")
    assert_named(answer, "engine-not-responding", "engine.responding")
    carry_out(world, answer)
    eventually(lambda: server.get("/v1/models").status == 200, 20)
    assert_well(world.keepwell("diagnose"), "engine.responding")


@pytest.mark.parametrize("signal", ["STOP", pytest.param("KILL", marks=pytest.mark.long)])
def test_a_runner_that_died_or_stands_still(ollama: Ollama, world: World, signal: str) -> None:
    assert ollama.chat().status == 200
    (runner,) = world.children(ollama.pid)
    world.signal(runner, signal)
    eventually(lambda: signal == "STOP" or world.children(ollama.pid) == [])
    answer = world.keepwell("diagnose")
    assert_named(answer, "engine-runner-died", "engine.runner")
    carry_out(world, answer)
    eventually(lambda: ollama.get("/api/version").status == 200, 20)
    assert_well(world.keepwell("diagnose"), "engine.runner")
    assert ollama.chat().status == 200


def test_a_server_that_died_and_left_its_runner(ollama: Ollama, world: World) -> None:
    assert ollama.chat().status == 200
    assert likely_causes(world.keepwell("diagnose")) == []
    ollama.kill()
    assert_named(world.keepwell("diagnose"), "engine-not-running", "engine.running")


def test_a_llama_server_that_ended_by_itself_is_no_crash_story(llama: LlamaServer, world: World) -> None:
    assert likely_causes(world.keepwell("diagnose")) == []
    llama.kill("TERM")
    answer = world.keepwell("diagnose")
    assert_named(answer, "engine-not-running", "engine.running")
    assert "stopped" in {one["facts"].get("kind") for one in answer["findings"] if one["check"] == "engine.running"}
