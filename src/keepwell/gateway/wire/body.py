"""A look at a request's body: its model, whether it streams, what keeps it together. The rest is never decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec


class StreamOptions(msgspec.Struct):
    """What a client asked of a stream."""

    include_usage: bool = False


class Peek(msgspec.Struct):
    """The few keys that the gateway reads; unknown ones are skipped, the whole must be a JSON object."""

    model: str = ""
    name: str = ""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    prompt_cache_key: str = ""
    user: msgspec.Raw = msgspec.Raw()
    messages: msgspec.Raw = msgspec.Raw()
    prompt: msgspec.Raw = msgspec.Raw()


class Reading(NamedTuple):
    """How bodies of one kind are read: a look at them, and the body with another model's name in it.

    Both raise msgspec.DecodeError for what is none of that kind.
    """

    peek: Callable[[bytes], Peek]
    rename: Callable[[bytes, str], bytes]


#: Raises msgspec.DecodeError for what is no JSON object, or has one of the keys with another type.
peek = msgspec.json.Decoder(Peek).decode


def rename_model(body: bytes, model: str) -> bytes:
    """The body with another model name; everything else stays as the client wrote it."""
    fields: dict[str, msgspec.Raw] = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    key = {True: "model", False: "name"}["model" in fields or "name" not in fields]
    fields[key] = msgspec.Raw(msgspec.json.encode(model))
    return msgspec.json.encode(fields)


def keep_body(body: bytes, model: str) -> bytes:
    """The body itself: there is no model in it."""
    return body


#: How bodies are read that are JSON objects, as nearly all are.
JSON_BODY = Reading(peek, rename_model)
