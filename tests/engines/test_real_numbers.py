"""The no-wake rule on real engines: asking for numbers, far more often than is done, moves nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from keepwell.core.observation import Missing
from keepwell.engines.llamacpp.numbers import LlamaCppTeller
from keepwell.engines.ollama.numbers import ASK_SECONDS, OllamaTeller
from keepwell.plugins.place import LogSource
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from keepwell.transport.local import LocalTransport
from tests.engines.kit import process_of, site_of
from tests.engines.real import PATIENCE, REPOSITORY, RealEngine, chat, give, make_model, ollama, running, skip
from tests.support import eventually_async, free_port

pytestmark = pytest.mark.real

PROGRAM = REPOSITORY / ".cache" / "engines" / "llama-server" / "llama-server"
#: Idle seconds after which the real server sleeps here.
SLEEP_SECONDS = 2


@pytest.fixture
async def transport() -> AsyncIterator[LocalTransport]:
    """This machine."""
    local = LocalTransport("node")
    yield local
    await local.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file."""
    return make_model(tmp_path_factory.mktemp("models") / "alpha.gguf", TinyModel(tag="alpha", words=32))


@pytest.fixture
def server(model: Path, tmp_path: Path) -> Iterator[RealEngine]:
    """An Ollama with one model."""
    with ollama(tmp_path, OLLAMA_KEEP_ALIVE="3s") as engine:
        give(engine, model, "tiny-alpha")
        yield engine


def listed(engine: RealEngine) -> list[dict[str, str]]:
    """What Ollama has in memory."""
    rows: list[dict[str, str]] = json.loads(engine.ask("/api/ps")[1])["models"]
    return rows


async def test_ollama_loads_nothing_and_lets_go_on_time(
    server: RealEngine, transport: LocalTransport, tmp_path: Path
) -> None:
    site = site_of("ollama", server.url, models_folder=str(tmp_path / "models"))
    teller = OllamaTeller(site, [LogSource(kind="file", where=str(server.log))], site.models_folder)
    at = 1_800_000_000.0
    for look in range(3):
        told = await teller.ask(transport, at + look * ASK_SECONDS)
    assert dict(told.readings)[next(key for key, _ in told.readings if key.metric == "engine.models_loaded")] == 0
    chat(server, "tiny-alpha")
    before = listed(server)[0]["expires_at"]
    for look in range(10, 30):
        told = await teller.ask(transport, at + look * ASK_SECONDS)
    (row,) = listed(server)
    assert row["expires_at"] == before
    subjects = {key.subject for key, value in told.readings if not isinstance(value, Missing)}
    assert "model:node/ollama/tiny-alpha:latest" in subjects
    numbers = {key.metric: value for key, value in told.readings}
    assert numbers["engine.loads_total"] == 1
    assert numbers["engine.requests_total"] == 1
    asked = 30

    async def gone() -> bool:
        nonlocal asked
        asked += 1
        await teller.ask(transport, at + asked * ASK_SECONDS)
        return not listed(server)

    await eventually_async(gone, PATIENCE, "the model leaves although its server is asked all the time")


@pytest.fixture
def sleeper(model: Path, tmp_path: Path) -> Iterator[RealEngine]:
    """A llama-server that sleeps soon."""
    if not PROGRAM.exists():
        skip("no real llama-server program: scripts/setup_engines.py builds one")
    port = free_port()
    flags = ["-m", str(model), "--port", str(port), "--host", "127.0.0.1", "-t", "1", "-c", "512", "--metrics"]
    argv = [str(PROGRAM), *flags, "--sleep-idle-seconds", str(SLEEP_SECONDS)]
    with running(argv, {}, f"http://127.0.0.1:{port}", tmp_path / "llama.log") as engine:
        eventually(lambda: engine.ask("/health")[0] == 200, PATIENCE, "llama-server answers")
        yield engine


@pytest.mark.long
async def test_a_llama_server_falls_asleep_on_time_while_its_page_is_asked(
    sleeper: RealEngine, transport: LocalTransport
) -> None:
    """Asked as if it never slept, which is what this build is believed to bear."""
    site = site_of("llamacpp", sleeper.url, process=process_of("llama-server", "-m", "x", environment={}))
    teller = LlamaCppTeller(site)
    asked = 0.0

    async def asleep() -> bool:
        nonlocal asked
        asked += 1
        told = await teller.ask(transport, 1_800_000_000.0 + asked * 60)
        numbers = {key.metric: value for key, value in told.readings}
        assert not isinstance(numbers["engine.requests_running"], Missing)
        return numbers["engine.awake"] == 0

    await eventually_async(asleep, PATIENCE, "the model sleeps although its page is asked all the time")
    assert asked > 5
    for _ in range(5):
        assert await asleep(), "a question woke it"


@pytest.fixture
def router(model: Path, tmp_path: Path) -> Iterator[RealEngine]:
    """A router with one model that nobody asked for yet."""
    if not PROGRAM.exists():
        skip("no real llama-server program: scripts/setup_engines.py builds one")
    port = free_port()
    flags = ["--models-dir", str(model.parent), "--port", str(port), "--host", "127.0.0.1", "-t", "1", "-c", "512"]
    with running([str(PROGRAM), *flags, "--metrics"], {}, f"http://127.0.0.1:{port}", tmp_path / "llama.log") as engine:
        eventually(lambda: engine.ask("/health")[0] == 200, PATIENCE, "the router answers")
        yield engine


@pytest.mark.long
async def test_a_router_loads_nothing_because_it_is_asked(router: RealEngine, transport: LocalTransport) -> None:
    process = process_of("llama-server", environment={})
    teller = LlamaCppTeller(site_of("llamacpp", router.url, process=process))
    for look in range(5):
        told = await teller.ask(transport, 1_800_000_000.0 + look)
    assert [(key.metric, value) for key, value in told.readings] == [("engine.models_loaded", 0.0)]
    rows = json.loads(router.ask("/models")[1])["data"]
    assert [row["status"]["value"] for row in rows] == ["unloaded"]
    body = {"model": "alpha", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}
    assert router.ask("/v1/chat/completions", body)[0] == 200
    told = await teller.ask(transport, 1_800_000_100.0)
    numbers = {(key.metric, key.labels): value for key, value in told.readings}
    assert numbers["engine.models_loaded", ()] == 1
    assert numbers["engine.output_tokens_total", (("model", "alpha"),)] == 4
