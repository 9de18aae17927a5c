"""The contract on a real Ollama."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.core.observation import Missing, absent
from keepwell.engines.ollama import ENGINE
from keepwell.formats.procfs import parse_arguments, parse_environment
from keepwell.plugins import registry
from keepwell.plugins.engine import Identity
from keepwell.plugins.place import ServingProcess
from keepwell.testing.engine import FakeEngine, FakeModel
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from keepwell.transport.local import LocalTransport
from tests.engines.kit import plug_in, site_of
from tests.engines.real import PATIENCE, RealEngine, chat, give, make_model, ollama

pytestmark = pytest.mark.real

SHAPE = TinyModel(tag="alpha", words=32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file."""
    return make_model(tmp_path_factory.mktemp("model") / "alpha.gguf", SHAPE)


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealEngine]:
    """An Ollama with one model in its store."""
    folder = tmp_path_factory.mktemp("ollama")
    settings = {"OLLAMA_MODELS": str(folder / "my models"), "OLLAMA_KEEP_ALIVE": "420", "OLLAMA_SCHED_SPREAD": "off"}
    with ollama(folder, OLLAMA_GPU_ENABLE="1", OLLAMA_NUM_PARALLEL="two", **settings) as engine:
        give(engine, model, "tiny-alpha")
        yield engine


def process_behind(engine: RealEngine) -> ServingProcess:
    """The process as /proc shows it."""
    pid = engine.process.pid
    root = Path(f"/proc/{pid}")
    return ServingProcess(
        pid=pid,
        argv=parse_arguments((root / "cmdline").read_bytes()),
        environment=parse_environment((root / "environ").read_bytes()),
        user="",
        uid=os.getuid(),
        gid=os.getgid(),
        exe=os.readlink(root / "exe"),
        cwd=os.readlink(root / "cwd"),
    )


async def test_only_its_own_plug_in_recognises_it(server: RealEngine, transport: LocalTransport) -> None:
    answers = {name: await plug_in(name).detect(server.url, transport) for name in registry.names("engines")}
    recognised = {name for name, answer in answers.items() if isinstance(answer, Identity)}
    assert recognised == {"ollama", "openai"}
    identity = answers["ollama"]
    assert isinstance(identity, Identity)
    assert identity.version.count(".") == 2


async def test_everything_that_it_tells(server: RealEngine, transport: LocalTransport) -> None:
    site = site_of("ollama", server.url)
    health = await ENGINE.health(site, transport)
    assert (health.state, health.said) == ("well", "1 models")
    models = await ENGINE.models(site, transport)
    assert not isinstance(models, Missing)
    assert [one.name for one in models] == ["tiny-alpha:latest"]
    assert chat(server, "tiny-alpha") == SHAPE.answer(4)
    loaded = await ENGINE.loaded(site, transport)
    assert not isinstance(loaded, Missing)
    assert [(one.name, one.gpu_bytes) for one in loaded] == [("tiny-alpha:latest", 0)]
    assert loaded[0].size_bytes > SHAPE.words
    assert loaded[0].expires_at > 1e9


async def test_a_look_loads_nothing(model: Path, tmp_path: Path, transport: LocalTransport) -> None:
    with ollama(tmp_path) as engine:
        give(engine, model, "tiny-alpha")
        site = site_of("ollama", engine.url)
        await ENGINE.detect(engine.url, transport)
        await ENGINE.health(site, transport)
        await ENGINE.models(site, transport)
        assert await ENGINE.loaded(site, transport) == ()
        assert not any("starting llama server" in line or "starting runner" in line for line in engine.lines())


async def test_settings_in_force(server: RealEngine) -> None:
    chat(server, "tiny-alpha")
    process = process_behind(server)
    assert ENGINE.resembles(process.argv)
    assert ENGINE.address(process.argv, process.environment) == ("127.0.0.1", int(server.url.rpartition(":")[2]))
    found = {one.name: one for one in ENGINE.effective(process, server.lines(), "", {"OLLAMA_KEEP_ALIVE": "7m"})}
    assert (found["OLLAMA_KEEP_ALIVE"].value, found["OLLAMA_KEEP_ALIVE"].kind) == ("420", "")
    assert found["OLLAMA_MODELS"].value.endswith("/my models")
    assert (found["OLLAMA_GPU_ENABLE"].kind, found["OLLAMA_GPU_ENABLE"].origin) == ("unread", "environment")
    assert (found["OLLAMA_NUM_PARALLEL"].kind, found["OLLAMA_NUM_PARALLEL"].suggested) == ("malformed", "1")
    assert (found["OLLAMA_SCHED_SPREAD"].kind, found["OLLAMA_SCHED_SPREAD"].suggested) == ("malformed", "0")
    assert [name for name, one in found.items() if one.kind] == [
        name for name in found if name in ("OLLAMA_GPU_ENABLE", "OLLAMA_NUM_PARALLEL", "OLLAMA_SCHED_SPREAD")
    ]
    blob = found["child --model"].value
    assert Path(blob).is_file(), "the child's path with a blank in it is whole"


