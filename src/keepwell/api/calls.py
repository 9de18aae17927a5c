"""One operation asked for by HTTP: who asks, what with, may it be; then the answer, or where to ask for it later."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from keepwell.api.answers import HEADERS, dress, give, give_document, refuse
from keepwell.api.reading import read_arguments, read_wait
from keepwell.app.arguments import take_arguments
from keepwell.app.hub.house import House
from keepwell.app.hub.visitor import Visitor
from keepwell.app.hub.work import Piece
from keepwell.app.operation import Operation
from keepwell.app.plain import error_document
from keepwell.app.rights import FACE, does_change, may_read
from keepwell.core.errors import AccessError, ConfigurationError, KeepwellError, NotPermitted

#: Where the API begins.
ROOT = "/api/v1"
#: What a browser says of a request that another site's page made.
ELSEWHERE = "cross-site"
#: Seconds after which who found all hands busy may try again.
AGAIN_SECONDS = 5

Answer: TypeAlias = Callable[[Request], Awaitable[Response]]


def path_of(operation: Operation) -> str:
    """Where an operation answers: `/api/v1/alerts/list` for "alerts list"."""
    return f"{ROOT}/{operation.name.replace(' ', '/')}"


def methods_of(operation: Operation) -> tuple[str, ...]:
    """GET for what only reads, POST for everything."""
    return ("GET", "POST")[not may_read(operation) :]


def make_call(house: House, operation: Operation) -> Answer:
    """What answers at the operation's path, for every method."""

    async def call(request: Request) -> Response:
        visitor = admit(house, request)
        if isinstance(visitor, Response):
            return visitor
        allowed = methods_of(operation)
        if request.method.replace("HEAD", "GET") not in allowed:
            return refuse(405, f"{operation.name} takes {' or '.join(allowed)}", allow=", ".join(allowed))
        given = await read_arguments(request, operation)
        if isinstance(given, Response):
            return given
        piece = begin(house, operation, given, visitor, reads=request.method != "POST")
        if isinstance(piece, Response):
            return piece
        return await _wait(house, request, piece, stops=may_read(operation))

    return call


def admit(house: House, request: Request) -> Visitor | Response:
    """Who asks, or the answer to who may not; pages of other sites are not let in even to look."""
    visitor = house.gatehouse.admit(request)
    if isinstance(visitor, Response):
        return dress(visitor)
    if request.headers.get("sec-fetch-site", "").lower() == ELSEWHERE:
        return refuse(403, "web pages of other places may not ask the hub")
    return visitor


def begin(
    house: House, operation: Operation, given: Mapping[str, Any], visitor: Visitor, *, reads: bool = False
) -> Piece | Response:
    """Start it, or say why not. `reads`: it was asked for by a method that changes nothing."""
    try:
        arguments = take_arguments(operation, FACE, given)
        if reads and does_change(operation, arguments):
            return refuse(405, f"{operation.name} takes POST with these arguments", allow="GET, POST")
        return house.work.begin(operation, arguments, visitor, face=FACE)
    except ConfigurationError as error:
        return refuse(400, str(error.what), error.hint)
    except NotPermitted as error:
        return refuse({"local": 401}.get(visitor.known_by, 403), error.what, error.hint)
    except AccessError as error:
        return refuse(503, error.what, error.hint, retry_after=str(AGAIN_SECONDS))
    except KeepwellError as error:
        return give_document(error_document(error))


def give_piece(piece: Piece) -> Response:
    """The answer of work that is over."""
    if piece.stage == "stopped":
        rows = {"schema": "keepwell.error/1", "exit_code": 3, "kind": "stopped", "error": "it was stopped"}
        return give_document({**rows, "where": piece.operation, "command": "", "next": ""})
    return give_document(piece.document)


def give_place(piece: Piece) -> Response:
    """Where to ask for the answer of work that goes on."""
    place = f"{ROOT}/work/{piece.id}"
    headers = {**HEADERS, "location": place, "retry-after": "1"}
    return give(describe(piece), 202, headers)


def describe(piece: Piece) -> dict[str, Any]:
    """Work as it stands, with its answer once there is one."""
    row = {"schema": "keepwell.work/1", "exit_code": 0, **piece.describe()}
    return {**row, "place": f"{ROOT}/work/{piece.id}", "answer": piece.document or None}


async def _wait(house: House, request: Request, piece: Piece, *, stops: bool) -> Response:
    """The answer if it comes in time. What only reads is stopped when who asked has gone."""
    over = asyncio.ensure_future(piece.over.wait())
    gone = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait((over, gone), timeout=read_wait(request.headers), return_when=asyncio.FIRST_COMPLETED)
        if piece.over.is_set():
            return give_piece(piece)
        if gone.done() and stops:
            house.work.stop(piece)
        return give_place(piece)
    finally:
        for one in (over, gone):
            one.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await one


async def _until_gone(request: Request) -> None:
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return
