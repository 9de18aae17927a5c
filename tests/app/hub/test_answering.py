"""The hub's HTTP: who may ask, what is told, and what happens where it cannot listen."""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from keepwell.app.hub.answering import Answering
from keepwell.app.hub.duty import Hub, Standing
from keepwell.app.newest import list_series
from keepwell.app.operation import Caller
from keepwell.cli.views import series as series_view
from keepwell.config.hub_model import HubEntry
from keepwell.config.model import Config
from keepwell.core.errors import AccessError, ConfigurationError
from keepwell.core.observation import absent
from keepwell.core.series import Batch, Point, SeriesKey
from keepwell.export.page import CONTENT_TYPE
from keepwell.formats.prometheus import Family
from keepwell.store.hub_door import find_hub_door
from keepwell.store.keys import Key, add_key, digest_secret
from tests.app.hub.made import make_hub
from tests.support import eventually_async, free_port

LOAD = SeriesKey("host.load", "node:gpu01", (("minutes", "1"),))
POWER = SeriesKey("device.power_watts", "device:gpu01/0")


def ask(port: int, path: str, **headers: str) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.getheader("content-type") or "", answer.read()
    finally:
        connection.close()


@asynccontextmanager
async def answering(state: Path, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[tuple[Hub, int]]:
    port = port or free_port()
    hub = make_hub(state, config=Config(hub=HubEntry(listen=(f"{host}:{port}",), hosts=("gpu.lan",))))
    now = hub.wiring.clock.now()
    hub.table.put(Batch(node="gpu01", at=now, readings=((LOAD, 0.5), (POWER, absent("no such sensor\x1b[0m")))))
    duty = Answering()
    try:
        await duty.do(hub, now)

        async def answers() -> bool:
            try:
                return (await asyncio.to_thread(ask, port, "/health"))[0] == 200
            except OSError:
                return False

        await eventually_async(answers)
        yield hub, port
    finally:
        await duty.close()


async def test_health_is_small_and_says_what_fails(tmp_path: Path) -> None:
    async with answering(tmp_path) as (hub, port):
        _, _, content = await asyncio.to_thread(ask, port, "/health")
        assert msgspec.json.decode(content)["status"] == "ok"
        hub.standings["alerts"] = Standing(name="alerts", every_seconds=1, problem="no")
        status, _, content = await asyncio.to_thread(ask, port, "/health")
        told = msgspec.json.decode(content)
        assert (status, told["status"], told["failing"]) == (200, "degraded", ["alerts"])
        assert len(content) < 1024


async def test_it_tells_what_can_be_asked(tmp_path: Path) -> None:
    async with answering(tmp_path) as (_, port):
        _, _, content = await asyncio.to_thread(ask, port, "/")
        for path in ("/health", "/metrics", "/api/v1/series", "/api/v1/points"):
            assert path in content.decode()
            assert (await asyncio.to_thread(ask, port, path))[0] == 200


async def test_metrics_are_a_page_though_a_family_cannot_be_made(tmp_path: Path) -> None:
    def failing(now: float) -> list[Family]:
        raise RuntimeError("a bug")

    def wished(now: float) -> list[Family]:
        return [Family(name="slo:objective:ratio", help="What is wished", samples=[({}, 0.99)])]

    async with answering(tmp_path) as (hub, port):
        hub.families.append(failing)
        hub.families.append(wished)
        status, kind, content = await asyncio.to_thread(ask, port, "/metrics")
        assert (status, kind) == (200, CONTENT_TYPE)
        text = content.decode()
        assert 'keepwell_host_load{node="gpu01",minutes="1"} 0.5' in text
        assert "slo:objective:ratio 0.99" in text
        assert "device_power_watts{" not in text


async def test_series_say_why_they_are_absent(tmp_path: Path) -> None:
    async with answering(tmp_path) as (_, port):
        _, _, content = await asyncio.to_thread(ask, port, "/api/v1/series?about=node:gpu01")
        load, *_ = found = [
            one for one in reversed(msgspec.json.decode(content)["series"]) if one["about"].endswith(("gpu01", "/0"))
        ]
        assert (load["metric"], load["value"], load["labels"]) == ("host.load", 0.5, {"minutes": "1"})
        power = found[-1]
        assert (power["value"], power["unit"]) == (None, "watts")
        assert power["missing"].startswith("absent: no such sensor")
        _, _, content = await asyncio.to_thread(ask, port, "/api/v1/series?metric=host.*")
        assert {one["metric"] for one in msgspec.json.decode(content)["series"]} == {"host.load"}


async def test_points_are_given_in_spans_that_are_not_too_long(tmp_path: Path) -> None:
    async with answering(tmp_path) as (hub, port):
        hub.series.add([(LOAD, Point(1_800_000_000.0, 1.0, 0.5, 1.5, 1.25, 60))])
        path = "/api/v1/points?metric=host.load&about=node:gpu01&since=1800000000&until="
        status, _, content = await asyncio.to_thread(ask, port, f"{path}1800000600")
        (one,) = msgspec.json.decode(content)["series"]
        assert (status, one["points"]) == (200, [[1_800_000_000.0, 1.0, 0.5, 1.5, 1.25, 60]])
        for bad in ("9e18", "nan", "inf", "soon", "0", "1800000600&step=year"):
            assert (await asyncio.to_thread(ask, port, path + bad))[0] == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "192.0.2.7:4001"}, 200),
        ({"host": "gpu.lan"}, 200),
        ({"host": "localhost:4001"}, 200),
        ({"host": "evil.example"}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
async def test_names_and_pages_of_others_are_refused(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async with answering(tmp_path) as (_, port):
        for path in ("/", "/health", "/metrics", "/api/v1/series", "/api/v1/points?until=0&since=0"):
            assert (await asyncio.to_thread(ask, port, path, **headers))[0] == status


async def test_others_need_a_key_and_without_any_it_does_not_listen_to_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no key"):
        async with answering(tmp_path, "0.0.0.0"):
            pass
    add_key(tmp_path, Key(name="grafana", digest=digest_secret("kw-right")))
    add_key(tmp_path, Key(name="old", digest=digest_secret("kw-old"), expires_at=5.0))
    async with answering(tmp_path, "0.0.0.0") as (hub, port):
        assert (await asyncio.to_thread(ask, port, "/health"))[0] == 200
        for wrong in ({}, {"authorization": "Bearer kw-wrong"}, {"authorization": "Bearer kw-old"}):
            assert (await asyncio.to_thread(ask, port, "/metrics", **wrong))[0] == 401
        assert (await asyncio.to_thread(ask, port, "/metrics", authorization="Bearer kw-right"))[0] == 200
        door = find_hub_door(hub.state)
        assert door is not None
        assert (await asyncio.to_thread(ask, port, "/metrics", authorization=f"Bearer {door.secret}"))[0] == 200


async def test_a_port_that_another_has_is_an_error_until_it_is_free(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AccessError, match="cannot listen"):
            async with answering(tmp_path, port=port):
                pass
    async with answering(tmp_path, port=port) as (_, own):
        assert own == port


async def test_the_command_asks_the_hub_and_what_it_kept_where_none_runs(tmp_path: Path) -> None:
    caller = Caller(state=tmp_path)
    nothing = await list_series(caller, "", "")
    assert (nothing.series, nothing.exit_code) == ((), 3)
    assert "keepwell up" in nothing.problem
    async with answering(tmp_path) as (hub, _):
        report = await list_series(caller, "", "device:gpu01/0")
        (one,) = report.series
        assert (one.value, report.problem, report.exit_code) == (None, "", 0)
        assert "\x1b" not in str(series_view.render(report))
        at = hub.wiring.clock.now() // 60 * 60
        hub.series.add([(LOAD, Point(at, 1.0, 0.5, 1.5, 1.25, 60))])
    kept = await list_series(caller, "host.load", "")
    assert [one.value for one in kept.series] == [1.25]
    assert "last minutes" in kept.problem
    assert kept.exit_code == 0
