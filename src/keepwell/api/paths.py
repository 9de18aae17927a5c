"""What the API answers besides operations, as OpenAPI tells it. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keepwell.api.calls import ROOT
from keepwell.api.events import TOPICS
from keepwell.api.forms import PLACE


def refer(kind: str, name: str) -> dict[str, str]:
    """A reference to something that is told once."""
    return {"$ref": f"#/components/{kind}/{name}"}


def _get(name: str, summary: str, media: str, form: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = {"description": summary, "content": {media: {"schema": form}}}
    refused = {status: refer("responses", "Error") for status in ("400", "401", "403", "404", "421", "429")}
    return {"operationId": name, "summary": summary, "tags": ["hub"], "responses": {"200": answer, **refused}, **more}


def _query(name: str, form: dict[str, Any], told: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": told, "schema": form}


_TEXT = {"type": "string"}
_OBJECT = {"type": "object"}
_JSON = "application/json"
_WORK = {"$ref": f"{PLACE}api.Work"}
_ID = {"name": "id", "in": "path", "required": True, "schema": _TEXT}
_TOPIC = _query("topic", {"type": "array", "items": {"enum": list(TOPICS)}}, "What to hear of; all if left out.")
_NODE = _query("node", _TEXT, "Only this node.")

#: Paths with what they take and answer.
OTHER_PATHS: Mapping[str, Any] = {
    f"{ROOT}/": {"get": _get("index", "What can be asked.", _JSON, _OBJECT)},
    f"{ROOT}/openapi.json": {"get": _get("openapi", "This description.", _JSON, _OBJECT)},
    f"{ROOT}/work": {"get": _get("list_work", "Work that this key may see.", _JSON, _OBJECT)},
    f"{ROOT}/work/{{id}}": {
        "get": _get("show_work", "Work, and its answer once it is over.", _JSON, _WORK, parameters=[_ID]),
        "delete": {
            "operationId": "stop_work",
            "summary": "Stop work.",
            "tags": ["hub"],
            "parameters": [_ID],
            "responses": {
                "202": refer("responses", "Later"),
                "401": refer("responses", "Error"),
                "404": refer("responses", "Error"),
            },
        },
    },
    f"{ROOT}/events": {"get": _get("events", "What happens.", "text/event-stream", _TEXT, parameters=[_TOPIC])},
    f"{ROOT}/homepage": {"get": _get("homepage", "The fleet in a few numbers.", _JSON, _OBJECT)},
    "/badge.svg": {"get": _get("badge", "How all is, as a picture.", "image/svg+xml", _TEXT, parameters=[_NODE])},
    "/health": {"get": _get("health", "How the hub is.", _JSON, _OBJECT)},
}
