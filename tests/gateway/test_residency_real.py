"""Models in memory behind the gateway, on a real Ollama and real llama.cpp servers."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keepwell.app.serving.attested import earlier_answers
from keepwell.core.finding import Finding
from keepwell.core.observation import Seen
from keepwell.core.ref import Ref
from keepwell.gateway.settings import SETTINGS_FILE, load_settings
from keepwell.plugins import registry
from keepwell.store.canaries import Canary, load_canaries
from keepwell.store.requests import RECORD_FILE, read_rows
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.engines.real import PATIENCE, REPOSITORY, RealEngine, give, make_model, ollama, running, skip
from tests.gateway.made import Answered
from tests.gateway.test_real import ask, started
from tests.support import free_port

pytestmark = pytest.mark.real
#: Requests of two clients that take turns.
REQUESTS = 20


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file."""
    return make_model(tmp_path_factory.mktemp("model") / "alpha.gguf", TinyModel(tag="alpha", words=32))


@contextmanager
def gateway(folder: Path, config: str) -> Iterator[int]:
    """A gateway by this configuration; its port."""
    port = free_port()
    path = folder / "keepwell.toml"
    path.write_text(config)
    argv = ("keepwell", "gateway", "--listen", f"127.0.0.1:{port}", "--declared", "--config", str(path))
    log = folder / "gateway.log"
    log.write_bytes(b"")
    with started(*argv, log=log, state=folder / "state"):
        eventually(lambda: "listening" in log.read_text(), PATIENCE, "the gateway to listen")
        yield port


@contextmanager
def llama(folder: Path, model: Path, port: int) -> Iterator[None]:
    """A llama.cpp server that calls its model `m`, whichever it is."""
    argv = ("keepwell.testing.llama_server", "-m", str(model), "--port", str(port), "-t", "1", "-a", "m", "--metrics")
    log = folder / f"{model.stem}.log"
    with started(*argv, log=log, state=folder):
        eventually(lambda: "listening" in log.read_text(), PATIENCE, "the server to listen")
        yield


def count_loads(engine: RealEngine) -> int:
    """How often this Ollama began to load a model, by its own log."""
    return sum('msg="starting llama server"' in line for line in engine.lines())


def resident(engine: RealEngine) -> dict[str, str]:
    """Models in its memory, and until when."""
    return {one["name"]: one["expires_at"] for one in json.loads(engine.ask("/api/ps")[1])["models"]}


def take_turns(port: int) -> list[Answered]:
    """Two clients with contexts of their own, and a third one that speaks OpenAI's form and names none."""
    found = []
    for number in range(REQUESTS):
        options = {"num_ctx": (1024, 2048)[number % 2], "num_predict": 3}
        body = {"model": "tiny-alpha", "prompt": "count", "stream": bool(number % 3), "options": options}
        found.append(asyncio.run(ask(port, "/api/generate", body)))
        if number % 5 == 0:
            body = {"model": "tiny-alpha", "prompt": "count", "max_tokens": 3}
            found.append(asyncio.run(ask(port, "/v1/completions", body)))
    return found


