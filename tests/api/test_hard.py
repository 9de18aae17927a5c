"""Hard use: clients that go away, too many at once, odd requests, a hub that ends in the middle."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from starlette.routing import BaseRoute, Route

from keepwell.api.calls import make_call
from keepwell.api.face import METHODS, Api
from keepwell.app.hub.house import House
from keepwell.app.hub.work import AT_ONCE, OF_ONE, WAITING
from keepwell.app.operation import Caller, Operation, Param
from keepwell.app.repair_report import RunsReport
from tests.api.made import ADMIN, READER, Asking, add_keys, asking, bearer
from tests.support import eventually_async


@dataclass
class Slow:
    """An operation that ends when it is told to."""

    begun: int = 0
    ended: int = 0
    go: threading.Event = field(default_factory=threading.Event)

    async def wait(self, caller: Caller) -> RunsReport:
        """Wait."""
        self.begun += 1
        try:
            while not self.go.is_set():
                await asyncio.sleep(0.01)
        finally:
            self.ended += 1
        return RunsReport(runs=())


async def listed(caller: Caller, *, recheck: bool = False) -> RunsReport:
    """List."""
    return RunsReport(runs=())


listed.__annotations__["recheck"] = Annotated[bool, Param(help="Also do something.")]


class WithSlow(Api):
    """The API with two operations more."""

    def __init__(self, slow: Slow) -> None:
        super().__init__()
        self.house: House | None = None
        self._more = [
            Operation(name="slow", effect="read", function=slow.wait),
            Operation(name="slow change", effect="change", function=slow.wait),
            Operation(name="listed", effect="change", function=listed, reads_without=("recheck",)),
        ]

    def routes(self, house: House) -> Sequence[BaseRoute]:
        """Those first."""
        self.house = house
        own = [
            Route(f"/{one.name.replace(' ', '/')}", make_call(house, one), methods=list(METHODS)) for one in self._more
        ]
        return [*own, *super().routes(house)]


@asynccontextmanager
async def slow_hub(state: Path) -> AsyncIterator[tuple[Asking, Slow]]:
    slow = Slow()
    async with asking(state, faces=(WithSlow(slow),)) as hub:
        try:
            yield hub, slow
        finally:
            slow.go.set()


async def _go_away(hub: Asking, head: str) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(f"{head} HTTP/1.1\r\nhost: 127.0.0.1\r\n{_lines(hub.owner)}content-length: 0\r\n\r\n".encode())
    await writer.drain()
    await eventually_async(lambda: _is(_running(hub) > 0))
    writer.close()


def _lines(headers: dict[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def _running(hub: Asking) -> int:
    (face,) = hub.hub.faces
    assert isinstance(face, WithSlow)
    assert face.house is not None
    return sum(one.stage == "running" for one in face.house.work.pieces())


async def _is(value: bool) -> bool:
    return value


async def test_a_read_whose_client_goes_is_stopped_and_a_change_is_not(tmp_path: Path) -> None:
    async with slow_hub(tmp_path) as (hub, slow):
        await _go_away(hub, "GET /slow")
        await eventually_async(lambda: _is(slow.ended == 1))
        await _go_away(hub, "POST /slow/change")
        told = (await hub.get("/api/v1/work", hub.owner)).json["work"]
        assert [one["stage"] for one in told] == ["running", "stopped"]
        slow.go.set()
        await eventually_async(lambda: _is(slow.ended == 2))


async def test_one_who_asks_too_often_keeps_nobody_else_out(tmp_path: Path) -> None:
    add_keys(tmp_path)
    async with slow_hub(tmp_path) as (hub, slow):
        later = {"prefer": "respond-async"}
        told = [await hub.get("/slow", {**later, **bearer(READER)}) for _ in range(OF_ONE + 1)]
        assert [one.status for one in told] == [202] * OF_ONE + [503]
        assert (told[-1].json["kind"], told[-1].headers["retry-after"]) == ("busy", "5")
        others = [await hub.get("/slow", {**later, **bearer(ADMIN)}) for _ in range(AT_ONCE + WAITING - OF_ONE + 1)]
        assert [one.status for one in others] == [202] * (AT_ONCE + WAITING - OF_ONE) + [503]
        place = told[OF_ONE - 1].headers["location"]
        assert (await hub.get(place, bearer(READER), "DELETE")).status == 202
        slow.go.set()

        async def is_over() -> bool:
            return bool((await hub.get(place, bearer(READER))).json["stage"] == "stopped")

        await eventually_async(is_over)


async def test_who_waits_no_longer_is_told_where_the_answer_will_be(tmp_path: Path) -> None:
    async with slow_hub(tmp_path) as (hub, slow):
        told = await hub.get("/slow", {"prefer": "wait=1"})
        assert (told.status, told.json["stage"], told.json["answer"]) == (202, "running", None)
        slow.go.set()

        async def is_there() -> bool:
            return (await hub.get(told.headers["location"])).json["answer"] is not None

        await eventually_async(is_there)


async def test_what_is_stopped_is_told_to_who_waits_for_it(tmp_path: Path) -> None:
    async with slow_hub(tmp_path) as (hub, _):
        waiting = asyncio.create_task(hub.get("/slow"))
        await eventually_async(lambda: _is(_running(hub) > 0))
        (piece,) = (await hub.get("/api/v1/work", hub.owner)).json["work"]
        await hub.get(f"/api/v1/work/{piece['id']}", hub.owner, "DELETE")
        told = await waiting
        assert (told.status, told.json["kind"]) == (409, "stopped")


async def test_a_change_that_reads_without_something_is_read_by_anybody(tmp_path: Path) -> None:
    async with slow_hub(tmp_path) as (hub, _):
        assert (await hub.get("/listed")).status == 200
        assert (await hub.get("/listed?recheck=false")).status == 200
        assert (await hub.get("/listed?recheck=true", hub.owner)).status == 405
        assert (await hub.post("/listed", {"recheck": True})).status == 401
        assert (await hub.post("/listed", {"recheck": True}, hub.owner)).status == 200


async def test_a_hub_that_ends_lets_go_of_everything(tmp_path: Path) -> None:
    async with slow_hub(tmp_path) as (hub, slow):
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        writer.write(b"GET /api/v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        assert b" 200 " in await reader.readline()
        begun = await hub.get("/slow", {"prefer": "respond-async"})
        assert begun.status == 202
        await eventually_async(lambda: _is(slow.begun == 1))
        await hub.answering.close()
        await eventually_async(lambda: _is(slow.ended == 1))
        await asyncio.wait_for(reader.read(), 20)
        writer.close()
        await eventually_async(lambda: _is(not hub.hub.bus.heard))


async def test_every_answer_tells_browsers_to_guess_nothing(tmp_path: Path) -> None:
    async with asking(tmp_path) as hub:
        for path in ("/health", "/metrics", "/api/v1/series", "/nothing", "/badge.svg", "/api/v1/nothing"):
            told = await hub.get(path)
            assert told.headers["x-content-type-options"] == "nosniff", path
            assert told.headers["referrer-policy"] == "no-referrer"


async def test_heads_are_answered_as_gets_without_their_bodies(tmp_path: Path) -> None:
    async with asking(tmp_path) as hub:
        told = await hub.get("/api/v1/runs", method="HEAD")
        assert (told.status, told.body, told.headers["x-keepwell-exit-code"]) == (200, b"", "0")
