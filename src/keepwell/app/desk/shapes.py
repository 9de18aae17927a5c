"""Files and batches as OpenAI's API tells them, and its errors. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keepwell.store.desk import ENDED, DeskBatch, DeskFile, Fault

#: What may be asked of every line of a batch: each is a path that engines answer whole.
ENDPOINTS = (
    *("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/rerank"),
    *("/v1/messages", "/v1/moderations"),
)
#: Pairs of metadata, characters of a name and of a value: OpenAI's own limits.
PAIRS, NAME_CHARACTERS, VALUE_CHARACTERS = 16, 64, 512
#: Seconds of the shortest and longest completion window.
SHORTEST_SECONDS, LONGEST_SECONDS = 60, 30 * 86400
_WINDOW = re.compile(r"(\d{1,6})([smhd])")
_UNITS: Mapping[str, int] = {"s": 1, "m": 60, "h": 3600, "d": 86400}
#: In which order the moments of a batch are told.
_MOMENTS = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


class Refusal(Exception):
    """What is asked cannot be done; told in OpenAI's shape."""

    def __init__(self, status: int, message: str, *, param: str = "", code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A batch as a client asks for it. `seconds` is its window."""

    input_file_id: str
    endpoint: str
    window: str
    seconds: int
    metadata: Mapping[str, str]


def parse_wish(asked: object) -> Wish:
    """Of a request's JSON. Raises Refusal that names what is wrong."""
    if not isinstance(asked, dict):
        raise Refusal(400, "the body is a JSON object")
    found = {name: asked.get(name) for name in ("input_file_id", "endpoint", "completion_window")}
    for name, value in found.items():
        if not isinstance(value, str) or not value:
            raise Refusal(400, f"{name} has to be given, as text", param=name)
    endpoint, window = str(found["endpoint"]), str(found["completion_window"])
    if endpoint not in ENDPOINTS:
        raise Refusal(400, f"endpoint is one of {', '.join(ENDPOINTS)}", param="endpoint")
    return Wish(
        input_file_id=str(found["input_file_id"]),
        endpoint=endpoint,
        window=window,
        seconds=_parse_window(window),
        metadata=_parse_metadata(asked.get("metadata")),
    )


def render_error(refusal: Refusal) -> dict[str, Any]:
    """The body of an answer that refuses."""
    kind = {True: "server_error", False: "invalid_request_error"}[refusal.status >= 500]
    said = {"message": str(refusal), "type": kind, "param": refusal.param or None, "code": refusal.code or None}
    return {"error": said}


def render_file(found: DeskFile) -> dict[str, Any]:
    """A file."""
    return {
        "id": found.id,
        "object": "file",
        "bytes": found.size,
        "created_at": found.made_at,
        "expires_at": found.expires_at or None,
        "filename": found.name,
        "purpose": found.purpose,
        "status": "processed",
    }


def render_batch(found: DeskBatch) -> dict[str, Any]:
    """A batch."""
    moments = {f"{name}_at": found.times.get(name) for name in _MOMENTS}
    return {
        "id": found.id,
        "object": "batch",
        "endpoint": found.endpoint,
        "errors": _render_faults(found.errors),
        "input_file_id": found.input_file_id,
        "completion_window": found.window,
        "status": found.status,
        **_render_results(found),
        "created_at": found.created_at,
        "expires_at": found.expires_at,
        **moments,
        "request_counts": {"total": found.total, "completed": found.completed, "failed": found.failed},
        "metadata": dict(found.metadata) or None,
    }


def render_page(rows: Sequence[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    """A list, or the part of one that was asked for."""
    ids = [one["id"] for one in rows] or [None]
    return {"object": "list", "data": rows, "first_id": ids[0], "last_id": ids[-1], "has_more": more}


def parse_expiry(anchor: object, seconds: object) -> int:
    """Seconds for which a file is kept, 0 for until it is deleted. Raises Refusal."""
    if not anchor and not seconds:
        return 0
    text = str(seconds)
    if anchor != "created_at" or not text.isascii() or not text.isdecimal() or not 3600 <= int(text[:9]) <= 2592000:
        message = "expires_after has the anchor created_at and between 3600 and 2592000 seconds"
        raise Refusal(400, message, param="expires_after")
    return int(text)


def _render_results(found: DeskBatch) -> dict[str, str | None]:
    """The files of what came of it, once they are there."""
    if found.status not in ENDED:
        return {"output_file_id": None, "error_file_id": None}
    return {"output_file_id": found.output_file_id or None, "error_file_id": found.error_file_id or None}


def _render_faults(faults: Sequence[Fault]) -> dict[str, Any] | None:
    if not faults:
        return None
    rows = [{"code": one.code, "message": one.message, "param": None, "line": one.line or None} for one in faults]
    return {"object": "list", "data": rows}


def _parse_window(window: str) -> int:
    found = _WINDOW.fullmatch(window)
    seconds = 0
    if found is not None:
        seconds = int(found[1]) * _UNITS[found[2]]
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        message = f"completion_window is a time such as 24h, between 60s and 30d, not {window[:20]!r}"
        raise Refusal(400, message, param="completion_window")
    return seconds


def _parse_metadata(asked: object) -> Mapping[str, str]:
    if asked is None:
        return {}
    if not isinstance(asked, dict) or len(asked) > PAIRS:
        raise Refusal(400, f"metadata is an object of at most {PAIRS} texts", param="metadata")
    for name, value in asked.items():
        if not isinstance(value, str) or len(name) > NAME_CHARACTERS or len(value) > VALUE_CHARACTERS:
            message = f"metadata has names of {NAME_CHARACTERS} characters and texts of {VALUE_CHARACTERS} at most"
            raise Refusal(400, message, param="metadata")
    return dict(asked)
