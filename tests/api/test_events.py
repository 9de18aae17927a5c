"""The stream of what happens: who hears what, what a slow or broken reader is told, and that silence costs nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from keepwell.api.events import STREAMS
from keepwell.api.face import Api
from keepwell.app.hub.bus import KEPT, WAITING, Bus
from keepwell.app.hub.telling import Telling
from keepwell.core.run import Item, Run
from keepwell.store.alert_desk import Maintenance, change_desk
from keepwell.store.journal import create_journal
from keepwell.store.keys import load_keys, remove_key
from keepwell.store.requests import COLUMNS
from keepwell.transport.clock import SystemClock
from tests.api.made import ADMIN, READER, Asking, add_keys, asking, bearer
from tests.slo.made import row
from tests.support import eventually_async

E = "/api/v1/events"


@dataclass
class Stream:
    """A client of the stream, line by line, without a library that hides the wire."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    async def begin(self) -> None:
        """Read the head."""
        self.status = int((await self.reader.readline()).split()[1])
        while line := (await self.reader.readline()).strip():
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()

    async def next(self) -> dict[str, str]:
        """The next event with its fields; those of chunked transfer are passed over."""
        told: dict[str, str] = {}
        while True:
            line = (await asyncio.wait_for(self.reader.readline(), 20)).decode().strip()
            name, colon, value = line.partition(": ")
            if colon:
                told[name] = value
            elif not line and "data" in told:
                return told
            elif not line and "retry" in told:
                told.clear()


