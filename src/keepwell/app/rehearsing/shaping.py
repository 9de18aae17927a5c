"""A request as it is played: for one route, at temperature 0 with a fixed seed, streamed, not too long. Pure.

Only what has to be is changed in the client's own body; everything else goes as the client wrote it, so that what the
other route cannot say shows.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import structs

from keepwell.app.rehearsing.given import SEED, Given
from keepwell.plugins.asked import Asked
from keepwell.plugins.codec import Codec, Unreadable

#: Tokens of an answer at most: enough to see how it begins and how fast it comes.
TOKENS = 256
_ABSENT = object()


def shape(given: Given, codec: Codec, model: str) -> bytes:
    """The body for this route. Raises Unreadable for one that its own format cannot mean."""
    asked = codec.read_request(msgspec.json.encode({**given.body, "model": model}))
    if asked.kind != "embed" and not (asked.messages or asked.prompts or asked.prompt_tokens):
        raise Unreadable("it asks for nothing")
    before = _write(codec, asked)
    after = _write(codec, _settle(asked))
    return msgspec.json.encode(carry({**given.body, "model": model}, before, after))


def carry(body: Mapping[str, object], before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    """The body with what changed from `before` to `after`, in its mappings too; nothing else is touched."""
    made = dict(body)
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if old == new:
            continue
        if new is _ABSENT:
            made.pop(name, None)
        elif isinstance(new, dict):
            made[name] = carry(_mapping(made.get(name)), _mapping(old), new)
        else:
            made[name] = new
    return made


def _settle(asked: Asked) -> Asked:
    if asked.kind == "embed":
        return asked
    tokens = min(asked.max_tokens or TOKENS, TOKENS)
    if asked.max_tokens is not None and asked.max_tokens < 0:
        tokens = TOKENS
    return structs.replace(asked, temperature=0.0, seed=SEED, stream=True, counts=True, max_tokens=tokens, choices=1)


def _write(codec: Codec, asked: Asked) -> dict[str, object]:
    return msgspec.json.decode(codec.write_request(asked), type=dict[str, object])


def _mapping(value: object) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    return {}
