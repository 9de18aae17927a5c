"""What a request asks for: its query or its JSON body as arguments, and how long it waits. Bounded."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, get_args, get_origin

import msgspec
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response

from keepwell.api.answers import refuse
from keepwell.app.arguments import public_name
from keepwell.app.operation import Operation
from keepwell.app.rights import FACE

#: Bytes of a body: a long log to diagnose, as `text`, fits.
BODY_BYTES = 1024 * 1024
#: Seconds for a body.
BODY_SECONDS = 30.0
#: Of a body that is too long, bytes and seconds for which it is read on: who still sends would see a connection that
#: was closed, not the answer.
HEARD_BYTES, HEARD_SECONDS = 8 * BODY_BYTES, 1.0
#: Seconds for which an answer is waited for before the work is told of instead.
WAIT_SECONDS = 30.0
_TOO_LARGE = f"a body has at most {BODY_BYTES} bytes"


async def read_arguments(request: Request, operation: Operation) -> Mapping[str, Any] | Response:
    """The arguments as they were given: of POST the JSON object in the body, else the query."""
    if request.method != "POST":
        return read_query(request.query_params, operation)
    if request.query_params:
        return refuse(400, "arguments of a POST stand in its body, as a JSON object")
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        hint = "send the header content-type: application/json"
        return refuse(415, f"a body is application/json, not {kind[:80]!r}", hint)
    body = await _read_body(request)
    if isinstance(body, Response):
        return body
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        return refuse(400, f"the body is no JSON object: {error}")


def read_query(query: QueryParams, operation: Operation) -> Mapping[str, Any] | Response:
    """Names with their values: of lists all that were given, of others the one. An empty value of a number or a truth
    is as good as none.
    """
    lists = {public_name(one.name) for one in operation.parameters(FACE) if takes_several(one.type)}
    texts = {public_name(one.name) for one in operation.parameters(FACE) if one.type is str}
    given: dict[str, Any] = {}
    for name in dict.fromkeys(query.keys()):
        values = query.getlist(name)
        if name in lists:
            given[name] = values
        elif len(values) > 1:
            return refuse(400, f"{name[:80]} was given {len(values)} times, and takes one value")
        elif values[0] or name in texts:
            given[name] = values[0]
    return given


def takes_several(kind: Any) -> bool:
    """True for a parameter that is a list."""
    return get_origin(kind) is list or any(get_origin(one) is list for one in get_args(kind))


def read_wait(headers: Headers) -> float:
    """Seconds that whoever asks waits for the answer: `Prefer: respond-async` is 0, `Prefer: wait=5` is 5."""
    words = [one.strip().lower() for one in headers.get("prefer", "").split(",")]
    if "respond-async" in words:
        return 0.0
    told = next((one.removeprefix("wait=") for one in words if one.startswith("wait=")), "")
    if told.isdecimal() and len(told) < 6:
        return min(float(told), WAIT_SECONDS)
    return WAIT_SECONDS


async def _read_body(request: Request) -> bytes | Response:
    """The body, or why not: one that is too long is read a little further, so that its sender hears of it."""
    body = bytearray()
    pieces = request.stream()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in pieces:
                body += piece
                if len(body) > BODY_BYTES:
                    await _hear_out(pieces)
                    return refuse(413, _TOO_LARGE, connection="close")
    except TimeoutError:
        return refuse(408, f"the body did not come within {BODY_SECONDS:g} s", connection="close")
    return bytes(body)


async def _hear_out(pieces: AsyncIterator[bytes]) -> None:
    """Read on for a moment, and keep nothing of it."""
    heard = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HEARD_SECONDS):
            async for piece in pieces:
                heard += len(piece)
                if heard > HEARD_BYTES:
                    return
