"""The contract of a codec: how one endpoint's requests and answers are read into common words and written from them.

There is one for each path of a dialect that can be translated, without I/O and without a clock. A request of one
format goes to an engine of another as `b.write_request(a.read_request(body))`, its answer comes back through
`b.make_reader` and `a.make_writer`: n codecs for n formats. What a format cannot say is its loss, told by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from keepwell.plugins.answer_events import Event, Events
from keepwell.plugins.asked import Asked, Kind, find_set

#: Fields without which an answer would be another one than was asked for: a format that lacks one refuses.
VITAL = frozenset(
    {
        "messages", "prompts", "prompt_tokens", "suffix", "tools", "shape", "choices", "echo", "raw", "template",
        "context", "dimensions",
    }
)  # fmt: skip


class Unreadable(Exception):
    """A request that is none of this format; the text says what is wrong, for the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a writer is told beforehand: the model's name as the client knows it, an id and the moment for the answer
    (epoch seconds).
    """

    model: str
    id: str
    created: float


class Reader(Protocol):
    """Reads one answer, in whatever pieces it comes."""

    def feed(self, data: bytes) -> list[Event]:
        """The events that are whole with these bytes. Never raises: what cannot be read is `Failed`."""
        ...

    def end(self) -> list[Event]:
        """The body is over: what is left, `Ended` at last, or `Failed` where its end is missing."""
        ...


class Writer(Protocol):
    """Writes one answer."""

    #: Of the head of the answer.
    content_type: bytes

    def write(self, events: Events, seconds: float) -> bytes:
        """What these events are on the wire, b"" where nothing is to be sent yet. `seconds` since the request began:
        formats that tell durations which no engine told use it.
        """
        ...


class Codec(Protocol):
    """One endpoint of a dialect."""

    path: bytes
    kinds: frozenset[Kind]
    #: Fields of `Asked` that a request of this format can say.
    carries: frozenset[str]
    #: Names of engine settings that it can say (keys of `Asked.options`).
    options: frozenset[str]

    def read_request(self, body: bytes) -> Asked:
        """The request in common words. Raises Unreadable."""
        ...

    def write_request(self, asked: Asked) -> bytes:
        """The request of these words, without what it cannot say."""
        ...

    def find_unsayable(self, asked: Asked) -> tuple[str, ...]:
        """What, beside whole fields, this request holds that it cannot say and that may not be left out, in a few words
        each ("images by address").
        """
        ...

    def make_reader(self, *, stream: bool) -> Reader:
        """For an answer with a good status."""
        ...

    def make_writer(self, asked: Asked, setting: Setting) -> Writer:
        """For the answer to this request, streamed as it says."""
        ...

    def read_error(self, body: bytes) -> str:
        """The sentence in an answer with a bad status; "" where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Losses:
    """What of a request another format cannot say, by the names of `Asked`, sorted: `refused` without which it may not
    be sent, and `dropped`.
    """

    refused: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


def find_losses(asked: Asked, codec: Codec) -> Losses:
    """What is lost when this request is written by that codec."""
    lost = find_set(asked) - codec.carries
    options = [f"options.{name}" for name in asked.options if name not in codec.options]
    refused = sorted([*(lost & VITAL), *codec.find_unsayable(asked)])
    return Losses(tuple(refused), tuple(sorted([*(lost - VITAL), *options, *asked.unknown])))


def read_whole(codec: Codec, body: bytes, *, stream: bool = False) -> list[Event]:
    """All events of an answer that is there as a whole."""
    reader = codec.make_reader(stream=stream)
    return [*reader.feed(body), *reader.end()]


def find_codec(codecs: Sequence[Codec], kind: Kind) -> Codec | None:
    """The first that says requests of this kind, None if none does."""
    return next((one for one in codecs if kind in one.kinds), None)
