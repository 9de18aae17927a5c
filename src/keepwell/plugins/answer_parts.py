"""An answer as its parts in order: runs of text, runs of thought, and calls, as some formats list them."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from keepwell.plugins.answer_events import CallPiece, Reasoning, Text, TokenOdds
from keepwell.plugins.asked import Json

PartKind: TypeAlias = Literal["text", "reasoning", "call"]
Piece: TypeAlias = Text | Reasoning | CallPiece
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Part(msgspec.Struct, eq=False):
    """One of them. `number` is its place from 0; `id` and `name` are those of a call."""

    number: int
    kind: PartKind
    id: str = ""
    name: str = ""
    pieces: list[str] = msgspec.field(default_factory=list)
    odds: list[TokenOdds] = msgspec.field(default_factory=list)

    @property
    def text(self) -> str:
        """Its pieces as one: what was said, or a call's arguments."""
        return "".join(self.pieces)


class Parts:
    """The parts of one answer so far."""

    def __init__(self) -> None:
        self.all: list[Part] = []
        self._calls: dict[int, Part] = {}

    def take(self, event: Piece) -> Part:
        """The part that this piece belongs to, with the piece added; a new one where it begins one."""
        if isinstance(event, CallPiece):
            part = self._calls.get(event.index) or self._begin_call(event)
            part.pieces.append(event.arguments)
            return part
        kind: PartKind = "text"
        if isinstance(event, Reasoning):
            kind = "reasoning"
        if not self.all or self.all[-1].kind != kind:
            self.all.append(Part(len(self.all), kind))
        part = self.all[-1]
        part.pieces.append(event.text)
        return part

    def _begin_call(self, event: CallPiece) -> Part:
        part = self._calls[event.index] = Part(len(self.all), "call", event.id, event.name)
        self.all.append(part)
        return part


def is_whole(part: Part) -> bool:
    """True unless it is a call whose arguments are not all there: another may begin before, and it go on later."""
    if part.kind != "call":
        return True
    try:
        _decode_object(part.text)
    except (ValueError, RecursionError):
        return False
    return True


def render_arguments(text: str) -> Json:
    """A call's arguments for formats in which they are an object: the JSON as the model wrote it, nothing for none,
    and what is no object under the key "arguments", so that whoever is called sees what was wrong.
    """
    try:
        _decode_object(text or "{}")
    except (ValueError, RecursionError):
        return {"arguments": text}
    return msgspec.Raw((text or "{}").encode())
