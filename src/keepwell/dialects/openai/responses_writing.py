"""Answers of `/v1/responses` written from events, streamed and whole.

What a model thought becomes an item with `reasoning_text`, what it said one with `output_text`, each call one of its
own; every event carries its number, and what is streamed is said again when it is whole. An answer that was cut off is
`incomplete`. Further choices have no place in it.
"""

from __future__ import annotations

import msgspec

from keepwell.dialects.openai.responses_object import ResponseObject, render_failure
from keepwell.plugins.answer_events import CallPiece, Ended, Event, Events, Failed, Odds, Reasoning, Text
from keepwell.plugins.answer_parts import Part, PartKind, is_whole
from keepwell.plugins.asked import Asked, Json
from keepwell.plugins.codec import Setting

#: What the pieces of items are called.
_WORDS: dict[PartKind, str] = {
    "text": "response.output_text",
    "reasoning": "response.reasoning_text",
    "call": "response.function_call_arguments",
}

#: A piece of text of whose tokens nothing is told: its beginning, the text, and its number.
_PLAIN = b'%b%b,"logprobs":[],"sequence_number":%d}\n\n'

_encode = msgspec.json.encode


class StreamWriter:
    """See `keepwell.plugins.codec.Writer`."""

    content_type = b"text/event-stream; charset=utf-8"

    def __init__(self, asked: Asked, setting: Setting) -> None:
        self._response = ResponseObject(asked, setting)
        self._tells_odds = asked.logprobs >= 0
        self._number = 0
        self._open: list[Part] = []
        self._begun_parts = 0
        self._current: Part | None = None
        #: The text that a further piece would belong to, where nothing more is to be told of it.
        self._plain: Part | None = None
        self._delta = b""
        self._begun = False
        self._over = False

    def write(self, events: Events, seconds: float) -> bytes:
        """See `keepwell.plugins.codec.Writer`."""
        out: list[bytes] = []
        for at, event in enumerate(events):
            plain = self._plain
            if plain is not None and type(event) is Text and event.text and not event.choice:
                plain.pieces.append(event.text)
                out.append(
                    b'%b%b,"logprobs":[],"sequence_number":%d}\n\n' % (self._delta, _encode(event.text), self._number)
                )
                self._number += 1
            elif self._over:
                break
            elif isinstance(event, (Text, Reasoning, CallPiece)):
                if not event.choice:
                    self._write_piece(event, self._find_odds(events, at), out)
            elif isinstance(event, Odds):
                if not (at and isinstance(events[at - 1], Text)) and self._tells_odds and not event.choice:
                    self._write_piece(Text(""), event, out)
            else:
                self._write_other(event, out)
        return b"".join(out)

    def _find_odds(self, events: Events, at: int) -> Odds | None:
        """What was told of the tokens of this text, which comes right behind it."""
        if not self._tells_odds or at + 1 == len(events):
            return None
        after = events[at + 1]
        if isinstance(events[at], Text) and isinstance(after, Odds):
            return after
        return None

    def _write_piece(self, event: Text | Reasoning | CallPiece, odds: Odds | None, out: list[bytes]) -> None:
        if isinstance(event, CallPiece):
            text = event.arguments
        else:
            text = event.text
            if not text and odds is None:
                return
        part = self._response.parts.take(event)
        if part is not self._current:
            self._turn_to(part, out)
        if odds is not None:
            part.odds += odds.tokens
            self._write_delta(text, _encode(self._response.render_odds(odds.tokens)), out)
        elif text:
            self._write_delta(text, b"[]", out)

    def _write_delta(self, text: str, odds: bytes, out: list[bytes]) -> None:
        out += (self._delta, _encode(text))
        if self._current is not None and self._current.kind == "text":
            out += (b',"logprobs":', odds)
        out += (b',"sequence_number":', str(self._number).encode(), b"}\n\n")
        self._number += 1

    def _turn_to(self, part: Part, out: list[bytes]) -> None:
        """Go on with a part, begin it if it is new; those before are over then, but for calls that lack arguments."""
        self._begin(out)
        if self._current is None or part.number >= self._begun_parts:
            self._end_parts(out, keep=part.kind == "call")
            self._open.append(part)
            self._begun_parts = part.number + 1
            self._start(part, out)
        self._current = part
        self._plain = None
        if part.kind == "text" and not self._tells_odds:
            self._plain = part
        kind = f"{_WORDS[part.kind]}.delta"
        start = _encode({"type": kind, **self._find_place(part), "delta": ""})
        self._delta = b"event: " + kind.encode() + b"\ndata: " + start.removesuffix(b'""}')

    def _find_place(self, part: Part) -> dict[str, Json]:
        place: dict[str, Json] = {"item_id": self._response.render_id(part), "output_index": part.number}
        if part.kind != "call":
            place["content_index"] = 0
        return place

    def _start(self, part: Part, out: list[bytes]) -> None:
        blank = Part(part.number, part.kind, part.id, part.name)
        item = self._response.render_item(blank, "in_progress")
        self._tell("response.output_item.added", {"output_index": part.number, "item": item}, out)
        if part.kind != "call":
            content = self._response.render_content(blank)
            self._tell("response.content_part.added", {**self._find_place(part), "part": content}, out)

    def _end_parts(self, out: list[bytes], *, keep: bool, status: str = "completed") -> None:
        """End what is begun; `keep` leaves out calls that are not whole."""
        kept = [part for part in self._open if keep and not is_whole(part)]
        for part in self._open:
            if part not in kept:
                self._end_part(part, status, out)
        self._open = kept

    def _end_part(self, part: Part, status: str, out: list[bytes]) -> None:
        place = self._find_place(part)
        if part.kind == "call":
            self._tell(f"{_WORDS[part.kind]}.done", {**place, "name": part.name, "arguments": part.text}, out)
        else:
            told: dict[str, Json] = {"text": part.text}
            if part.kind == "text":
                told["logprobs"] = self._response.render_odds(part.odds)
            self._tell(f"{_WORDS[part.kind]}.done", {**place, **told}, out)
            self._tell("response.content_part.done", {**place, "part": self._response.render_content(part)}, out)
        item = self._response.render_item(part, status)
        self._tell("response.output_item.done", {"output_index": part.number, "item": item}, out)

    def _write_other(self, event: Event, out: list[bytes]) -> None:
        self._response.note(event)
        if isinstance(event, Failed):
            self._over = True
            self._plain = None
            error = render_failure(event)
            flat = {name: value for name, value in error.items() if name != "type"}
            self._tell("error", {**flat, "error": error}, out)
            return
        self._begin(out)
        if isinstance(event, Ended):
            self._over = True
            self._plain = None
            response = self._response.render_end()
            status = str(response["status"])
            self._end_parts(out, keep=False, status=status)
            self._tell(f"response.{status}", {"response": response}, out)

    def _begin(self, out: list[bytes]) -> None:
        if self._begun:
            return
        self._begun = True
        response = self._response.render("in_progress", [], {})
        self._tell("response.created", {"response": response}, out)
        self._tell("response.in_progress", {"response": response}, out)

    def _tell(self, kind: str, data: dict[str, Json], out: list[bytes]) -> None:
        told = _encode({"type": kind, "sequence_number": self._number, **data})
        out += (b"event: ", kind.encode(), b"\ndata: ", told, b"\n\n")
        self._number += 1


class WholeWriter:
    """See `keepwell.plugins.codec.Writer`."""

    content_type = b"application/json"

    def __init__(self, asked: Asked, setting: Setting) -> None:
        self._response = ResponseObject(asked, setting)
        self._tells_odds = asked.logprobs >= 0
        self._over = False

    def write(self, events: Events, seconds: float) -> bytes:
        """See `keepwell.plugins.codec.Writer`; everything comes with the end."""
        for event in events:
            if self._over:
                break
            if isinstance(event, (Text, Reasoning, CallPiece)):
                if not event.choice:
                    self._response.parts.take(event)
            elif isinstance(event, Odds):
                self._add_odds(event)
            elif isinstance(event, Failed):
                self._over = True
                return _encode({"error": render_failure(event)})
            elif isinstance(event, Ended):
                self._over = True
                return _encode(self._response.render_end())
            self._response.note(event)
        return b""

    def _add_odds(self, odds: Odds) -> None:
        if self._tells_odds and not odds.choice:
            self._response.parts.take(Text("")).odds += odds.tokens
