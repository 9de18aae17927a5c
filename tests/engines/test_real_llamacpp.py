"""The contract on a real llama-server: what the fake does, the real one does, and its log reads the same."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.core.observation import Missing, absent
from keepwell.engines.llamacpp import ENGINE
from keepwell.plugins import registry
from keepwell.plugins.engine import Identity
from keepwell.plugins.readings import READINGS
from keepwell.testing.engine import FakeEngine, FakeModel
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from keepwell.transport.local import LocalTransport
from tests.engines.kit import plug_in, process_of, site_of
from tests.engines.real import PATIENCE, RealEngine, llama_server, make_model

pytestmark = pytest.mark.real

SHAPE = TinyModel(tag="alpha", words=32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file."""
    return make_model(tmp_path_factory.mktemp("model") / "alpha.gguf", SHAPE)


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealEngine]:
    """A llama-server that is ready."""
    flags = ("-m", str(model), "-a", "tiny-alpha", "-np", "2", "-c", "1024", "--metrics")
    with llama_server(tmp_path_factory.mktemp("llama"), *flags) as engine:
        eventually(lambda: engine.ask("/health")[0] == 200, PATIENCE, "the model is loaded")
        yield engine


async def test_only_its_own_plug_in_recognises_it(server: RealEngine, transport: LocalTransport) -> None:
    answers = {name: await plug_in(name).detect(server.url, transport) for name in registry.names("engines")}
    recognised = {name for name, answer in answers.items() if isinstance(answer, Identity)}
    assert recognised == {"llamacpp", "openai"}
    assert plug_in("llamacpp").specificity > plug_in("openai").specificity


async def test_everything_that_it_tells(server: RealEngine, model: Path, transport: LocalTransport) -> None:
    site = site_of("llamacpp", server.url)
    health = await ENGINE.health(site, transport)
    assert (health.state, health.http_status, health.said) == ("well", 200, "2 slots")
    models = await ENGINE.models(site, transport)
    assert not isinstance(models, Missing)
    assert [(one.name, one.path, one.context_tokens) for one in models] == [("tiny-alpha", str(model), 2048)]
    assert models[0].size_bytes > 1_000_000
    loaded = await ENGINE.loaded(site, transport)
    assert not isinstance(loaded, Missing)
    assert [(one.name, one.context_tokens, one.slots, one.in_child) for one in loaded] == [
        ("tiny-alpha", 512, 2, False)
    ]


async def test_metrics_count_what_was_asked(server: RealEngine, transport: LocalTransport) -> None:
    site = site_of("llamacpp", server.url)
    before = await ENGINE.metrics(site, transport)
    assert not isinstance(before, Missing)
    assert set(before) <= set(READINGS)
    body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 7}
    assert server.ask("/v1/chat/completions", body)[0] == 200
    after = await ENGINE.metrics(site, transport)
    assert not isinstance(after, Missing)
    assert after["output_tokens_total"] - before["output_tokens_total"] == 7
    assert after["requests_running"] == 0


async def test_the_fake_has_the_same_shape(server: RealEngine) -> None:
    """Every path and field that the plug-in reads is in both answers."""
    asked = {"model": "x", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 4}
    async with FakeEngine("llamacpp", models=(FakeModel(tag="alpha"),), switches=("metrics",)) as fake:
        transport = LocalTransport("node")
        for path, fields in {
            "/health": {"status"},
            "/props": {"default_generation_settings", "total_slots", "model_path", "model_alias", "build_info"},
            "/models": {"models", "object", "data"},
        }.items():
            made = json.loads((await transport.http("GET", fake.url + path)).body)
            real = json.loads(server.ask(path)[1])
            assert fields <= made.keys() & real.keys(), path
        for path in ("/api/tags", "/version", "/nothing"):
            made_reply = await transport.http("GET", fake.url + path)
            assert (made_reply.status, json.loads(made_reply.body)) == (404, json.loads(server.ask(path)[1]))
        made_chat = await transport.http("POST", f"{fake.url}/v1/chat/completions", body=json.dumps(asked).encode())
        await transport.close()
    real_chat = json.loads(server.ask("/v1/chat/completions", asked)[1])
    words = [chat["choices"][0]["message"]["content"] for chat in (json.loads(made_chat.body), real_chat)]
    assert words == [SHAPE.answer(4)] * 2


