"""The contract of a dialect: a file or folder in `dialects/` that ends in `DIALECT: Dialect`.

A dialect is a wire format that clients and engines speak. The gateway passes bytes through; from a dialect it learns
which paths there are, where a body names its model, how a refusal and a broken stream look to such a client, and
where tokens are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import msgspec

from keepwell.plugins.codec import Codec
from keepwell.plugins.model_facts import NOTHING_KNOWN, ModelFacts

#: What a path is for. "generate" and "embed" go to a replica of the model that the body names, as do "show" and "own"
#: (an engine's own path); "models", "model", "loaded", "version" and "root" are answered over the fleet; "admin"
#: changes an engine, which has to be named; "service" is a path of a plain HTTP service.
Use: TypeAlias = Literal[
    "generate", "embed", "show", "own", "models", "model", "loaded", "version", "root", "admin", "service"
]
#: Uses that the gateway answers itself.
ANSWERED: frozenset[Use] = frozenset({"models", "model", "loaded", "version", "root"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One path, or with `below` all that begin with it. `streams`: it streams unless the body says no. `counts`: usage
    can be asked for in a stream. `options`: a body may name options with which the model is loaded. `judged`: an error
    of it speaks against the replica, and another one is tried. `end` is what only the end of its stream holds,
    b"" for the dialect's own. `codec` reads and writes its requests and answers in common words, None where it cannot
    be translated. `word` stands among the dialects of an engine that has this path, where not all that speak the
    dialect have it; "" for the dialect's own name.
    """

    path: bytes
    use: Use
    method: bytes = b"POST"
    streams: bool = False
    counts: bool = False
    options: bool = False
    below: bool = False
    judged: bool = True
    end: bytes = b""
    codec: Codec | None = None
    word: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What went wrong, for a client: HTTP status, one word, a sentence, and seconds to wait (0: not told)."""

    status: int
    kind: str
    message: str
    retry_seconds: float = 0.0


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one answer as the engine counted them, and its seconds for loading the model, reading the prompt and
    making the answer; -1 where it did not tell.
    """

    input_tokens: int = -1
    output_tokens: int = -1
    cached_tokens: int = -1
    load_seconds: float = -1.0
    prefill_seconds: float = -1.0
    decode_seconds: float = -1.0


def find_seconds(nanoseconds: int) -> float:
    """As seconds; -1 where it is not told."""
    if nanoseconds < 0:
        return -1.0
    return nanoseconds / 1e9


class Said(msgspec.Struct, frozen=True):
    """What a whole answer says of itself: the model that gave it, "" where it does not tell, and its tokens."""

    model: str = ""
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class InMemory:
    """A model in one node's memory: bytes in all and of GPUs (-1: not told), context, and until when (seconds since
    the epoch, to the minute; 0: not told).
    """

    node: str
    size_bytes: int = 0
    gpu_bytes: int = -1
    context_tokens: int = 0
    expires_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A model as the gateway offers it: public name, context length (0: not told), digest and size where known.

    `nodes` are those that have it, `held` those that have it in memory. `dialects` are the formats that one of its
    engines speaks, () where that is not known. `facts` are how it is made; `can` what one of its engines says that it
    can, `cannot` what none of them can, in the words of `residency.Ability`.
    """

    name: str
    context_tokens: int = 0
    digest: str = ""
    size_bytes: int = 0
    modified_at: float = 0.0
    nodes: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()
    held: tuple[InMemory, ...] = ()
    facts: ModelFacts = NOTHING_KNOWN
    can: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()


class Dialect(Protocol):
    """What every wire format has."""

    #: A header that only clients of this dialect send, in lower case; b"" if there is none. By it a path that several
    #: have is told apart; without it the first that has no such header is meant.
    mark: bytes
    #: True if its streams are server-sent events, in which clients pass over comments.
    comments: bool
    endpoints: tuple[Endpoint, ...]
    #: Texts that begin an error inside a stream that was begun with status 200.
    alarms: tuple[bytes, ...]
    #: The text that only a stream's true end holds; b"" where the end of the body is all there is.
    end: bytes

    def render_refusal(self, failure: Failure) -> bytes:
        """The body of an answer that is an error, as this dialect's clients read it."""
        ...

    def render_break(self, failure: Failure) -> bytes:
        """What ends a stream that cannot be finished, so that no client takes it for whole."""
        ...

    def add_usage(self, body: bytes) -> bytes:
        """The body asking for token counts in its stream; it is a JSON object and did not ask."""
        ...

    def is_usage(self, event: bytes) -> bool:
        """True for the event of a stream that holds nothing but the counts that `add_usage` asked for."""
        ...

    def read_answer(self, body: bytes) -> Said:
        """What an answer that is not streamed says of itself; nothing where it is not of this form."""
        ...

    def read_usage(self, tail: bytes) -> Usage:
        """The counts in the end of an answer, streamed or not."""
        ...

    def render_models(self, endpoint: Endpoint, models: Sequence[Offered]) -> bytes:
        """The list of models for one of this dialect's listing paths."""
        ...
