"""Asking a model of an engine, as several probes do: which model, with what request, and who answered before."""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, row_of, rows_of, text_of
from keepwell.plugins.chat import Call, ChatAsk
from keepwell.transport.base import Reply, Streamed, Transport, stream_body

#: Models of one engine that are asked: those in memory; where none is, the smallest one alone.
MODELS = 3
#: States of an engine in which a request would fail or wait for its time limit.
NO_ANSWER = frozenset({"silent", "refused", "asleep", "loading", "failing"})
#: A model that is to stay this much longer stays for ever: Ollama writes a year of its own for that.
FOR_EVER_SECONDS = 10 * 365 * 86_400.0


def why_not_asked(seen: Seen, ref: Ref) -> str:
    """A sentence if a request for words would fail or hang; "" if the engine can be asked."""
    state = text_of(row_of(seen.value(ref, "engine.health")), "state")
    if state in NO_ANSWER:
        return f"the engine is {state}, so no model was asked"
    return ""


def choose_models(seen: Seen, ref: Ref) -> tuple[str, ...]:
    """The models to ask: at most three that are in memory, else the smallest that the engine has; () if none."""
    loaded = [text_of(row, "name") for row in rows_of(seen.value(ref, "engine.loaded"))]
    if loaded:
        return tuple(loaded[:MODELS])
    offered = [row for row in rows_of(seen.value(ref, "engine.models")) if _can_be_asked(row)]
    smallest = sorted(offered, key=_size)[:1]
    return tuple(text_of(row, "name") for row in smallest)


def _can_be_asked(row: Mapping[str, Value]) -> bool:
    status = text_of(row, "status")
    return bool(text_of(row, "name")) and status != "failed" and not status.startswith("remote")


def _size(row: Mapping[str, Value]) -> float:
    """Bytes; a model of unknown size comes last."""
    return find_number(row.get("size_bytes")) or float("inf")


def make_ask(seen: Seen, ref: Ref, model: str, *, tokens: int, now: float, stream: bool = False) -> ChatAsk:
    """A request that leaves context and stay of a loaded model as they are, as far as the engine told them."""
    rows = [row for row in rows_of(seen.value(ref, "engine.loaded")) if text_of(row, "name") == model]
    context, keep = 0.0, 0.0
    for row in rows:
        context = find_number(row.get("context_tokens")) or 0.0
        keep = max(0.0, (find_number(row.get("expires_at")) or now) - now)
    if keep > FOR_EVER_SECONDS:
        keep = -1.0
    return ChatAsk(model=model, tokens=tokens, stream=stream, context_tokens=int(context), keep_seconds=keep)


def answering_model(seen: Seen, ref: Ref) -> str | Missing:
    """The first model that gave words to an earlier probe; Missing with the reason if none did or none was asked."""
    value = seen.value(ref, "engine.answers")
    if isinstance(value, Missing):
        return value
    found = [text_of(row, "model") for row in rows_of(value) if text_of(row, "state") == "answered"]
    if not found:
        return Missing(kind="unknown", reason="no model of this engine answered")
    return found[0]


def key_headers(api_key: str) -> Mapping[str, str]:
    """The headers of a JSON request, with the key where there is one."""
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream, */*"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    return headers


async def send(transport: Transport, url: str, call: Call, *, api_key: str, seconds: float) -> Reply:
    """One request, the whole answer; AccessErrors pass through."""
    return await transport.http(
        call.method, url + call.path, headers=key_headers(api_key), body=call.body, timeout_seconds=seconds
    )


async def send_stream(transport: Transport, url: str, call: Call, *, api_key: str, seconds: float) -> Streamed:
    """One request, the answer with its times; AccessErrors pass through."""
    return await stream_body(
        transport, call.method, url + call.path, headers=key_headers(api_key), body=call.body, timeout_seconds=seconds
    )
