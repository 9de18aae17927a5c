"""Requests and answers that are nearly right: recorded ones with something changed, cut, doubled or made nonsense."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random
from typing import Any

#: Values that no reader expects where they stand.
STRANGE: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    10**400,
    1e308,
    0.5,
    "",
    "x" * 3000,
    "\ud800",
    "data: \n\n",
    [],
    {},
    [[]],
    [None],
    {"a": None},
    {"type": "text"},
    {"type": "function"},
    {"type": "image_url", "image_url": 7},
)
#: Nested so deep that a careless reader runs out of stack.
DEPTH = 3000
PIECES = (b"\xff\xfe", b"\x00", b"\n\n", b"data: ", b"data: [DONE]\n\n", b"null", b"{", b"]", b'"', b"\\ud800", b"\r")


def mutate(random: Random, body: bytes, others: Sequence[bytes]) -> bytes:
    """This body with one to three changes, by JSON values or by bytes."""
    for _ in range(random.randint(1, 3)):
        body = random.choice(_CHANGES)(random, body, others)
    return body


def cut(random: Random, body: bytes) -> list[bytes]:
    """The body in some pieces."""
    places = sorted({0, len(body), *(random.randint(0, len(body)) for _ in range(random.randint(0, 6)))})
    return [body[at:to] for at, to in pairwise(places)]


def _change_value(random: Random, body: bytes, others: Sequence[bytes]) -> bytes:
    """A value of the JSON, or of one line of JSON, becomes a strange one, or its key goes."""
    lines = body.split(b"\n")
    place = random.randrange(len(lines))
    line = lines[place]
    mark = b"data: " if line.startswith(b"data: ") else b""
    try:
        found: Any = json.loads(line[len(mark) :])
    except (ValueError, RecursionError):
        return _change_bytes(random, body, others)
    nodes: list[tuple[Any, Any]] = []
    _collect(found, nodes)
    if not nodes:
        return _change_bytes(random, body, others)
    parent, key = random.choice(nodes)
    if random.random() < 0.2:
        del parent[key]
    else:
        parent[key] = random.choice(STRANGE)
    try:
        lines[place] = mark + json.dumps(found).encode()
    except (ValueError, RecursionError):
        return body
    return b"\n".join(lines)


def _collect(value: Any, nodes: list[tuple[Any, Any]]) -> None:
    keys: Sequence[Any] = ()
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = range(len(value))
    for key in keys:
        nodes.append((value, key))
        _collect(value[key], nodes)


def _change_bytes(random: Random, body: bytes, others: Sequence[bytes]) -> bytes:
    if not body:
        return random.choice(PIECES)
    at = random.randrange(len(body))
    to = min(len(body), at + random.randint(1, 30))
    return random.choice(
        (
            body[:at] + bytes([random.randrange(256)]) + body[at + 1 :],
            body[:at] + body[to:],
            body[:to] + body[at:],
            body[:at],
            body[:at] + random.choice(PIECES) + body[at:],
        )
    )


def _splice(random: Random, body: bytes, others: Sequence[bytes]) -> bytes:
    other = random.choice(others)
    return body[: random.randint(0, len(body))] + other[random.randint(0, len(other)) :]


def _nest(random: Random, body: bytes, others: Sequence[bytes]) -> bytes:
    if random.random() < 0.9:
        return _change_value(random, body, others)
    deep = b"[" * DEPTH + b"]" * DEPTH
    at = body.find(b":", random.randint(0, len(body)))
    return body[: at + 1] + deep + b"," + body[at + 1 :]


_CHANGES: tuple[Callable[[Random, bytes, Sequence[bytes]], bytes], ...] = (
    _change_value,
    _change_value,
    _change_value,
    _change_bytes,
    _splice,
    _nest,
)
