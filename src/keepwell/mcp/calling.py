"""Lets operations be done for an assistant: arguments as they came, progress told, answers bounded."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp.server.session import ServerSession

from keepwell.app.arguments import take_arguments
from keepwell.app.hub.bus import Bus
from keepwell.app.hub.work import Piece, Work
from keepwell.app.operation import Operation
from keepwell.app.plain import error_document
from keepwell.core.errors import ConfigurationError, KeepwellError, NotPermitted, NotThere, TooLarge
from keepwell.mcp.asker import Asker
from keepwell.mcp.offering import FACE, REASON, list_offers, make_asking

#: Bytes of an answer: an assistant cannot read more, and its program need not.
ANSWER_BYTES = 512 * 1024
#: Characters of the reason that an assistant gives.
REASON_CHARACTERS = 2000
ERROR_SCHEMA = "keepwell.error/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where operations are done, and where their progress is told."""

    work: Work
    bus: Bus


async def call_tool(
    bench: Bench, asker: Asker, name: str, given: Mapping[str, Any], session: ServerSession
) -> dict[str, Any]:
    """The document of the operation, or its error's; nothing is raised but what cancels it."""
    try:
        offers = list_offers(may_propose=asker.may_propose, heavy=asker.heavy)
        if name not in offers:
            raise NotThere(f"there is no tool {name[:60]!r}", hint=_near(name, list(offers)))
        offer, told, reason = offers[name], dict(given), ""
        operation = offer.operation
        if offer.asks:
            reason = _take_reason(told)
            operation = make_asking(operation, asker, reason)
        arguments = take_arguments(operation, FACE, told)
        return await do(bench, operation, arguments, asker, session)
    except NotPermitted as error:
        hint = f"no assistant may; a person types: keepwell {name.replace('_', ' ')} --help"
        return error_document(NotPermitted(error.what.replace(", which this key may not", ""), hint=hint))
    except KeepwellError as error:
        return error_document(error)


async def do(
    bench: Bench, operation: Operation, arguments: Mapping[str, Any], asker: Asker, session: ServerSession
) -> dict[str, Any]:
    """Its document, or its error's. Raises NotPermitted, ConfigurationError, AccessError where it is not even begun;
    who goes away stops it.
    """
    with bench.bus.listen("work") as listener:
        piece = bench.work.begin(operation, arguments, asker.visitor, face=FACE)
        try:
            while not piece.over.is_set():
                over = asyncio.ensure_future(piece.over.wait())
                heard = asyncio.ensure_future(listener.next())
                try:
                    await asyncio.wait((over, heard), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    over.cancel()
                    heard.cancel()
                await _tell(piece, session)
        finally:  # called off, or its client cannot be told of it any more
            bench.work.stop(piece)
    if piece.stage == "stopped":
        raise KeepwellError(f"{operation.name} was stopped", hint="call it again")
    return piece.document


def render_answer(document: Mapping[str, Any]) -> tuple[str, bool]:
    """The document as JSON, and whether it is an error. In ASCII: marks that turn or hide text are seen.

    One that is too long is an error that says so.
    """
    text = json.dumps(document, separators=(",", ":"))
    if len(text) > ANSWER_BYTES:
        too_large = TooLarge(f"the answer has {len(text)} bytes", hint="narrow it by the tool's parameters")
        return json.dumps(error_document(too_large)), True
    return text, document.get("schema") == ERROR_SCHEMA


async def _tell(piece: Piece, session: ServerSession) -> None:
    """How far it is; a client that did not ask for that hears nothing, one that has gone costs nothing."""
    with contextlib.suppress(OSError):
        await session.report_progress(float(piece.done), float(piece.total) or None, piece.text or None)


def _take_reason(told: dict[str, Any]) -> str:
    reason = told.pop(REASON, "")
    if not isinstance(reason, str):
        raise ConfigurationError(f"{REASON} takes a sentence")
    return reason[:REASON_CHARACTERS]


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name[:60], known, n=3, cutoff=0.4)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "tools/list names them all"
