"""The API on the hub's port: its paths, and the description of all of them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from keepwell import __version__
from keepwell.api.answers import HEADERS, JSON, give_document, refuse
from keepwell.api.calls import ROOT, admit, make_call, methods_of, path_of
from keepwell.api.events import BEAT_SECONDS, Events
from keepwell.api.pieces import Pieces
from keepwell.api.small import Small
from keepwell.app.hub.house import House
from keepwell.app.rights import FACE
from keepwell.app.table import operations

#: Every method is answered, so that a wrong one gets an error document.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
#: Seconds for the process that writes the description.
WRITE_SECONDS = 60.0
#: Paths that are no operations, as the index lists them.
OTHERS = ("openapi.json", "overview", "series", "points", "work", "events", "homepage")


class Api:
    """The face for programs. `events` are there from the first `routes` on; a stream shows that it lives every
    `beat_seconds`.
    """

    def __init__(self, beat_seconds: float = BEAT_SECONDS) -> None:
        self.events: Events | None = None
        self._beat_seconds = beat_seconds

    def routes(self, house: House) -> Sequence[BaseRoute]:
        """Its paths: one each operation, then its own; what else begins so is not found."""
        events = self.events = Events(house, self._beat_seconds)
        own, pieces, small = _Own(house), Pieces(house), Small(house)
        calls = [_route(path_of(one), make_call(house, one)) for one in operations(FACE)]
        return [
            *calls,
            _route(f"{ROOT}/", own.index),
            _route(ROOT, own.index),
            _route(f"{ROOT}/openapi.json", own.openapi),
            _route(f"{ROOT}/work", pieces.list_them),
            _route(f"{ROOT}/work/{{id}}", pieces.one),
            _route(f"{ROOT}/events", events.answer),
            _route(f"{ROOT}/homepage", small.homepage),
            _route("/badge.svg", small.badge),
            _route("/status", small.status),
            _route(f"{ROOT}/{{rest:path}}", own.nothing),
        ]

    @contextlib.asynccontextmanager
    async def _live(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            if self.events is not None:
                self.events.close()

    def live(self) -> AbstractAsyncContextManager[None]:
        """Lets go of what event streams hold."""
        return self._live()


class _Own:
    """What tells about the API itself."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._written = b""
        self._writing = asyncio.Lock()

    async def index(self, request: Request) -> Response:
        """Every operation with its path, methods and first line."""
        visitor = admit(self._house, request)
        if isinstance(visitor, Response):
            return visitor
        rows = [
            {
                "name": one.name,
                "path": path_of(one),
                "methods": list(methods_of(one)),
                "effect": one.effect,
                "heavy": one.heavy,
                "summary": one.summary,
            }
            for one in operations(FACE)
        ]
        head = {"schema": "keepwell.api/1", "exit_code": 0, "version": __version__, "may_change": visitor.may_change}
        return give_document({**head, "operations": rows, "others": [f"{ROOT}/{one}" for one in OTHERS]})

    async def openapi(self, request: Request) -> Response:
        """The description, written once by a process beside the hub: it loads what the hub does not need."""
        visitor = admit(self._house, request)
        if isinstance(visitor, Response):
            return visitor
        async with self._writing:
            if not self._written:
                self._written = await _write_openapi()
        if not self._written:
            return refuse(503, "the description could not be written", "try again in a moment")
        return Response(self._written, media_type=JSON, headers=dict(HEADERS))

    async def nothing(self, request: Request) -> Response:
        """There is nothing here."""
        visitor = admit(self._house, request)
        if isinstance(visitor, Response):
            return visitor
        return refuse(404, "there is no such path", f"{ROOT}/ lists what there is")


async def _write_openapi() -> bytes:
    """What the process wrote; b"" where it failed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "keepwell.api.openapi", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            written, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return b""
    if process.returncode:
        return b""
    return written


def _route(path: str, endpoint: object) -> Route:
    assert callable(endpoint)
    return Route(path, endpoint, methods=list(METHODS))
