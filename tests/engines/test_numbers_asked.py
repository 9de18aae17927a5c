"""Asking engines for their numbers changes nothing: nothing is loaded, woken or kept awake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from keepwell.core.metric import Metric
from keepwell.core.observation import Missing
from keepwell.core.series import SeriesKey
from keepwell.engines.llamacpp.numbers import SHAPE_SECONDS
from keepwell.engines.llamacpp.sleeping import QUIET_BUILD, find_flag, judge_quiet
from keepwell.engines.ollama.numbers import ASK_SECONDS, LOG_SECONDS
from keepwell.metrics import declared
from keepwell.plugins.engine import ExposesMetrics, TellsNumbers
from keepwell.plugins.own_numbers import OwnNumbers, Teller
from keepwell.plugins.place import LogSource, Site
from keepwell.testing.engine import FakeEngine, FakeModel, Fault
from keepwell.transport.base import Reply
from keepwell.transport.local import LocalTransport
from tests.engines.kit import lines_of, plug_in, process_of, site_of

TWO = (FakeModel(name="alpha", loaded=True), FakeModel(name="bravo", loaded=False))
OLD = "b10000"


class Noting(LocalTransport):
    """Notes what is asked through it: others of this machine may ask the engine, too."""

    def __init__(self) -> None:
        super().__init__("node")
        self.asked: list[tuple[str, str, str]] = []

    async def http(self, method: str, url: str, **more: Any) -> Reply:
        parts = urlsplit(url)
        self.asked.append((method, parts.path, parts.query))
        return await super().http(method, url, **more)

    @property
    def paths(self) -> set[str]:
        """What was asked for."""
        return {path for _, path, _ in self.asked}


@pytest.fixture
async def transport() -> AsyncIterator[Noting]:
    """This machine."""
    local = Noting()
    yield local
    await local.close()


def teller_of(site: Site) -> Teller:
    """Who asks this one."""
    engine = plug_in(site.engine)
    assert isinstance(engine, TellsNumbers)
    return engine.open_numbers(site)


def numbers(told: OwnNumbers) -> dict[str, float]:
    """Numbers alone, by metric."""
    return {key.metric: value for key, value in told.readings if not isinstance(value, Missing)}


def reasons(told: OwnNumbers) -> dict[str, str]:
    """Why there is no number, by metric."""
    return {key.metric: str(value) for key, value in told.readings if isinstance(value, Missing)}


async def test_a_router_is_asked_for_what_is_loaded_alone_and_loads_nothing(transport: Noting) -> None:
    async with FakeEngine("llamacpp", models=TWO, switches=("router", "metrics")) as fake:
        teller = teller_of(site_of("llamacpp", fake.url))
        for look in range(5):
            told = await teller.ask(transport, 1000.0 + 2 * look)
        assert numbers(told)["engine.models_loaded"] == 1
        assert {label for key, _ in told.readings for label in key.labels} == {("model", "alpha")}
        assert [one.loaded for one in fake.state.models] == [True, False]
        assert fake.state.uses == 0
        assert {query for _, path, query in transport.asked if path == "/metrics"} == {"model=alpha&autoload=false"}
        assert transport.paths == {"/props", "/models", "/metrics"}


async def test_a_model_that_leaves_between_two_questions_is_not_loaded_again(transport: Noting) -> None:
    async with FakeEngine("llamacpp", models=TWO, switches=("router", "metrics")) as fake:
        url = f"{fake.url}/metrics?model=bravo&autoload=false"
        assert (await transport.http("GET", url)).status == 400
        assert not fake.state.models[1].loaded
        assert (await transport.http("GET", url.partition("&")[0])).status == 200
        assert fake.state.models[1].loaded, "the fake loads as the real one does, or this test proves nothing"


async def test_a_routers_sleeping_child_is_let_sleep(transport: Noting) -> None:
    async with FakeEngine("llamacpp", models=TWO, switches=("router", "metrics")) as fake:
        await fake.set_fault(Fault.ASLEEP, "/models")
        told = await teller_of(site_of("llamacpp", fake.url)).ask(transport, 1000.0)
        assert numbers(told) == {"engine.models_loaded": 0}
        assert "/metrics" not in transport.paths


@pytest.mark.parametrize("flags", [("--sleep-idle-seconds", "60"), ("--sleep-idle-seconds=60",)])
async def test_an_old_server_that_may_sleep_is_not_kept_awake(flags: tuple[str, ...], transport: Noting) -> None:
    async with FakeEngine("llamacpp", release=OLD, switches=("metrics",)) as fake:
        process = process_of("/bin/llama-server", "-m", "a.gguf", *flags)
        told = await teller_of(site_of("llamacpp", fake.url, process=process)).ask(transport, 1000.0)
        assert numbers(told) == {"engine.awake": 1}
        assert "put off its sleep after 60" in reasons(told)["engine.requests_running"]
        assert told.answered
        assert fake.state.uses == 0


async def test_an_old_server_whose_flags_cannot_be_seen_is_not_asked_either(transport: Noting) -> None:
    async with FakeEngine("llamacpp", release=OLD, switches=("metrics",)) as fake:
        told = await teller_of(site_of("llamacpp", fake.url)).ask(transport, 1000.0)
        assert "cannot be seen" in reasons(told)["engine.requests_running"]
        assert fake.state.uses == 0


async def test_an_old_server_that_never_sleeps_is_asked(transport: Noting) -> None:
    async with FakeEngine("llamacpp", release=OLD, switches=("metrics",)) as fake:
        fake.state.running = 1
        process = process_of("/bin/llama-server", "-m", "a.gguf", environment={})
        told = await teller_of(site_of("llamacpp", fake.url, process=process)).ask(transport, 1000.0)
        assert numbers(told)["engine.requests_running"] == 1


async def test_a_newer_server_is_asked_although_it_may_sleep_and_sleeps_on(transport: Noting) -> None:
    async with FakeEngine("llamacpp", switches=("metrics",)) as fake:
        await fake.set_fault(Fault.ASLEEP, "/props")
        process = process_of("/bin/llama-server", "-m", "a.gguf", "--sleep-idle-seconds", "60")
        teller = teller_of(site_of("llamacpp", fake.url, process=process))
        for look in range(3):
            told = await teller.ask(transport, 1000.0 + look * SHAPE_SECONDS)
        assert numbers(told)["engine.awake"] == 0
        assert fake.state.uses == 0
        assert fake.state.fault("/props") is Fault.ASLEEP


@pytest.mark.parametrize(("argv", "slots"), [((), True), (("--sleep-idle-seconds", "9"), False)])
async def test_without_its_page_slots_are_counted_unless_that_would_wake(
    argv: tuple[str, ...], slots: bool, transport: Noting
) -> None:
    async with FakeEngine("llamacpp") as fake:
        fake.state.running = 1
        process = process_of("/bin/llama-server", "-m", "a.gguf", *argv, environment={})
        teller = teller_of(site_of("llamacpp", fake.url, process=process))
        assert teller.every_seconds >= 2
        told = await teller.ask(transport, 1000.0)
        assert ("engine.requests_running" in numbers(told)) == slots
        assert ("/slots" in transport.paths) == slots
        assert "--metrics" in reasons(told)["engine.output_tokens_total"]


async def test_a_look_at_a_server_that_may_sleep_does_not_count_its_slots(transport: Noting) -> None:
    async with FakeEngine("llamacpp") as fake:
        engine = plug_in("llamacpp")
        assert isinstance(engine, ExposesMetrics)
        process = process_of("/bin/llama-server", "-m", "a.gguf", "--sleep-idle-seconds", "9", environment={})
        assert isinstance(await engine.metrics(site_of("llamacpp", fake.url, process=process), transport), Missing)
        assert fake.state.uses == 0


async def test_a_loading_or_dead_server_gives_reasons_for_every_series(transport: Noting) -> None:
    async with FakeEngine("llamacpp", switches=("metrics",)) as fake:
        teller = teller_of(site_of("llamacpp", fake.url))
        well = await teller.ask(transport, 1000.0)
        await fake.set_fault(Fault.BROKEN)
        broken = await teller.ask(transport, 1000.0)
    gone = await teller.ask(transport, 1002.0)
    for told in (broken, gone):
        assert not told.answered
        assert {key for key, _ in well.readings} - {key for key, _ in told.readings} <= {
            SeriesKey("engine.awake", "engine:node/llamacpp", (("model", "tiny-alpha"),))
        }
        assert not numbers(told)


async def test_ollama_is_asked_seldom_and_only_for_what_is_loaded(transport: Noting) -> None:
    async with FakeEngine("ollama", release="0.32.15", models=TWO) as fake:
        teller = teller_of(site_of("ollama", fake.url))
        for look in range(11):
            told = await teller.ask(transport, 1000.0 + look)
        assert transport.asked == [("GET", "/api/ps", "")] * (1 + int(10 // ASK_SECONDS))
        assert numbers(told)["engine.models_loaded"] == 1
        assert [one.loaded for one in fake.state.models] == [True, False]


async def test_what_a_log_held_before_is_known_but_not_counted(tmp_path: Path, transport: Noting) -> None:
    log = tmp_path / "ollama.log"
    log.write_text("\n".join(lines_of("ollama-0.32-gpu.log")) + "\n")
    async with FakeEngine("ollama") as fake:
        sources = (LogSource(kind="file", where=str(log)),)
        teller = teller_of(site_of("ollama", fake.url, logs=sources))
        told = numbers(await teller.ask(transport, 1000.0))
        assert (told["model.gpu_layers"], told["engine.loads_total"]) == (31, 0)
        with log.open("a") as file:
            file.write("\n".join(lines_of("ollama-0.32-gpu.log")) + "\n")
        told = numbers(await teller.ask(transport, 1002.0))
        assert (told["model.gpu_layers"], told["engine.loads_total"]) == (31, 1)
        assert teller.every_seconds == LOG_SECONDS


async def test_a_model_that_left_memory_is_absent_not_nought(transport: Noting) -> None:
    async with FakeEngine("ollama", models=TWO) as fake:
        teller = teller_of(site_of("ollama", fake.url))
        key = SeriesKey("model.loaded_bytes", "model:node/ollama/alpha:latest")
        assert dict((await teller.ask(transport, 1000.0)).readings)[key] == 6_337_120
        fake.state.models = TWO[1:]
        gone = dict((await teller.ask(transport, 1100.0)).readings)[key]
        assert isinstance(gone, Missing)
        assert gone.kind == "absent"


async def test_a_generic_server_without_a_known_page_says_so(transport: Noting) -> None:
    async with FakeEngine("openai") as fake:
        told = await teller_of(site_of("openai", fake.url)).ask(transport, 1000.0)
        assert told.absent
        assert not numbers(told)


@pytest.mark.parametrize("name", ["vllm", "ollama", "llamacpp", "openai"])
@pytest.mark.parametrize("switches", [("metrics",), ("metrics", "router"), ()])
async def test_what_is_told_was_announced_and_is_declared(
    name: str, switches: tuple[str, ...], transport: Noting
) -> None:
    engine = plug_in(name)
    assert isinstance(engine, TellsNumbers)
    assert [one for one in engine.tells if not isinstance(declared().get(one), Metric)] == []
    async with FakeEngine(name, switches=switches) as fake:
        told = await teller_of(site_of(name, fake.url)).ask(transport, 1000.0)
    assert {key.metric for key, _ in told.readings} <= set(engine.tells)
    for key, _ in told.readings:
        metric = declared()[key.metric]
        assert isinstance(metric, Metric)
        assert key.subject.startswith(f"{metric.about}:node/{name}")
        assert {label for label, _ in key.labels} <= set(metric.labels)


@pytest.mark.parametrize("name", ["vllm", "ollama", "llamacpp", "openai"])
@pytest.mark.parametrize("fault", [Fault.MALFORMED, Fault.TRUNCATED, Fault.DROP, Fault.BROKEN])
async def test_garbage_is_a_reason_and_never_an_error(name: str, fault: Fault, transport: Noting) -> None:
    async with FakeEngine(name, switches=("metrics",)) as fake:
        await fake.set_fault(fault)
        told = await teller_of(site_of(name, fake.url)).ask(transport, 1000.0)
        assert not told.answered
        assert "engine.requests_running" not in numbers(told)


def test_how_a_sleep_is_told() -> None:
    assert find_flag(("llama-server",)) == "-1"
    assert find_flag(("llama-server",), {"LLAMA_ARG_SLEEP_IDLE_SECONDS": "30"}) == "30"
    assert find_flag(("llama-server", "--sleep-idle-seconds", "5"), {"LLAMA_ARG_SLEEP_IDLE_SECONDS": "30"}) == "5"
    assert find_flag(("llama-server", "--sleep-idle-seconds")) == "-1"
    assert judge_quiet(QUIET_BUILD, "30") is None
    assert judge_quiet(0, "-1") is None
    assert judge_quiet(QUIET_BUILD - 1, "30") is not None