@asynccontextmanager
async def streaming(hub: Asking, path: str = E, **headers: str) -> AsyncIterator[Stream]:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    told = {"host": "127.0.0.1", **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    writer.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
    stream = Stream(reader, writer)
    try:
        await stream.begin()
        yield stream
    finally:
        writer.close()


def tell(bus: Bus, topic: str = "runs", **data: Any) -> None:
    bus.tell(topic, data, 5.0)


async def test_events_are_told_with_ids_and_what_was_missed_is_made_up(tmp_path: Path) -> None:
    async with asking(tmp_path) as hub:
        bus = hub.hub.bus
        assert not bus.heard
        async with streaming(hub, f"{E}?topic=runs") as stream:
            assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
            await eventually_async(lambda: _true(bus.heard))
            tell(bus, "alerts", id="not asked for")
            tell(bus, id="one", text="line\nbreak\r\n\u2028data: x")
            first = await stream.next()
            assert first["event"] == "runs"
            assert msgspec.json.decode(first["data"])["runs"]["text"] == "line\nbreak\r\n\u2028data: x"
        await eventually_async(lambda: _true(_streams(hub) == 0))
        assert bus.heard  # for a while: who comes back has missed nothing
        tell(bus, id="two")
        async with streaming(hub, f"{E}?topic=runs", last_event_id=first["id"]) as stream:
            assert "two" in (await stream.next())["data"]
            for number in range(KEPT + 10):
                tell(bus, number=number)
        async with streaming(hub, f"{E}?topic=runs", last_event_id=first["id"]) as stream:
            lost = await stream.next()
            assert (lost["event"], lost["data"]) == ("lost", '{"events":null}')
            assert '"number":10}' in (await stream.next())["data"]
        async with streaming(hub, E, last_event_id="another-7") as stream:
            assert (await stream.next())["event"] == "lost"


async def _true(value: object) -> object:
    return value


def _streams(hub: Asking) -> int:
    (face,) = hub.hub.faces
    assert isinstance(face, Api)
    assert face.events is not None
    return face.events.streams


async def test_of_what_tells_all_only_the_newest_waits(tmp_path: Path) -> None:
    async with asking(tmp_path) as hub, streaming(hub, f"{E}?topic=overview&topic=runs") as stream:
        await eventually_async(lambda: _true(hub.hub.bus.heard))
        for number in range(WAITING + 50):
            tell(hub.hub.bus, "overview", number=number)
            tell(hub.hub.bus, "runs", number=number)
        assert await stream.next() == {"event": "lost", "data": '{"events":51}'}
        told = [await stream.next() for _ in range(WAITING)]
        (overview,) = [one for one in told if one["event"] == "overview"]
        assert f'"number":{WAITING + 49}' in overview["data"]


async def test_work_of_others_is_not_told(tmp_path: Path) -> None:
    add_keys(tmp_path)
    async with (
        asking(tmp_path) as hub,
        streaming(hub, f"{E}?topic=work") as nobody,
        streaming(hub, f"{E}?topic=work&topic=runs", **bearer(READER)) as reader,
        streaming(hub, f"{E}?topic=work", **bearer(ADMIN)) as admin,
    ):
        await eventually_async(lambda: _true(_streams(hub) == 3))
        await hub.get("/api/v1/numbers?number=60", bearer(ADMIN))
        assert '"operation":"numbers"' in (await admin.next())["data"]
        await hub.get("/api/v1/numbers?number=61", bearer(READER))
        assert '"asked_by":"reader"' in (await reader.next())["data"]
        await hub.get("/api/v1/runs")
        assert '"operation":"runs"' in (await nobody.next())["data"]


async def test_there_is_an_end_to_how_many_listen(tmp_path: Path) -> None:
    async with asking(tmp_path) as hub:
        streams = [streaming(hub) for _ in range(STREAMS)]
        for one in streams:
            assert (await one.__aenter__()).status == 200
        told = await hub.get(E)
        assert (told.status, told.json["kind"], told.headers["retry-after"]) == (429, "too-many", "10")
        for one in streams:
            await one.__aexit__(None, None, None)

        async def is_free() -> bool:
            async with streaming(hub) as stream:
                return stream.status == 200

        await eventually_async(is_free)


async def test_a_stream_ends_when_its_key_is_revoked(tmp_path: Path) -> None:
    add_keys(tmp_path)
    async with (
        asking(tmp_path, host="0.0.0.0", beat_seconds=0.05) as hub,
        streaming(hub, E, connection="close", **bearer(READER)) as stream,
    ):
        assert stream.status == 200
        remove_key(tmp_path, "reader")
        assert "reader" not in [one.name for one in load_keys(tmp_path)]
        while not (line := await asyncio.wait_for(stream.reader.readline(), 20)).startswith(b"0"):
            tell(hub.hub.bus)  # it has enough to tell, and ends all the same
            assert line


async def test_what_is_new_in_the_state_folder_is_told_while_somebody_listens(tmp_path: Path) -> None:
    duty = Telling()
    async with asking(tmp_path) as hub:
        now = time.time()
        await duty.do(hub.hub, now)
        with hub.hub.bus.listen("runs", "requests", "alerts") as listener:
            await duty.do(hub.hub, now)
            first = await listener.next()
            assert (first.topic, first.data["schema"]) == ("alerts", "keepwell.alerts/1")
            hub.hub.requests.add([tuple(getattr(row(now, id=7), name) for name in COLUMNS)])
            run = Run(id="plan-1", kind="plan", asked_by="ada", created_at=now, items=(Item(key="1"),))
            create_journal(tmp_path, run, b"", SystemClock()).close()
            (tmp_path / "runs" / "broken.run").write_bytes(b"\x00")
            held = Maintenance(subject="node:gpu01", since=now, until=now + 60, by="ada")
            change_desk(tmp_path, lambda desk: replace(desk, maintenance=(held,)))
            await duty.do(hub.hub, now)
            told = [await listener.next() for _ in range(3)]
            assert [one.topic for one in told] == ["requests", "runs", "alerts"]
            assert told[0].data["id"] == 7
            assert told[1].data["id"] == "plan-1"
            assert told[2].data["maintenance"][0]["subject"] == "node:gpu01"
            number = hub.hub.bus.number
            await duty.do(hub.hub, now)
            assert hub.hub.bus.number == number
    await duty.close()


async def test_where_nothing_happens_there_are_signs_of_life(tmp_path: Path) -> None:
    async with asking(tmp_path, beat_seconds=0.05) as hub, streaming(hub) as stream:
        while b"still here" not in (line := await asyncio.wait_for(stream.reader.readline(), 20)):
            assert line
