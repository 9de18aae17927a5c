"""How the API answers: JSON documents, errors of a stable kind and a fitting status, headers that all have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from keepwell.app.hub.gatehouse import KINDS, refusal

JSON = "application/json"
#: What every answer tells whoever is between: keep nothing. What browsers are told else, all answers of the hub have.
HEADERS: Mapping[str, str] = {"cache-control": "no-store"}
#: The header that holds what a command would have left with.
EXIT_CODE = "x-keepwell-exit-code"
#: HTTP statuses by an error's kind: those of operations; those of the API itself stand in the gatehouse.
STATUSES: Mapping[str, int] = {
    "configuration": 400,
    "not-there": 404,
    "refused": 409,
    "stopped": 409,
    "damaged": 500,
    "fault": 500,
    "access": 502,
    "engine": 502,
    "not-permitted": 502,
    "too-large": 502,
    "unreachable": 502,
    "timed-out": 504,
    **{kind: status for status, kind in KINDS.items()},
}


def give(document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] = HEADERS) -> Response:
    """A JSON document."""
    return Response(msgspec.json.encode(document), status_code=status, media_type=JSON, headers=dict(headers))


def give_document(document: Mapping[str, Any]) -> Response:
    """An operation's answer, or its error by the status of its kind; with the exit code in a header."""
    status = 200
    if document.get("schema") == "keepwell.error/1":
        status = STATUSES.get(str(document.get("kind")), 500)
    return give(document, status, {**HEADERS, EXIT_CODE: str(document.get("exit_code", 0))})


def refuse(status: int, why: str, hint: str = "", **headers: str) -> Response:
    """An answer that says no."""
    answer = refusal(status, why, hint)
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    answer.headers.update({**HEADERS, **told})
    return answer


def dress(answer: Response) -> Response:
    """The same answer with the headers that every one has."""
    answer.headers.update(HEADERS)
    return answer
