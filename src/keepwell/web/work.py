"""Operations for pages: read within a moment, or begin and show how it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from keepwell.app.arguments import take_arguments
from keepwell.app.hub.work import Piece
from keepwell.app.operation import Operation
from keepwell.app.table import operations
from keepwell.core.errors import ConfigurationError, KeepwellError, TimedOut
from keepwell.web.page import Visit

#: The face by which parameters are hidden.
FACE = "web"
#: Seconds for a page to be made.
PAGE_SECONDS = 30.0


def find_operation(name: str) -> Operation | None:
    """The operation of this name; None where there is none."""
    return next((one for one in operations("cli") if one.name == name), None)


def begin(visit: Visit, name: str, given: Mapping[str, Any]) -> Piece:
    """Start an operation for the visitor. Raises AccessError without the right, ConfigurationError for arguments."""
    operation = find_operation(name)
    if operation is None:
        raise ConfigurationError(f"there is no operation {name!r}")
    return visit.house.work.begin(operation, take_arguments(operation, FACE, given), visit.visitor, face=FACE)


async def read(visit: Visit, name: str, given: Mapping[str, Any], *, seconds: float = PAGE_SECONDS) -> dict[str, Any]:
    """The document of an operation that is done soon. Raises what it raised as KeepwellError, and TimedOut."""
    piece = begin(visit, name, given)
    try:
        async with asyncio.timeout(seconds):
            await piece.over.wait()
    except TimeoutError:
        visit.house.work.stop(piece)
        hint = f"in a terminal: keepwell {name}"
        raise TimedOut(f"{name} was not done within {seconds:g} s", hint=hint) from None
    if piece.stage != "done":
        raise find_error(piece)
    return piece.document


def find_error(piece: Piece) -> KeepwellError:
    """Why a piece of work did not end well."""
    told = piece.document
    if not told:
        return KeepwellError(f"{piece.operation} was stopped")
    kinds = {one.kind: one for one in KeepwellError.__subclasses__()}
    kind = kinds.get(told["kind"], KeepwellError)
    return kind(told["error"], where=told["where"], command=told["command"], hint=told["next"])


def go(path: str) -> Response:
    """To a page of ours, by GET."""
    return RedirectResponse(path, status_code=303)


def go_work(piece: Piece, then: str = "") -> Response:
    """To the page that shows how this goes; it leads to `then`, a path of ours, when it is done."""
    return go(f"/work/{piece.id}" + f"?then={quote(then)}" * bool(then))
