"""What a model's answer consists of, whatever the wire format it comes in: events, the same streamed and whole.

An answer is `Begun`, then any of the others, then one `Finished` a choice and at most one `Counted`, in any order,
then `Ended`; or it breaks off in `Failed`. An answer with vectors is `Begun`, `Vectors`, `Counted`, `Ended`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

#: Why an answer is over: the model was done (or met a stop text), no room was left, it calls tools, it was held back.
Reason: TypeAlias = Literal["stop", "length", "tools", "filter"]


class Begun(msgspec.Struct, frozen=True):
    """The engine answers; what it says of itself, "" and 0 where it does not tell. `created` is in epoch seconds."""

    model: str = ""
    id: str = ""
    created: float = 0.0


class Text(msgspec.Struct, frozen=True):
    """A piece of the answer."""

    text: str
    choice: int = 0


class Reasoning(msgspec.Struct, frozen=True):
    """A piece of what the model thought before it answered."""

    text: str
    choice: int = 0


class CallPiece(msgspec.Struct, frozen=True):
    """A piece of a tool call: `index` counts an answer's calls from 0; `id` and `name` come with its first piece,
    `arguments` is a piece of JSON text.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    choice: int = 0


class TokenOdds(msgspec.Struct, frozen=True):
    """A token with the natural logarithm of its probability, and the alternatives that were told."""

    token: str
    logprob: float
    alternatives: tuple[tuple[str, float], ...] = ()


class Odds(msgspec.Struct, frozen=True):
    """How likely the tokens of the text before were."""

    tokens: tuple[TokenOdds, ...]
    choice: int = 0


class Counted(msgspec.Struct, frozen=True):
    """Tokens as the engine counted them, and what it measured in nanoseconds; -1 where it did not tell."""

    input_tokens: int = -1
    output_tokens: int = -1
    cached_tokens: int = -1
    reasoning_tokens: int = -1
    total_ns: int = -1
    load_ns: int = -1
    input_ns: int = -1
    output_ns: int = -1


class Finished(msgspec.Struct, frozen=True):
    """A choice is over. `said` is the format's own word where it has one of its own ("load", "stop_sequence")."""

    reason: Reason = "stop"
    choice: int = 0
    said: str = ""


class Vectors(msgspec.Struct, frozen=True):
    """Embeddings, one a text, in order."""

    vectors: tuple[tuple[float, ...], ...]


class Failed(msgspec.Struct, frozen=True):
    """The answer broke off, or is an error: a sentence, and the HTTP status where one is told (0: none)."""

    message: str
    status: int = 0


class Ended(msgspec.Struct, frozen=True):
    """The whole answer is there."""


Event: TypeAlias = Begun | Text | Reasoning | CallPiece | Odds | Counted | Finished | Vectors | Failed | Ended
Events: TypeAlias = Sequence[Event]
