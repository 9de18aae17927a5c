"""Level 3 on real engines: what is well is left alone, what is not is named, and nobody is asked without a yes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from keepwell.testing.real_engines import LlamaServer, configure, make_llama_server, make_ollama
from keepwell.testing.waiting import eventually
from keepwell.testing.world import World
from tests.faults.judging import assert_named, bad_checks, likely_causes
from tests.faults.world import skip

pytestmark = pytest.mark.real


def deep(world: World) -> dict[str, Any]:
    """A diagnosis of level 3 with the owner's yes."""
    return world.keepwell("diagnose", "--level", "3", "--yes")


def spoken(server: LlamaServer) -> int:
    """Tokens that it has generated so far."""
    (line,) = [one for one in server.get("/metrics").text.splitlines() if one.startswith(SPOKEN)]
    return int(line.removeprefix(SPOKEN))


def test_a_llama_server_that_is_well_is_asked_only_after_a_yes(llama: LlamaServer, world: World) -> None:
    assert bad_checks(world.keepwell("diagnose", "--level", "3")) == set()
    assert spoken(llama) == 0
    answer = deep(world)
    assert bad_checks(answer) == set(), answer["findings"]
    assert likely_causes(answer) == []
    assert spoken(llama) > 8


def test_a_model_that_leaves_memory_at_once(world: World, model: Path) -> None:
    server = make_ollama(world, env={"OLLAMA_KEEP_ALIVE": "0"})
    server.start()
    assert server.create(model, num_thread=1).status == 200
    assert_named(deep(world), "model-unloaded-between-requests", "answer.stays")


def test_a_key_that_is_refused(world: World, model: Path) -> None:
    server = make_llama_server(world, model, more=["--api-key", "right"])
    server.start()
    (world.root / "key").write_text("stale\n")
    configure(
        world, f'[[engine]]\nkind = "llamacpp"\nurl = "{server.url}"\napi_key = {{ file = "{world.root}/key" }}\n'
    )
    answer = deep(world)
    assert_named(answer, "auth-config-wrong", "api.key")
    assert "stale" not in str(answer)
    (world.root / "key").write_text("right\n")
    assert "api.key" not in bad_checks(deep(world))


def test_a_proxy_that_holds_streams_back(world: World, model: Path) -> None:
    ollama = make_ollama(world)
    ollama.start()
    assert ollama.create(model, num_thread=1).status == 200
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        skip("there is no nginx")
    config = world.root / "nginx.conf"
    paths = "".join(f"{name}_temp_path {world.root}/{name};" for name in TEMPORARY)
    config.write_text(
        f"daemon off; pid {world.root}/nginx.pid; error_log stderr;\nevents {{}}\nhttp {{ access_log off; {paths}\n"
        f"server {{ listen 127.0.0.1:8081;\nlocation / {{ proxy_pass {ollama.url}; }} }} }}\n"
    )
    world.start([program, "-e", "stderr", "-c", str(config)], log=world.root / "nginx.log")
    eventually(lambda: world.http("http://127.0.0.1:8081/api/version").status == 200, 10, "nginx")
    assert_named(deep(world), "reverse-proxy-breaks-stream", "stream.hops")


#: How the line of the metric begins that counts them.
SPOKEN = "llamacpp:tokens_predicted_total "
#: Folders that nginx makes for itself.
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