async def test_settings_of_the_process_and_its_log(server: RealEngine, transport: LocalTransport) -> None:
    argv = Path(f"/proc/{server.process.pid}/cmdline").read_text().rstrip("\0").split("\0")
    assert ENGINE.resembles(argv)
    assert ENGINE.address(argv, {}) == ("127.0.0.1", int(server.url.rpartition(":")[2]))
    found = {one.name: one.value for one in ENGINE.effective(process_of(*argv), server.lines(), "", {})}
    assert found["LLAMA_ARG_CTX_SIZE"] == "1024"
    assert (found["n_slots"], found["n_ctx_slot"]) == ("2", "512")


async def test_stopped_is_silent(server: RealEngine, transport: LocalTransport) -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        status = Path(f"/proc/{server.process.pid}/stat")
        eventually(lambda: status.read_text().rpartition(")")[2].split()[0] == "T", PATIENCE, "it stands still")
        health = await ENGINE.health(site_of("llamacpp", server.url), transport)
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert health.state == "silent"


async def test_asleep_and_not_woken(model: Path, tmp_path: Path, transport: LocalTransport) -> None:
    flags = ("-m", str(model), "--sleep-idle-seconds", "1", "--metrics")
    with llama_server(tmp_path, *flags) as engine:
        eventually(lambda: any("server is entering sleeping" in line for line in engine.lines()), PATIENCE, "it sleeps")
        site = site_of("llamacpp", engine.url)
        identity = await ENGINE.detect(engine.url, transport)
        health = await ENGINE.health(site, transport)
        loaded = await ENGINE.loaded(site, transport)
        await ENGINE.models(site, transport)
        await ENGINE.metrics(site, transport)
        assert not any("exiting sleeping" in line for line in engine.lines()), "a look must not wake it"
    assert isinstance(identity, Identity)
    assert (health.state, loaded) == ("well", ())
    assert "sleeping" in health.said


async def test_with_a_key(model: Path, tmp_path: Path, transport: LocalTransport) -> None:
    with llama_server(tmp_path, "-m", str(model), LLAMA_API_KEY="tiny-key") as engine:
        eventually(lambda: engine.ask("/health")[0] == 200, PATIENCE, "the model is loaded")
        assert isinstance(await ENGINE.detect(engine.url, transport), Identity)
        site = site_of("llamacpp", engine.url)
        refused = await ENGINE.models(site, transport)
        assert isinstance(refused, Missing)
        assert "Invalid API Key" in refused.reason
        assert (await ENGINE.health(site, transport)).state == "well"
        assert not isinstance(
            await ENGINE.models(site_of("llamacpp", engine.url, api_key="tiny-key"), transport), Missing
        )


@pytest.mark.parametrize(
    ("flags", "environment", "name", "kind"),
    [
        (("-m", "x.gguf"), {"LLAMA_ARG_PORT": "abc", "LLAMA_ARG_CTX_SIZE": "many"}, "LLAMA_ARG_CTX_SIZE", "malformed"),
        (("-m", "x.gguf", "-np", "two"), {}, "LLAMA_ARG_N_PARALLEL", "malformed"),
    ],
)
def test_a_start_that_was_refused(
    flags: tuple[str, ...], environment: dict[str, str], name: str, kind: str, tmp_path: Path
) -> None:
    with llama_server(tmp_path, *flags, **environment) as engine:
        assert engine.process.wait(PATIENCE) == 1
        found = {one.name: one for one in ENGINE.effective(absent("it ended"), engine.lines(), "", {})}
    assert found[name].kind == kind


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "missing"), (b"", "empty"), (b"XXXX" + b"\0" * 100, "not-a-model"), ("cut", "truncated")],
)
async def test_a_bad_file_ends_it_and_is_found_beforehand(
    content: bytes | str | None, problem: str, model: Path, tmp_path: Path, transport: LocalTransport
) -> None:
    path = tmp_path / "bad.gguf"
    if content == "cut":
        path.write_bytes(model.read_bytes()[:-1])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with llama_server(tmp_path, "-m", str(path)) as engine:
        assert engine.process.wait(PATIENCE) == 1
        assert any("exiting due to model loading error" in line for line in engine.lines())
    entries = await ENGINE.entries(str(path), transport)
    assert not isinstance(entries, Missing)
    assert [one.problem for one in entries] == [problem]


def test_the_command_line_of_the_server_itself() -> None:
    argv = (sys.executable, "-m", "keepwell.testing.llama_server", "/m/a.gguf", "--port", "9")
    assert ENGINE.store(process_of(*argv), site_of("llamacpp", "http://x")) == "/m/a.gguf"
