"""The contract of an engine that can be timed: one request for tokens, with the engine's own counts and durations.

What an engine does not tell stays Missing; the wall clock is told always. Nothing here judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import msgspec

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Value, absent, failed, unknown
from keepwell.plugins.ask import Fields, error_text, parse_fields
from keepwell.plugins.place import Site
from keepwell.transport.base import Transport

#: Why a duration is missing where an engine tells none.
UNTOLD = unknown("this engine does not tell it")
#: Bytes of an answer of a few dozen tokens; an engine that also lists the prompt's tokens writes some 10 KB.
ANSWER_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One request: the model's name as the engine lists it, the prompt as it is, how many tokens at most, and
    after how many seconds to give up. Sends no option that an engine reloads a model for.
    """

    model: str
    prompt: str
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """What one request gave.

    `seconds` is the wall clock of the whole exchange; everything else is the engine's own word. `input_tokens`
    are those that were computed, without those that came from a cache. `output_seconds` covers `timed_tokens`
    tokens: some engines do not count the first. `queue_seconds` is how long the request waited for its turn.
    """

    seconds: float
    output_tokens: int
    input_tokens: int | Missing = UNTOLD
    timed_tokens: int = 0
    load_seconds: float | Missing = UNTOLD
    input_seconds: float | Missing = UNTOLD
    output_seconds: float | Missing = UNTOLD
    queue_seconds: float | Missing = UNTOLD


@runtime_checkable
class TimesGeneration(Protocol):
    """An engine that can be asked for tokens in its own way, and tells how long its parts took."""

    async def time_generation(self, site: Site, transport: Transport, wanted: Wanted) -> Timed | Missing:
        """One request, not streamed. Missing says in the engine's words why there is no answer. Loads the model."""
        ...


def row_of_timed(kind: str, one: Timed) -> dict[str, Value]:
    """A row of engine.speed; what is Missing is left out."""
    told: dict[str, int | float | Missing] = {
        "seconds": one.seconds,
        "output_tokens": one.output_tokens,
        "input_tokens": one.input_tokens,
        "timed_tokens": one.timed_tokens or one.output_tokens,
        "load_seconds": one.load_seconds,
        "input_seconds": one.input_seconds,
        "output_seconds": one.output_seconds,
        "queue_seconds": one.queue_seconds,
    }
    row: dict[str, Value] = {"kind": kind}
    for name, value in told.items():
        if not isinstance(value, Missing):
            row[name] = round(value, 6)
    return row


async def post_timed(
    transport: Transport, site: Site, path: str, asked: Mapping[str, object], *, seconds: float, host: str = ""
) -> tuple[Fields, float] | Missing:
    """POST a JSON mapping and read the mapping that comes back, with the wall clock; Missing says what came instead.

    A 404 or 405 is Missing(absent): this server has no such path, or no such model.
    """
    url = f"{site.url}{path}"
    headers = {"Content-Type": "application/json"}
    if site.api_key:
        headers["Authorization"] = f"Bearer {site.api_key}"
    if host:
        headers["Host"] = host
    body = msgspec.json.encode(asked)
    try:
        reply = await transport.http(
            "POST", url, headers=headers, body=body, timeout_seconds=seconds, max_bytes=ANSWER_BYTES
        )
    except AccessError as error:
        return failed(error)
    if reply.status in (404, 405):
        return absent(f"POST {url} answered {reply.status}: {error_text(reply)}")
    if reply.status != 200:
        return failed(f"POST {url} answered {reply.status}: {error_text(reply)}")
    found = parse_fields(reply.body)
    if isinstance(found, Missing):
        return found
    if "error" in found.data:
        return failed(f"POST {url} answered: {error_text(reply)}")
    return found, reply.seconds


def seconds_of(fields: Fields, name: str, per_second: float) -> float | Missing:
    """A duration that an engine tells in parts of a second (1e9 for nanoseconds); Missing where it tells none."""
    value = fields.data.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return UNTOLD
    return value / per_second
