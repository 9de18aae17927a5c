"""Which processes are servers, which are their children, and when two commands start the same server."""

from __future__ import annotations

import os
import sys

from keepwell.core.observation import Value
from keepwell.plugins.recognise import load_engines
from keepwell.survey.serving import read_serving, same_server, sort_family, without_address
from keepwell.transport.local import LocalTransport
from tests.machines import Machine


def row(pid: int, parent: int, *argv: str, state: str = "S") -> dict[str, Value]:
    return {"pid": pid, "parent_pid": parent, "argv": argv, "state": state}


def sort(*rows: dict[str, Value], listening: tuple[int, ...] = ()) -> tuple[dict[int, str], set[int]]:
    family = sort_family(rows, load_engines(), frozenset(listening))
    return dict(family.servers), set(family.children)


def test_a_runner_below_its_engine_is_no_server_of_its_own() -> None:
    blob = "/m/blobs/sha256-0123456789abcdef"
    assert sort(
        row(1, 0, "init"),
        row(10, 1, "/usr/bin/ollama", "serve"),
        row(11, 10, "/usr/bin/ollama", "runner", "--model", blob, "--port", "40001"),
        row(12, 10, "/usr/lib/ollama/llama-server", "--model", blob, "--port", "40002"),
    ) == ({10: "ollama"}, {11, 12})


def test_a_router_owns_its_children() -> None:
    servers, children = sort(
        row(10, 1, "llama-server", "--models-dir", "/m"),
        row(11, 10, "llama-server", "--alias", "a", "--port", "41000", "-m", "/m/a.gguf"),
        listening=(10, 11),
    )
    assert (servers, children) == ({10: "llamacpp"}, {11})


def test_a_wrapper_that_does_not_listen_is_not_the_server() -> None:
    servers, children = sort(
        row(10, 1, "llama-server", "-m", "x.gguf"), row(11, 10, "llama-server", "-m", "x.gguf"), listening=(11,)
    )
    assert (servers, children) == ({11: "llamacpp"}, set())


def test_two_servers_side_by_side_are_two_and_a_zombie_is_none() -> None:
    servers, _ = sort(
        row(10, 1, "ollama", "serve"), row(11, 1, "llama-server", "-m", "x"), row(12, 1, "ollama", "serve", state="Z")
    )
    assert servers == {10: "ollama", 11: "llamacpp"}


def test_a_loop_of_parents_ends() -> None:
    family = sort_family([row(10, 11, "a"), row(11, 10, "b")], load_engines(), frozenset())
    assert family.ancestors(10) == (10, 11)


async def test_a_real_process_is_read_with_its_environment() -> None:
    transport = LocalTransport()
    try:
        found = await read_serving(
            transport, {"pid": os.getpid(), "user": "me", "uid": os.getuid(), "argv": ("masked",)}
        )
    finally:
        await transport.close()
    assert found.environment.get("PATH") == os.environ["PATH"]
    assert found.argv[0].endswith(os.path.basename(sys.executable)) or len(found.argv) > 1
    assert found.gid == os.getgid()


async def test_what_this_user_may_not_see_stays_empty() -> None:
    machine = Machine()
    found = await read_serving(machine.node, {"pid": 900, "user": "mia", "uid": 1000, "argv": ("ollama", "serve")})
    assert (found.argv, found.environment, found.user) == (("ollama", "serve"), {}, "mia")


def test_the_same_server_at_another_address_is_the_same() -> None:
    one = ("env", "OLLAMA_HOST=127.0.0.1:1", "OLLAMA_MODELS=/m", "/usr/bin/ollama", "serve")
    moved = ("env", "OLLAMA_HOST=127.0.0.1:2", "OLLAMA_MODELS=/m", "/usr/bin/ollama", "serve")
    other = ("env", "OLLAMA_HOST=127.0.0.1:2", "OLLAMA_MODELS=/n", "/usr/bin/ollama", "serve")
    assert same_server(one, moved)
    assert not same_server(one, other)
    assert same_server(("llama-server", "--port", "1", "-m", "a"), ("llama-server", "-m", "a", "--port=2"))
    assert not same_server((), ())


def test_a_flag_without_its_value_does_not_swallow_the_next_command() -> None:
    assert without_address(("llama-server", "--host")) == ("llama-server",)