@pytest.mark.parametrize(
    ("policy", "reloads"), [("normalise", 0), pytest.param("allow", REQUESTS // 2, marks=pytest.mark.long)]
)
def test_two_clients_with_contexts_of_their_own(tmp_path: Path, model: Path, policy: str, reloads: int) -> None:
    with ollama(tmp_path, OLLAMA_DEBUG="1") as engine:
        give(engine, model, "tiny-alpha", num_thread=1)
        config = f'[gateway]\nreload_options = "{policy}"\n[[engine]]\nkind = "ollama"\nurl = "{engine.url}"\n'
        with gateway(tmp_path, config) as port:
            answers = take_turns(port)
            settings = load_settings(tmp_path / "state" / SETTINGS_FILE)
        loads = count_loads(engine)
        rows = [row for _, row in read_rows(tmp_path / "state" / RECORD_FILE, last=100)]
    assert {one.status for one in answers} == {200}
    assert (loads - 1 >= reloads) if reloads else (loads == 1)
    assert (rows[0].cold, rows[-1].cold) == (1, 0)
    timed = [row for row in rows if row.path == "/api/generate"]
    assert 0 <= min(row.decode_seconds for row in timed) <= max(row.decode_seconds for row in timed) < 30
    if not reloads:
        assert timed[0].load_seconds > max(row.load_seconds for row in timed[1:])
    assert all(0 < row.prefill_seconds + row.load_seconds <= row.first_byte_seconds for row in timed)
    told = [one.headers.get("x-keepwell-options", "") for one in answers]
    assert sum("num_ctx" in one for one in told) == (0 if reloads else REQUESTS)
    assert settings.replicas[0].limit == 2, "what this release takes by itself"


@pytest.mark.long
def test_a_pinned_model_is_loaded_and_stays_and_another_one_leaves(tmp_path: Path, model: Path) -> None:
    with ollama(tmp_path, OLLAMA_DEBUG="1") as engine:
        give(engine, model, "pinned", num_thread=1)
        give(engine, make_model(tmp_path / "bravo.gguf", TinyModel(tag="bravo", words=32)), "other", num_thread=1)
        config = (
            f'[gateway]\nunload_after = "1s"\n[[engine]]\nkind = "ollama"\nurl = "{engine.url}"\n'
            '[[route]]\nname = "pinned"\npinned = true\n'
        )
        with gateway(tmp_path, config) as port:
            eventually(lambda: "pinned:latest" in resident(engine), PATIENCE, "the pinned one to be loaded")
            body = {"model": "other", "prompt": "count", "stream": False, "options": {"num_predict": 2}}
            assert asyncio.run(ask(port, "/api/generate", body)).status == 200
            assert "other:latest" in resident(engine)
            body = {**body, "model": "pinned", "keep_alive": 0}
            answer = asyncio.run(ask(port, "/api/generate", body))
            assert answer.headers["x-keepwell-options"] == "keep_alive 0 -> -1"
            eventually(lambda: "other:latest" not in resident(engine), PATIENCE, "the other one to be sent away")
            left = resident(engine)
    assert list(left) == ["pinned:latest"]
    assert left["pinned:latest"] > "2300", "for ever"


def find_proof(port: int) -> str:
    """How well it is known who answers."""
    answer = asyncio.run(ask(port, "/v1/completions", {"model": "m", "prompt": "x", "max_tokens": 2}))
    return answer.headers["x-keepwell-proof"]


def judge(state: Path, check: str) -> list[Finding]:
    """What a check says of what the gateway left behind."""
    subject = Ref.parse(f"engine:{next(iter(load_canaries(state).values())).replica}")
    seen = Seen(list(earlier_answers(state, subject.node, 0.0)))
    checks = registry.load("checks", "gateway")
    assert isinstance(checks, tuple)
    return [found for one in checks if one.id == check for found in one.judge(seen)]


@pytest.mark.long
def test_a_model_that_was_swapped_behind_the_same_name(tmp_path: Path, model: Path) -> None:
    other = make_model(tmp_path / "bravo.gguf", TinyModel(tag="bravo", words=32))
    engine, state = free_port(), tmp_path / "state"
    config = (
        '[gateway]\ncanary_every = "0.2s"\n'
        f'[[engine]]\nkind = "llamacpp"\nurl = "http://127.0.0.1:{engine}"\ncanary = true\n'
    )

    def canary() -> Canary | None:
        return next(iter(load_canaries(state).values()), None)

    def is_known() -> bool:
        found = canary()
        return found is not None and found.times > 1

    def is_other() -> bool:
        found = canary()
        return found is not None and bool(found.other_since)

    with llama(tmp_path, model, engine), gateway(tmp_path, config) as port:
        eventually(is_known, PATIENCE, "the same answer twice")
        eventually(lambda: find_proof(port) == "canary", PATIENCE, "the proof of it")
    with llama(tmp_path, other, engine), gateway(tmp_path, config):
        eventually(is_other, PATIENCE, "another answer")
        told = (tmp_path / "gateway.log").read_text()
    (changed,) = judge(state, "gateway.canary")
    assert changed.bad
    assert changed.facts["kind"] == "other-bytes"
    assert " alpha 0001" in changed.message
    assert " bravo 0001" in changed.message
    assert "answers differently than before" in told
    (names,) = judge(state, "gateway.names")
    assert names.bad, "a llama.cpp server answers whatever name it is asked for"


@contextmanager
def router(folder: Path, model: Path, *, holds: int) -> Iterator[RealEngine]:
    """The true llama-server as a router of alpha and bravo that keeps so many in memory."""
    program = REPOSITORY / ".cache" / "engines" / "llama-server" / "llama-server"
    if not program.exists():
        skip("there is no llama-server: run scripts/setup_engines.py --llama-server")
    models = folder / "models"
    models.mkdir()
    shutil.copy(model, models / "alpha.gguf")
    make_model(models / "bravo.gguf", TinyModel(tag="bravo", words=32))
    port = free_port()
    argv = [str(program), "--models-dir", str(models), "--models-max", str(holds), "--port", str(port), "-t", "1"]
    with running(argv, {}, f"http://127.0.0.1:{port}", folder / "router.log") as engine:
        eventually(lambda: engine.ask("/health")[0] == 200, PATIENCE, "the router to answer")
        yield engine


def loaded(engine: RealEngine) -> set[str]:
    """Models in a router's memory."""
    rows = json.loads(engine.ask("/models")[1])["data"]
    return {one["id"] for one in rows if one["status"]["value"] == "loaded"}


@pytest.mark.long
def test_a_router_keeps_what_is_pinned(tmp_path: Path, model: Path) -> None:
    with router(tmp_path, model, holds=2) as engine:
        config = (
            f'[gateway]\nunload_after = "1s"\n[[engine]]\nkind = "llamacpp"\nurl = "{engine.url}"\n'
            '[[route]]\nname = "alpha"\npinned = true\n'
        )
        with gateway(tmp_path, config) as port:
            eventually(lambda: loaded(engine) == {"alpha"}, PATIENCE, "the pinned one to be loaded")
            body = {"model": "bravo", "prompt": "count", "max_tokens": 2}
            assert asyncio.run(ask(port, "/v1/completions", body)).status == 200
            assert loaded(engine) == {"alpha", "bravo"}
            eventually(lambda: loaded(engine) == {"alpha"}, PATIENCE, "the other one to be sent away")


@pytest.mark.long
@pytest.mark.parametrize(("residency", "least", "most"), [("", 6, 99), ('residency = "4s"', 2, 4)])
def test_two_models_do_not_drive_each_other_out(
    tmp_path: Path, model: Path, residency: str, least: int, most: int
) -> None:
    async def many(port: int) -> list[Answered]:
        names = ["alpha", "bravo"] * 5
        found = []
        for name in names:
            body = {"model": name, "prompt": "count", "max_tokens": 2}
            found.append(asyncio.create_task(ask(port, "/v1/completions", body)))
            await asyncio.sleep(0.4)
        return await asyncio.gather(*found)

    with router(tmp_path, model, holds=1) as engine:
        config = f'[gateway]\n{residency}\nwait = "50s"\n[[engine]]\nkind = "llamacpp"\nurl = "{engine.url}"\n'
        with gateway(tmp_path, config) as port:
            answers = asyncio.run(many(port))
        loads = sum("spawning server instance with name=" in line for line in engine.lines())
    assert {one.status for one in answers} == {200}
    assert least <= loads <= most
