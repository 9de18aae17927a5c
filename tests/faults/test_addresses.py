"""Ports that are taken, wrong addresses, malformed ones, refused origins, proxies in the way."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from keepwell.testing.gym.carrying import carry_out
from keepwell.testing.real_engines import (
    LlamaServer,
    Ollama,
    Server,
    configure,
    make_llama_server,
    make_ollama,
    start_by_script,
)
from keepwell.testing.waiting import eventually
from keepwell.testing.world import World
from tests.faults.judging import assert_named, assert_well, likely_causes

pytestmark = pytest.mark.real


@pytest.mark.long
@pytest.mark.ways
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["llama", pytest.param("ollama", marks=pytest.mark.long)])
def test_a_port_that_another_program_took(world: World, name: str, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(name)
    assert isinstance(server, Server)
    assert likely_causes(world.keepwell("diagnose")) == []
    server.kill("TERM")
    port = server.url.rpartition(":")[2]
    other = world.start(
        [sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1"], log=world.root / "other.log"
    )
    eventually(lambda: server.get("/").status == 200)
    server.launch()
    assert server.ended() == 1
    answer = world.keepwell("diagnose")
    assert_named(answer, "port-unavailable", "address.port_free")
    facts = next(one["facts"] for one in answer["findings"] if one["check"] == "address.port_free")
    assert facts["holder_pid"] == str(other.pid)
    carry_out(world, answer)
    eventually(lambda: server.get("/v1/models").status == 200, 20)
    assert_well(world.keepwell("diagnose"), "address.port_free")


def test_a_llama_server_bound_to_another_address(world: World, model: Path) -> None:
    server = make_llama_server(world, model, host="127.0.0.2")
    server.url = "http://127.0.0.2:8080"
    server.start()
    configure(world, '[[engine]]\nkind = "llamacpp"\nurl = "http://127.0.0.1:8080"\n')
    answer = world.keepwell("diagnose", "--config", "keepwell.toml")
    assert_named(answer, "bind-address-loopback-only", "address.reachable")
    carry_out(world, answer)
    eventually(lambda: world.http("http://127.0.0.1:8080/health").status == 200, 20)
    assert_well(world.keepwell("diagnose", "--config", "keepwell.toml"), "address.reachable")


@pytest.mark.long
def test_an_ollama_bound_to_another_address(world: World) -> None:
    server = make_ollama(world, host="127.0.0.2:11434")
    server.start()
    configure(world, '[[engine]]\nkind = "ollama"\nurl = "http://127.0.0.1:11434"\n')
    answer = world.keepwell("diagnose", "--config", "keepwell.toml")
    assert_named(answer, "bind-address-loopback-only", "address.reachable")
    carry_out(world, answer)
    eventually(lambda: world.http("http://127.0.0.1:11434/api/version").status == 200, 20)
    assert_well(world.keepwell("diagnose", "--config", "keepwell.toml"), "address.reachable")


@pytest.mark.parametrize(
    "value",
    [
        "127.0.0.1:11434x",
        pytest.param('"127.0.0.1;11434"', marks=pytest.mark.long),
        pytest.param("http//127.0.0.1:11434", marks=pytest.mark.long),
    ],
)
def test_a_malformed_address_in_the_start_file(world: World, value: str) -> None:
    file = start_by_script(world, value)
    answer = world.keepwell("diagnose", "--config", "keepwell.toml")
    assert_named(answer, "service-config-invalid", "settings.valid")
    carry_out(world, answer)
    eventually(lambda: world.http("http://127.0.0.1:11434/api/version").status == 200, 20)
    assert "127.0.0.1:11434" in file.read_text()
    assert_well(world.keepwell("diagnose", "--config", "keepwell.toml"), "settings.valid")


def test_an_origin_that_is_refused(ollama: Ollama, world: World) -> None:
    refused = world.http(f"{ollama.url}/api/tags", headers=["Origin: http://chat.example"])
    assert refused.status == 403
    configure(world, '[diagnose]\nexpect_origin = ["http://chat.example"]\n')
    answer = world.keepwell("diagnose", "--config", "keepwell.toml")
    assert_named(answer, "origin-or-host-rejected", "address.origin")
    carry_out(world, answer)
    eventually(lambda: world.http(f"{ollama.url}/api/tags", headers=["Origin: http://chat.example"]).status == 200, 20)
    assert_well(world.keepwell("diagnose", "--config", "keepwell.toml"), "address.origin")


def test_an_origin_that_was_refused_to_a_client(ollama: Ollama, world: World) -> None:
    """Nobody told keepwell which page there is: the log tells that a browser was refused."""
    for _ in range(3):
        world.http(f"{ollama.url}/api/tags", headers=["Origin: http://chat.example"])
    answer = world.keepwell("diagnose")
    assert_named(answer, "origin-or-host-rejected", "address.origin")


def test_a_proxy_variable_in_the_way(llama: LlamaServer, world: World) -> None:
    caught = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    seen = world.run(["curl", "-sS", f"{llama.url}/health"], env=caught)
    assert seen.returncode == 7
    answer = world.keepwell("diagnose", env=caught)
    assert_named(answer, "proxy-env-intercepts-local", "address.proxy")
    carry_out(world, answer, env=caught)
    wished = next(one["facts"]["wished"] for one in answer["findings"] if one["check"] == "address.proxy")
    past = caught | {"no_proxy": wished, "NO_PROXY": wished}
    assert world.run(["curl", "-sS", f"{llama.url}/health"], env=past).returncode == 0
    assert_well(world.keepwell("diagnose", env=past), "address.proxy")
