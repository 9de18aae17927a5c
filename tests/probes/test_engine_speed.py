"""How fast an engine answers: asked of real engines with tiny models, and of recorded machines with a GPU."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value, absent
from keepwell.core.ref import device, engine, node
from keepwell.core.values import find_number, row_of, rows_of
from keepwell.plugins import registry
from keepwell.plugins.place import Place, ServingProcess, Site
from keepwell.plugins.probe import Probe
from keepwell.plugins.speeds import generation_rate, rows_of_kind
from keepwell.testing.clock import FakeClock
from keepwell.testing.node import RecordedNode
from keepwell.testing.tiny_model import OLLAMA_TEMPLATE, TinyModel
from keepwell.testing.waiting import eventually
from keepwell.transport.base import Reply
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from keepwell.transport.recorded.tape_file import FORMAT, parse_tape
from tests.checks.level2_case import load_case
from tests.engines.real import RealEngine, llama_server, make_model, ollama

#: Slow enough that a generation outlasts the looks at it, small enough to load at once.
SHAPE = TinyModel(words=512, loop=True, layers=2, width=512, feed=1024)
REF = engine("box", "some")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "tiny.gguf", SHAPE)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("small") / "tiny.gguf", TinyModel(words=512, loop=True))


@pytest.fixture
async def here() -> AsyncIterator[LocalTransport]:
    transport = LocalTransport("box")
    yield transport
    await transport.close()


def _give(server: RealEngine, model: Path) -> None:
    """Put the model into the store with one thread, as two spin against other work, and a short context."""
    content = model.read_bytes()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    assert server.ask(f"/api/blobs/{digest}", content)[0] == 201
    files = {model.name: digest}
    asked = {
        "model": "tiny",
        "files": files,
        "template": OLLAMA_TEMPLATE,
        "parameters": {"num_thread": 1, "num_ctx": 512},
    }
    assert server.ask("/api/create", asked | {"stream": False})[0] == 200


async def _measure(server: RealEngine, kind: str, here: LocalTransport) -> Seen:
    """What the probe sees of a real engine, after the one that lists its models."""
    process = ServingProcess(pid=server.process.pid, argv=(), environment={}, user="", uid=os.getuid(), gid=os.getgid())
    site = Site(ref=REF, engine=kind, url=server.url, process=process)
    place = Place(
        node=node("box"), transport=here, clock=SystemClock(), site=site, engine=registry.load("engines", kind)
    )
    seen = list(await _probe("engine_api").observe(place))
    seen += await _probe("engine_speed").observe(replace(place, seen=Seen(seen)))
    return Seen(seen)


def _probe(name: str) -> Probe:
    found = registry.load("probes", name)
    assert isinstance(found, Probe)
    return found


def _judge(check: str, seen: Iterable[Observation]) -> Finding:
    checks = registry.load("checks", check.partition(".")[0])
    assert isinstance(checks, tuple)
    (found,) = [one for one in checks if isinstance(one, Check) and one.id == check]
    (finding,) = found.judge(Seen(seen))
    return finding


async def test_a_real_llama_server_with_one_thread_is_measured_and_has_no_fault(
    model: Path, tmp_path: Path, here: LocalTransport
) -> None:
    with llama_server(tmp_path, "-m", str(model), "-t", "1") as server:
        eventually(lambda: server.ask("/health")[0] == 200, 20, "the model is there")
        seen = await _measure(server, "llamacpp", here)
    speed = seen.value(REF, "engine.speed")
    assert [row["kind"] for row in rows_of(row_of(speed)["requests"])] == [
        "first", "again", "generation", "generation", "prompt",
    ]  # fmt: skip
    assert "problem" not in row_of(speed)
    (first, second) = rows_of_kind(speed, "generation")
    assert first["output_tokens"] == second["output_tokens"] == 96
    prompt = rows_of_kind(speed, "prompt")[0]
    assert (find_number(prompt["input_tokens"]) or 0) > 128
    assert row_of(speed)["size_bytes"] == pytest.approx(model.stat().st_size, rel=0.05)
    assert row_of(seen.value(REF, "engine.effort"))["busy_threads"] in (0, 1)
    assert seen.value(REF, "engine.output_tokens_per_second") == pytest.approx(generation_rate(speed), rel=0.01)
    for check in ("speed.measured", "speed.queue"):
        assert _judge(check, seen).status is Status.OK


async def test_eight_threads_on_one_core_wait_for_it_and_are_named(
    model: Path, tmp_path: Path, here: LocalTransport
) -> None:
    with llama_server(tmp_path, "-m", str(model), "-t", "8") as server:
        eventually(lambda: server.ask("/health")[0] == 200, 20, "the model is there")
        for task in Path(f"/proc/{server.process.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {0})
        seen = await _measure(server, "llamacpp", here)
    found = _judge("speed.threads", seen)
    assert found.status is Status.WARNING
    assert found.facts["kind"] == "affinity"
    assert (found.facts["threads"], found.facts["cores"], found.facts["wished"]) == ("8", "1", "1")


async def test_a_real_ollama_that_keeps_nothing_loads_the_model_for_each_request(
    small: Path, tmp_path: Path, here: LocalTransport
) -> None:
    with ollama(tmp_path, OLLAMA_KEEP_ALIVE="0") as server:
        _give(server, small)
        seen = await _measure(server, "ollama", here)
    assert row_of(seen.value(REF, "engine.speed"))["loaded_before"] is False
    found = _judge("speed.reload", seen)
    assert found.status is Status.WARNING
    assert found.facts["kind"] == "unloaded"


async def test_a_real_ollama_whose_model_was_loaded_with_other_options_reloads_it_once(
    small: Path, tmp_path: Path, here: LocalTransport
) -> None:
    with ollama(tmp_path) as server:
        _give(server, small)
        asked = {"model": "tiny", "prompt": "x", "stream": False, "options": {"num_ctx": 1024, "num_predict": 1}}
        assert server.ask("/api/generate", asked)[0] == 200
        changed = await _measure(server, "ollama", here)
        again = await _measure(server, "ollama", here)
    found = _judge("speed.reload", changed)
    assert (found.status, found.facts["kind"]) == (Status.OK, "options")
    assert _judge("speed.reload", again).facts["kind"] == "stays"
    speed = row_of(again.value(REF, "engine.speed"))
    assert speed["loaded_before"] is True
    assert speed["gpu_ratio"] == 0.0


URL = "http://127.0.0.1:11434"
DONE: Mapping[str, object] = {
    "done": True, "load_duration": 2_000_000, "prompt_eval_count": 20, "prompt_eval_duration": 50_000_000,
    "eval_count": 96, "eval_duration": 1_900_000_000,
}  # fmt: skip


def _recorded(case: str, answer: object, status: int = 200) -> tuple[RecordedNode, Place]:
    found: dict[str, Any] = load_case(case)
    played = RecordedNode(parse_tape(msgspec.json.encode({"format": FORMAT, "name": "box"} | found["node"])))
    played.reply("POST", f"{URL}/api/generate", Reply(status=status, body=json.dumps(answer).encode(), seconds=2.0))
    site = Site(ref=REF, engine="ollama", url=URL, process=absent("not seen"))
    clock = FakeClock()
    models: Value = ({"name": "b:8b", "size_bytes": 5_000_000_000}, {"name": "a:1b", "size_bytes": 1_000_000_000})
    known: dict[str, Value] = {"engine.models": models, "engine.loaded": ()}
    seen = [
        Observation(subject=REF, name=name, value=value, at=clock.now(), source="t") for name, value in known.items()
    ]
    place = Place(node=node("box"), transport=played, clock=clock, site=site, engine=registry.load("engines", "ollama"))
    return played, replace(place, seen=Seen(seen))


async def test_a_card_that_throttles_only_under_load_is_named() -> None:
    _, place = _recorded("throttled-thermal", DONE)
    rows = list(await _probe("engine_speed").observe(place))
    seen = Seen([*rows, *await _devices(place)])
    load = row_of(seen.value(device("box", 0), "device.under_load"))
    assert (find_number(load["samples"]) or 0) >= 1
    assert load["clock_hertz"] == 1_200_000_000
    found = _judge("gpu.throttle_under_load", seen)
    assert found.status is Status.WARNING
    assert found.facts["kind"] == "thermal"
    bandwidth = row_of(seen.value(device("box", 0), "device.bandwidth"))
    assert bandwidth["bytes_per_second"] == 1008e9


async def _devices(place: Place) -> list[Observation]:
    """What probes of level 2 and the tables say of the devices."""
    seen = list(await _probe("gpu_bus").observe(place))
    seen += await _probe("gpu_readings").observe(replace(place, seen=Seen(seen)))
    return [*seen, *await _probe("memory_bandwidth").observe(replace(place, seen=Seen(seen)))]


async def test_the_smallest_model_is_asked_when_none_is_loaded() -> None:
    _, place = _recorded("no-gpu", DONE)
    seen = Seen(await _probe("engine_speed").observe(place))
    speed = row_of(seen.value(REF, "engine.speed"))
    assert (speed["model"], speed["loaded_before"]) == ("a:1b", False)
    assert seen.value(REF, "engine.output_tokens_per_second") == 50.0


async def test_an_engine_that_refuses_is_a_reason() -> None:
    _, place = _recorded("no-gpu", {"error": '"a:1b" does not support generate'}, 400)
    seen = Seen(await _probe("engine_speed").observe(place))
    value = seen.value(REF, "engine.speed")
    assert isinstance(value, Missing)
    assert "does not support generate" in value.reason
    assert _judge("speed.measured", seen).status is Status.UNKNOWN


@pytest.mark.parametrize("state", ["silent", "refused", "asleep", "loading"])
async def test_who_would_not_answer_is_not_asked(state: str) -> None:
    played, place = _recorded("no-gpu", DONE)
    health = Observation(subject=REF, name="engine.health", value={"state": state}, at=0.0, source="t")
    seen = Seen(await _probe("engine_speed").observe(replace(place, seen=Seen([*place.seen, health]))))
    assert isinstance(seen.value(REF, "engine.speed"), Missing)
    assert not [call for call in played.calls if call.startswith("http POST")]


def test_it_says_what_it_will_do() -> None:
    probe = _probe("engine_speed")
    assert probe.effect == "loads-model"
    assert "loaded" in str(getattr(probe, "does", ""))
