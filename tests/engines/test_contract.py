"""What every engine plug-in must keep, whichever it is: the contract of keepwell.plugins.engine."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from keepwell.core.observation import Missing, absent
from keepwell.plugins import registry
from keepwell.plugins.ask import ASK_SECONDS, DETECT_SECONDS
from keepwell.plugins.engine import (
    Engine,
    ExposesMetrics,
    Health,
    Identity,
    KeepsStore,
    KnowsLogs,
    KnowsSettings,
    ListsModels,
    ReportsLoaded,
    RunsChildren,
    TellsPlacement,
)
from keepwell.plugins.readings import READINGS
from keepwell.testing.engine import FLAVOURS, FakeEngine, FakeModel, Fault
from keepwell.transport.local import LocalTransport
from tests.engines.kit import OWN, plug_in, process_of, site_of

NAMES = registry.names("engines")
#: Faults of the wire that any of them may meet.
WIRE_FAULTS = (Fault.DROP, Fault.MALFORMED, Fault.TRUNCATED, Fault.HUGE, Fault.BROKEN)


def test_the_four_engines_are_there() -> None:
    assert set(NAMES) >= {"ollama", "vllm", "llamacpp", "openai"}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_an_engine(name: str) -> None:
    one = plug_in(name)
    assert isinstance(one, Engine)
    assert isinstance(one, ListsModels)
    assert one.title
    assert one.ports
    assert all(0 < port < 65536 for port in one.ports)


@pytest.mark.parametrize("name", NAMES)
def test_its_settings_are_well_formed_data(name: str) -> None:
    one = plug_in(name)
    spellings = [text for setting in one.settings for text in (setting.flag, *setting.aliases) if text]
    assert len(spellings) == len(set(spellings)), "two settings share a flag"
    for setting in one.settings:
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*|--[a-z0-9-]+", setting.name), setting.name
        assert setting.help, setting.name
        assert setting.kind != "choice" or setting.choices or not setting.default, setting.name
        assert setting.flag or not setting.name.startswith("-"), setting.name
        named_secret = re.search(r"api.?key$|token$", setting.name.lower()) is not None
        assert setting.secret == named_secret, setting.name


@pytest.mark.parametrize("name", NAMES)
def test_its_follow_ups_are_patterns_of_the_scanner(name: str) -> None:
    for pattern in plug_in(name).follow_ups:
        re.compile(pattern)
        assert "(?" not in pattern, "no look-around, no inline flags"
        assert not re.search(r"\\[1-9]", pattern), "no back-references"


@pytest.mark.parametrize("name", NAMES)
def test_it_knows_where_its_log_is(name: str) -> None:
    one = plug_in(name)
    assert isinstance(one, KnowsLogs)
    site = site_of(name, "http://127.0.0.1:1", process=process_of(name))
    found = one.logs(site, "linux")
    assert ("process", "4711") in [(source.kind, source.where) for source in found]
    inside = one.logs(site_of(name, "http://127.0.0.1:1", supervisor="container", unit="box"), "linux")
    assert ("container", "box") in [(source.kind, source.where) for source in inside]
    assert {source.kind for source in (*found, *inside)} <= {"file", "journal", "container", "process"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("argv", [(), ("",), ("/usr/bin/python3",), ("bash", "-c", "ollama serve"), ("vim", "vllm.py")])
def test_it_does_not_take_any_process_for_its_own(name: str, argv: tuple[str, ...]) -> None:
    one = plug_in(name)
    assert one.resembles(argv) is False
    if isinstance(one, RunsChildren):
        assert isinstance(one.child_model(argv), Missing)


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_exactly_one_engine_of_its_own_recognises_a_server(flavour: str, transport: LocalTransport) -> None:
    async with FakeEngine(flavour) as fake:
        answers = {name: await plug_in(name).detect(fake.url, transport) for name in NAMES}
        assert len(fake.requests) <= 2 * len(NAMES), "two GETs at most"
    recognised = [name for name, answer in answers.items() if isinstance(answer, Identity)]
    specific = [name for name in recognised if plug_in(name).specificity > 0]
    assert specific == [name for name in OWN if OWN[name] == flavour and name != "openai"]
    best = max(recognised, key=lambda name: plug_in(name).specificity)
    assert OWN[best] == flavour
    for name, answer in answers.items():
        if isinstance(answer, Missing):
            assert answer.kind == "absent", (name, answer)


@pytest.mark.parametrize("name", NAMES)
async def test_well_and_nothing_changed(name: str, transport: LocalTransport) -> None:
    async with FakeEngine(OWN[name], switches=("metrics",)) as fake:
        health = await plug_in(name).health(site_of(name, fake.url), transport)
        assert {request.method for request in fake.requests} == {"GET"}
    assert (health.state, health.http_status) == ("well", 200)
    assert health.said
    assert 0 <= health.seconds < ASK_SECONDS


@pytest.mark.parametrize("name", NAMES)
async def test_capabilities_on_a_healthy_server(name: str, transport: LocalTransport) -> None:
    one = plug_in(name)
    models = (FakeModel(name="tiny-alpha"), FakeModel(name="tiny-bravo", tag="bravo", loaded=False))
    async with FakeEngine(OWN[name], models=models, switches=("metrics",)) as fake:
        site = site_of(name, fake.url)
        assert isinstance(one, ListsModels)
        found = await one.models(site, transport)
        assert not isinstance(found, Missing)
        assert [model.name.partition(":")[0] for model in found] == ["tiny-alpha", "tiny-bravo"]
        if isinstance(one, ReportsLoaded):
            loaded = await one.loaded(site, transport)
            assert not isinstance(loaded, Missing)
            assert loaded[0].name.startswith("tiny-alpha")
        if isinstance(one, ExposesMetrics):
            readings = await one.metrics(site, transport)
            assert not isinstance(readings, Missing)
            assert set(readings) <= set(READINGS)
            assert readings["requests_running"] == 0


@pytest.mark.parametrize("fault", WIRE_FAULTS)
@pytest.mark.parametrize("name", NAMES)
async def test_a_broken_wire_is_told_and_never_raised(name: str, fault: Fault, transport: LocalTransport) -> None:
    one = plug_in(name)
    async with FakeEngine(OWN[name], switches=("metrics", "dev")) as fake:
        await fake.set_fault(fault)
        site = site_of(name, fake.url)
        health = await one.health(site, transport)
        answers: list[object] = []
        identity = await one.detect(fake.url, transport)
        if isinstance(one, ListsModels):
            answers.append(await one.models(site, transport))
        if isinstance(one, ReportsLoaded):
            answers.append(await one.loaded(site, transport))
        if isinstance(one, ExposesMetrics):
            answers.append(await one.metrics(site, transport))
    assert health.state == "failing", health
    assert all(isinstance(answer, Missing) for answer in answers), answers
    # Only a server that signs every answer can be told by a broken one.
    assert isinstance(identity, Missing) or "Server:" in identity.proof


async def test_a_silent_server_is_silent(transport: LocalTransport) -> None:
    async def ask(name: str) -> None:
        one = plug_in(name)
        async with FakeEngine(OWN[name]) as fake:
            await fake.set_fault(Fault.HANG)
            started = time.monotonic()
            health, identity = await asyncio.gather(
                one.health(site_of(name, fake.url), transport), one.detect(fake.url, transport)
            )
            seconds = time.monotonic() - started
        assert health.state == "silent"
        assert isinstance(identity, Missing)
        assert identity.kind == "failed"
        assert seconds < ASK_SECONDS + DETECT_SECONDS

    await asyncio.gather(*(ask(name) for name in NAMES))


@pytest.mark.parametrize("name", NAMES)
async def test_a_closed_port_is_refused(name: str, transport: LocalTransport) -> None:
    async with FakeEngine(OWN[name]) as fake:
        pass
    health = await plug_in(name).health(site_of(name, fake.url), transport)
    assert (health.state, health.http_status) == ("refused", 0)


@pytest.mark.parametrize("name", NAMES)
async def test_slow_is_still_well(name: str, transport: LocalTransport) -> None:
    async with FakeEngine(OWN[name]) as fake:
        await fake.set_fault(Fault.SLOW)
        health = await plug_in(name).health(site_of(name, fake.url), transport)
    assert health.state == "well"
    assert health.seconds >= fake.state.slow_seconds


#: What each engine's own troubles look like from outside.
STATES: dict[str, dict[Fault, str]] = {
    "ollama": {Fault.FORBIDDEN: "well", Fault.DEAD: "well", Fault.BUSY: "well"},
    "vllm": {Fault.ASLEEP: "asleep", Fault.DEAD: "failing", Fault.LOADING: "refused", Fault.BUSY: "well"},
    "llamacpp": {Fault.LOADING: "loading", Fault.ASLEEP: "well"},
    "openai": {Fault.LOADING: "loading"},
}


@pytest.mark.parametrize(("name", "fault"), [(name, fault) for name, rows in STATES.items() for fault in rows])
async def test_its_own_troubles(name: str, fault: Fault, transport: LocalTransport) -> None:
    async with FakeEngine(OWN[name]) as fake:
        await fake.set_fault(fault)
        health: Health = await plug_in(name).health(site_of(name, fake.url), transport)
        assert health.state == STATES[name][fault], health
        await fake.clear_faults()
        again = await plug_in(name).health(site_of(name, fake.url), transport)
        assert again.state == "well"


@pytest.mark.parametrize("name", NAMES)
async def test_with_a_key(name: str, transport: LocalTransport) -> None:
    one = plug_in(name)
    async with FakeEngine(OWN[name], api_key="tiny-key", switches=("metrics",)) as fake:
        assert isinstance(await one.detect(fake.url, transport), Identity), "recognised without the key"
        assert isinstance(one, ListsModels)
        if name != "ollama":
            assert isinstance(await one.models(site_of(name, fake.url), transport), Missing)
        assert (await one.health(site_of(name, fake.url), transport)).state == "well"
        found = await one.models(site_of(name, fake.url, api_key="tiny-key"), transport)
        assert not isinstance(found, Missing)
        assert found[0].name.startswith("tiny-alpha")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_in_force_where_nothing_is_known(name: str) -> None:
    one = plug_in(name)
    if isinstance(one, KnowsSettings):
        assert one.effective(absent("none"), (), "", {}) == ()
    if isinstance(one, TellsPlacement):
        assert one.placement(()) == ()
    if isinstance(one, KeepsStore):
        assert one.store(absent("none"), site_of(name, "http://127.0.0.1:1")) == ""