async def test_the_log_alone_tells_what_the_environment_does(server: RealEngine) -> None:
    found = {one.name: one for one in ENGINE.effective(absent("another user's"), server.lines(), "", {})}
    assert found["OLLAMA_KEEP_ALIVE"].value == "7m0s"
    assert found["OLLAMA_HOST"].value == server.url
    assert (found["OLLAMA_NUM_PARALLEL"].kind, found["OLLAMA_NUM_PARALLEL"].value) == ("malformed", "two")
    assert found["OLLAMA_SCHED_SPREAD"].value == "true", "it takes off for true"


async def test_placement_from_the_log(server: RealEngine) -> None:
    chat(server, "tiny-alpha")
    found = ENGINE.placement(server.lines())
    assert found
    assert found[-1].gpu_bytes == 0
    assert found[-1].host_bytes > 1024**2
    assert (found[-1].layers, found[-1].gpu_layers) == (3, 0)


async def test_children_are_recognised(server: RealEngine) -> None:
    chat(server, "tiny-alpha")
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    threads = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    everyone = {*children, *(child for one in threads for child in one)}
    models = [ENGINE.child_model(parse_arguments(Path(f"/proc/{child}/cmdline").read_bytes())) for child in everyone]
    assert [one for one in models if isinstance(one, str) and "/blobs/sha256-" in one]


async def test_the_store_is_whole_and_a_missing_blob_is_not_on_disk(
    model: Path, tmp_path: Path, transport: LocalTransport
) -> None:
    with ollama(tmp_path, OLLAMA_NOPRUNE="1") as engine:
        give(engine, model, "tiny-alpha")
        folder = ENGINE.store(process_behind(engine), site_of("ollama", engine.url))
        assert folder == str(tmp_path / "models")
        entries = await ENGINE.entries(folder, transport)
        assert not isinstance(entries, Missing)
        assert {one.role for one in entries} == {"manifest", "config", "weights", "part"}
        for one in entries:
            size = Path(one.path).stat().st_size
            assert not one.problem
            assert size == one.size_bytes or not one.exact
        manifest = next(one for one in entries if one.role == "manifest")
        Path(manifest.path).write_text('{"schemaVersion":')
        broken = await ENGINE.entries(folder, transport)
        assert not isinstance(broken, Missing)
        assert [(one.problem, one.model) for one in broken] == [("manifest-corrupt", "tiny-alpha:latest")]
        eventually(
            lambda: json.loads(engine.ask("/api/tags")[1])["models"] == [], PATIENCE, "it lists the model no more"
        )


async def test_the_fake_has_the_same_shape(server: RealEngine) -> None:
    chat(server, "tiny-alpha")
    version = json.loads(server.ask("/api/version")[1])["version"]
    transport = LocalTransport("node")
    async with FakeEngine("ollama", release=version, models=(FakeModel(name="tiny-alpha"),)) as fake:
        for path in ("/", "/api/version", "/api/tags", "/api/ps", "/v1/models", "/api/nothing"):
            made = await transport.http("GET", fake.url + path)
            status, real = server.ask(path)
            assert made.status == status, path
            assert shape_of(made.body) == shape_of(real), path
        foreign = await transport.http("GET", f"{fake.url}/api/version", headers={"Host": "example.com"})
        assert (foreign.status, foreign.body) == (403, b"")
        real_reply = await transport.http("GET", f"{server.url}/api/version", headers={"Host": "example.com"})
        assert (real_reply.status, real_reply.body) == (403, b"")
    await transport.close()


def shape_of(body: bytes) -> object:
    """The names and types of a JSON answer; other text as it is."""
    try:
        return _shape(json.loads(body))
    except ValueError:
        return body


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return {name: _shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_shape(one) for one in value[:1]]
    return type(value).__name__
