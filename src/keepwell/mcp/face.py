"""/mcp on the hub's port, for assistants that hold a key, or any on this machine while nobody else can reach it.

What answers is loaded with the first request: the SDK takes 34 MiB and half a second, and most hubs are never asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from keepwell.app.hub.gatehouse import refusal
from keepwell.app.hub.house import House
from keepwell.app.hub.visitor import Visitor
from keepwell.config.hub_model import HubEntry
from keepwell.mcp.asker import ASKER, Asker

PATH = "/mcp"


class Mcp:
    """The face. `routes` makes its door new, `live` closes that which was made last."""

    def __init__(self) -> None:
        self._door: _Door | None = None

    def routes(self, house: House) -> Sequence[BaseRoute]:
        """One path."""
        self._door = _Door(house)
        return [Route(PATH, self._door)]

    def live(self) -> AbstractAsyncContextManager[None]:
        """Ends what the first request began."""
        return _close_after(self._door)


class _Door:
    """Says for whom a request is, or sends it away. Whoever asks, nothing but reading is done for them."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._ready: asyncio.Future[ASGIApp] | None = None
        self._serving: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        entry = self._house.hub().wiring.config.hub
        visitor = self._house.gatehouse.admit(request)
        if isinstance(visitor, Visitor):
            scope[ASKER] = make_asker(visitor, entry)
            answer = _refuse(request, entry) or await self._open()
        else:
            answer = visitor
        await answer(scope, receive, send)

    async def close(self) -> None:
        """Answer no more."""
        self._stop.set()
        if self._serving is not None:
            await asyncio.wait((self._serving,))

    async def _open(self) -> ASGIApp:
        """What answers, begun by the first who asks. Raises what kept it from that."""
        if self._ready is None or self._serving is None or self._serving.done():
            self._ready = asyncio.get_running_loop().create_future()
            self._serving = asyncio.create_task(self._serve(self._ready), name="mcp")
        await asyncio.wait((self._ready, self._serving), return_when=asyncio.FIRST_COMPLETED)
        if not self._ready.done():
            await self._serving
        return await self._ready

    async def _serve(self, ready: asyncio.Future[ASGIApp]) -> None:
        module = await asyncio.to_thread(importlib.import_module, "keepwell.mcp.http")
        async with module.open_server(self._house) as server:
            ready.set_result(server)
            await self._stop.wait()


def make_asker(visitor: Visitor, entry: HubEntry) -> Asker:
    """What who asks is offered: changes may be asked for where the owner allows it and by who may; they are made by
    nobody.
    """
    return Asker(
        visitor=Visitor(name=visitor.name, known_by=visitor.known_by),
        may_propose=entry.mcp_allow_change and (visitor.may_change or visitor.may_propose),
        heavy=visitor.may_change,
        name=f"{visitor.name or 'an assistant'} (by the hub)",
    )


def _refuse(request: Request, entry: HubEntry) -> Response | None:
    if not entry.mcp:
        return refusal(404, "assistants are not answered here", "mcp = true in [hub] of keepwell.toml")
    if request.method != "POST":
        answer = refusal(405, "only POST: nothing is told without being asked")
        answer.headers["allow"] = "POST"
        return answer
    return None


@contextlib.asynccontextmanager
async def _close_after(door: _Door | None) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if door is not None:
            await door.close()
