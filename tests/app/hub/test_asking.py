"""The duty that asks engines: who is asked, and what is kept of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.app.hub.asking import Asking
from keepwell.app.hub.duty import Hub
from keepwell.app.remembering import recall_changes
from keepwell.config.model import Config, ServiceEntry
from keepwell.core.observation import Missing
from keepwell.core.ref import node
from keepwell.core.series import SeriesKey
from keepwell.plugins.place import LogSource
from keepwell.store.engine_events import load_events
from keepwell.testing.engine import FakeEngine
from keepwell.testing.services import ServiceFake
from keepwell.testing.waiting import LOOK_SECONDS
from keepwell.transport.local import LocalTransport
from tests.app.hub.made import make_hub
from tests.telemetry.test_asking import site

ROUNDS = 300
DIED = 'time=2026-08-20T10:00:00.0Z level=ERROR msg="llama-server process no longer running"'


@pytest.fixture
async def duty() -> AsyncIterator[Asking]:
    """The duty, closed afterwards."""
    one = Asking()
    yield one
    await one.close()


async def until_there(duty: Asking, hub: Hub, metric: str) -> SeriesKey:
    """Do the duty until a number of this metric is in the table."""
    for _ in range(ROUNDS):
        await duty.do(hub, 1_800_000_000.0)
        for key, track in hub.table.tracks():
            if key.metric == metric and not isinstance(track.value, Missing):
                return key
        await asyncio.sleep(LOOK_SECONDS)
    raise AssertionError(f"{metric} never came")


async def test_engines_that_surveys_found_are_asked_and_let_go(tmp_path: Path, duty: Asking) -> None:
    hub = make_hub(tmp_path)
    async with FakeEngine("vllm") as fake:
        hub.sites.put(hub.here, [site("vllm", fake.url, hub.here)])
        key = await until_there(duty, hub, "engine.requests_running")
        assert key.subject == f"engine:{hub.here}/vllm"
        hub.sites.put(hub.here, [])
        before = len(fake.requests)
        for _ in range(3):
            await duty.do(hub, 1_800_000_100.0)
            await asyncio.sleep(LOOK_SECONDS)
        assert len(fake.requests) == before


async def test_engines_of_another_node_are_asked_over_its_way_while_it_is_open(tmp_path: Path, duty: Asking) -> None:
    hub = make_hub(tmp_path)
    async with FakeEngine("vllm") as fake:
        hub.sites.put("far", [site("vllm", fake.url, "far")])
        for _ in range(3):
            await duty.do(hub, 1_800_000_000.0)
            await asyncio.sleep(LOOK_SECONDS)
        assert fake.requests == []
        way = LocalTransport("far")
        hub.ways.put("far", way)
        assert (await until_there(duty, hub, "engine.requests_running")).subject == "engine:far/vllm"
        await way.close()


async def test_declared_exporters_are_asked_and_others_passed_over(tmp_path: Path, duty: Asking) -> None:
    async with ServiceFake("node_exporter") as fake, ServiceFake("grafana") as other:
        entries = (
            ServiceEntry(name="numbers", node="dark", kind="node_exporter", url=f"{fake.url}/"),
            ServiceEntry(name="panels", node="dark", kind="grafana", url=other.url),
        )
        hub = make_hub(tmp_path, config=Config(services=entries))
        key = await until_there(duty, hub, "host.memory_total_bytes")
        assert key.subject == "node:dark"
        assert other.requests == []
        way = LocalTransport("dark")
        hub.ways.put("dark", way)
        await duty.do(hub, 1_800_000_000.0)
        assert duty._watched["dark"][2] == (), "collectors tell the same, so the exporter is not asked beside them"
        hub.ways.take_away("dark")
        await way.close()
        wiring = replace(hub.wiring, config=Config())
        await duty.do(replace(hub, wiring=wiring), 1_800_000_000.0)
        assert "dark" not in duty._watched


async def test_what_an_engine_tells_of_itself_is_remembered_once(tmp_path: Path) -> None:
    log = tmp_path / "ollama.log"
    log.write_text(DIED + "\n")
    async with FakeEngine("ollama") as fake:
        for _ in range(2):
            hub, duty = make_hub(tmp_path), Asking()
            found = replace(site("ollama", fake.url, hub.here), logs=(LogSource(kind="file", where=str(log)),))
            hub.sites.put(hub.here, [found])
            await until_there(duty, hub, "engine.loads_failed_total")
            await duty.close()
    (event,) = load_events(tmp_path, hub.here)
    assert event.what == "could not be loaded"
    assert recall_changes(tmp_path, node(hub.here)) == (event,)
