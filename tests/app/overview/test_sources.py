"""Where the fleet comes from: the hub over HTTP, its document read back, one drawing for many, and own looks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.app.hub.overviewing import Overviewing
from keepwell.app.operation import Caller
from keepwell.app.operations.overview import overview as ask_overview
from keepwell.app.overview.drawing import draw_overview
from keepwell.app.overview.model import AlertRow, Overview, RequestRow, WorkRow
from keepwell.app.overview.reading import parse_overview
from keepwell.app.overview.sources import open_source
from keepwell.app.plain import document
from keepwell.cli.views import overview as view
from keepwell.core.errors import AccessError
from keepwell.core.finding import Status
from keepwell.core.observation import Missing, unknown
from keepwell.store.hub_door import remove_hub_door
from tests.app.overview.made import make_fleet
from tests.app.overview.serving import serve_hub

NOW = 1_800_000_000.0
NUMBERS = st.one_of(st.floats(0, 1e12), st.builds(unknown, st.text(max_size=20)))
REQUESTS = st.builds(
    RequestRow,
    id=st.text(max_size=9),
    source=st.sampled_from(("gateway", "log")),
    model=st.text(max_size=9),
    key=st.text(max_size=9),
    replica=st.text(max_size=9),
    stage=st.sampled_from(("waiting", "prompt", "answering")),
    seconds=st.floats(0, 1e6),
    queue_seconds=NUMBERS,
    ttft_seconds=NUMBERS,
    output_tokens=NUMBERS,
    tokens_per_second=NUMBERS,
)
WORK = st.builds(
    WorkRow,
    kind=st.just("batch"),
    name=st.text(max_size=9),
    state=st.text(max_size=9),
    done=st.integers(0, 10**9),
    total=st.integers(0, 10**9),
    left_seconds=NUMBERS,
    note=st.text(max_size=9),
)
ALERTS = st.builds(
    AlertRow,
    id=st.text(max_size=9),
    status=st.sampled_from(Status),
    title=st.text(max_size=9),
    subject=st.text(max_size=9),
    since=st.floats(0, 2e9),
    acknowledged=st.booleans(),
    cause=st.text(max_size=9),
    command=st.text(max_size=9),
)


@given(requests=st.lists(REQUESTS, max_size=3), work=st.lists(WORK, max_size=3), alerts=st.lists(ALERTS, max_size=3))
def test_a_document_is_read_back_as_it_was(
    requests: list[RequestRow], work: list[WorkRow], alerts: list[AlertRow]
) -> None:
    made = Overview(
        at=NOW, here="a", nodes=(), requests=tuple(requests), work=tuple(work), alerts=tuple(alerts), notes=("n",)
    )
    assert parse_overview(msgspec.json.encode(document(made))) == made


def test_nodes_are_read_back_too(tmp_path: Path) -> None:
    made = draw_overview(make_fleet(tmp_path, NOW), NOW)
    assert parse_overview(msgspec.json.encode(document(made))) == made


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "keepwell.overview/9"},
        {"nodes": [{"name": "a"}]},
        {"nodes": 1},
        {"alerts": [{"id": 1}]},
        {"requests": [{}]},
    ],
)
def test_what_is_no_overview_is_told(tmp_path: Path, change: dict[str, object]) -> None:
    made = document(draw_overview(make_fleet(tmp_path, NOW), NOW))
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        parse_overview(msgspec.json.encode({**made, **change}))


@given(st.binary(max_size=60))
def test_noise_is_no_overview(content: bytes) -> None:
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        parse_overview(content)


async def test_the_command_asks_the_hub_and_says_when_it_ends(tmp_path: Path) -> None:
    async with serve_hub(tmp_path) as hub:
        now = hub.wiring.clock.now()
        report = await ask_overview(Caller(state=tmp_path))
        assert {"node00", "node01"} <= {one.name for one in report.nodes}
        assert (report.exit_code, report.schema) == (2, "keepwell.overview/1")
        shown = str(view.render(report))
        assert shown
        async with open_source(Caller(state=tmp_path)) as source:
            assert source.hub
            assert (await source.take()).at >= now
            assert source.where.startswith("hub at 127.0.0.1:")
            assert list(await source.recent("host.cpu_busy_ratio", "node:node00")) == [0.25]
            assert list(await source.recent("host.cpu_busy_ratio", "node:nobody")) == []
    async with serve_hub(tmp_path), open_source(Caller(state=tmp_path)) as source:
        await source.take()
        remove_hub_door(tmp_path)
        with pytest.raises(AccessError, match="has ended"):
            await source.take()


async def test_many_share_one_drawing_and_listeners_are_told(tmp_path: Path) -> None:
    hub = make_fleet(tmp_path, NOW)
    first, second = await asyncio.gather(hub.overviews.newest(hub, NOW), hub.overviews.newest(hub, NOW + 0.5))
    assert first is second
    assert await hub.overviews.encoded(hub, NOW + 0.5) is await hub.overviews.encoded(hub, NOW + 0.6)
    assert (await hub.overviews.newest(hub, NOW + 1)).at == NOW + 1
    duty = Overviewing()
    await duty.do(hub, NOW + 5)
    assert (await hub.overviews.newest(hub, NOW + 1.5)).at == NOW + 1
    with hub.bus.listen("overview") as listener:
        await duty.do(hub, NOW + 5)
        assert (await listener.next()).data["at"] == NOW + 5


async def test_without_a_hub_it_looks_itself(tmp_path: Path) -> None:
    async with open_source(Caller(state=tmp_path)) as source:
        assert not source.hub
        assert "keepwell up" in source.where
        overview = await source.take()
        (here,) = overview.nodes
        assert here.name == overview.here
        assert not isinstance(here.processor_ratio, Missing)
        assert list(await source.recent("host.cpu_busy_ratio", here.ref))
