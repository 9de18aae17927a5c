"""Answers of `/v1/messages` written from events, streamed and whole.

A stream is `message_start`, `ping`, for each part of the answer `content_block_start`, deltas and `content_block_stop`,
then `message_delta` with the reason and the counts, and `message_stop`. Thoughts get an empty signature: whoever sends
them back sends them here, where nobody verifies it. Likelihoods of tokens and further choices have no place in it.
"""

from __future__ import annotations

import msgspec

from keepwell.plugins.answer_events import CallPiece, Counted, Ended, Event, Events, Failed, Finished, Reasoning, Text
from keepwell.plugins.answer_parts import Part, PartKind, Parts, is_whole, render_arguments
from keepwell.plugins.asked import Asked, Json
from keepwell.plugins.codec import Setting

#: Kinds of failure in the words of this interface, by HTTP status.
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_WORDS = {"stop": "end_turn", "length": "max_tokens", "tools": "tool_use", "filter": "refusal"}
#: Words of this format that are written as they were said.
_OWN = frozenset({"stop_sequence", "pause_turn", "model_context_window_exceeded"})
#: What a delta of each kind of part looks like between its index and its text.
_DELTAS: dict[PartKind, bytes] = {
    "text": b',"delta":{"type":"text_delta","text":',
    "reasoning": b',"delta":{"type":"thinking_delta","thinking":',
    "call": b',"delta":{"type":"input_json_delta","partial_json":',
}
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":'
_DELTA_END = b"}}\n\n"
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_SIGNATURE: Json = {"type": "signature_delta", "signature": ""}

_encode = msgspec.json.encode


class _Outcome:
    """How an answer ended, and its counts, as far as they are told."""

    def __init__(self, asked: Asked, setting: Setting) -> None:
        self._stop = asked.stop
        self._id = setting.id
        self._model = setting.model
        self.counted = Counted()
        self.finished = Finished()
        self.parts = Parts()

    def note(self, event: Event) -> None:
        """Keep what is told of the end."""
        if isinstance(event, Counted):
            self.counted = event
        elif isinstance(event, Finished) and not event.choice:
            self.finished = event

    def render_reason(self) -> dict[str, Json]:
        """Why it is over; the text that ended it where it can only be one."""
        said = self.finished.said
        if said in _OWN:
            word = said
        elif self.finished.reason == "stop" and any(part.kind == "call" for part in self.parts.all):
            word = "tool_use"
        else:
            word = _WORDS[self.finished.reason]
        sequence = None
        if word == "stop_sequence" and len(self._stop) == 1:
            sequence = self._stop[0]
        return {"stop_reason": word, "stop_sequence": sequence}

    def render_message(self, content: Json, reason: dict[str, Json], usage: dict[str, Json]) -> dict[str, Json]:
        """The message with this content."""
        head: dict[str, Json] = {"id": f"msg_{self._id}", "type": "message", "role": "assistant", "model": self._model}
        return {**head, "content": content, **reason, "usage": usage}

    def render_id(self, part: Part) -> str:
        """A call's id; one that no other answer has where the engine gave none."""
        return part.id or f"call_{self._id}_{part.number}"

    def render_usage(self) -> dict[str, Json]:
        """The counts; the two that this format must have are 0 where nobody told."""
        counted = self.counted
        cached = max(counted.cached_tokens, 0)
        usage: dict[str, Json] = {
            "input_tokens": max(counted.input_tokens - cached, 0),
            "output_tokens": max(counted.output_tokens, 0),
        }
        if counted.cached_tokens >= 0:
            usage["cache_read_input_tokens"] = cached
        if counted.reasoning_tokens >= 0:
            usage["output_tokens_details"] = {"thinking_tokens": counted.reasoning_tokens}
        return usage


class StreamWriter:
    """See `keepwell.plugins.codec.Writer`."""

    content_type = b"text/event-stream; charset=utf-8"

    def __init__(self, asked: Asked, setting: Setting) -> None:
        self._outcome = _Outcome(asked, setting)
        self._open: list[Part] = []
        self._begun_parts = 0
        self._current: Part | None = None
        self._delta = b""
        self._in_text = False
        self._begun = False
        self._over = False

    def write(self, events: Events, seconds: float) -> bytes:
        """See `keepwell.plugins.codec.Writer`."""
        out: list[bytes] = []
        for event in events:
            if self._in_text and type(event) is Text and event.text and not event.choice:
                out.append(b"%b%b}}\n\n" % (self._delta, _encode(event.text)))
            elif self._over:
                break
            elif isinstance(event, (Text, Reasoning, CallPiece)):
                if not event.choice:
                    self._write_piece(event, out)
            else:
                self._write_other(event, out)
        return b"".join(out)

    def _write_piece(self, event: Text | Reasoning | CallPiece, out: list[bytes]) -> None:
        if isinstance(event, CallPiece):
            text = event.arguments
        else:
            text = event.text
            if not text:
                return
        part = self._outcome.parts.take(event)
        if part.kind != "call":
            part.pieces.clear()
        if part is not self._current:
            self._turn_to(part, out)
        if text:
            out += (self._delta, _encode(text), _DELTA_END)

    def _turn_to(self, part: Part, out: list[bytes]) -> None:
        """Go on with a part, begin it if it is new; those before are over then, but for calls that lack arguments."""
        self._begin(out)
        if self._current is None or part.number >= self._begun_parts:
            self._end_parts(out, keep=part.kind == "call")
            self._open.append(part)
            self._begun_parts = part.number + 1
            start = {"type": "content_block_start", "index": part.number, "content_block": self._render_start(part)}
            out.append(_event(start))
        self._current = part
        self._in_text = part.kind == "text"
        self._delta = _DELTA + str(part.number).encode() + _DELTAS[part.kind]

    def _render_start(self, part: Part) -> Json:
        if part.kind == "text":
            return {"type": "text", "text": ""}
        if part.kind == "reasoning":
            return {"type": "thinking", "thinking": "", "signature": ""}
        return {"type": "tool_use", "id": self._outcome.render_id(part), "name": part.name, "input": {}}

    def _end_parts(self, out: list[bytes], *, keep: bool) -> None:
        """End what is begun; `keep` leaves out calls that are not whole."""
        kept = [part for part in self._open if keep and not is_whole(part)]
        for part in self._open:
            if part in kept:
                continue
            if part.kind == "reasoning":
                out.append(_event({"type": "content_block_delta", "index": part.number, "delta": _SIGNATURE}))
            out.append(_event({"type": "content_block_stop", "index": part.number}))
        self._open = kept

    def _write_other(self, event: Event, out: list[bytes]) -> None:
        self._outcome.note(event)
        if isinstance(event, Failed):
            self._over, self._in_text = True, False
            out.append(_event(_render_failure(event)))
            return
        self._begin(out)
        if isinstance(event, Ended):
            self._over, self._in_text = True, False
            self._end_parts(out, keep=False)
            reason, usage = self._outcome.render_reason(), self._outcome.render_usage()
            out += (_event({"type": "message_delta", "delta": reason, "usage": usage}), _STOP)

    def _begin(self, out: list[bytes]) -> None:
        if self._begun:
            return
        self._begun = True
        nothing: dict[str, Json] = {"stop_reason": None, "stop_sequence": None}
        message = self._outcome.render_message([], nothing, self._outcome.render_usage())
        out += (_event({"type": "message_start", "message": message}), _PING)


class WholeWriter:
    """See `keepwell.plugins.codec.Writer`."""

    content_type = b"application/json"

    def __init__(self, asked: Asked, setting: Setting) -> None:
        self._outcome = _Outcome(asked, setting)
        self._over = False

    def write(self, events: Events, seconds: float) -> bytes:
        """See `keepwell.plugins.codec.Writer`; everything comes with the end."""
        for event in events:
            if self._over:
                break
            if isinstance(event, (Text, Reasoning, CallPiece)):
                if not event.choice:
                    self._outcome.parts.take(event)
            elif isinstance(event, Failed):
                self._over = True
                return _encode(_render_failure(event))
            elif isinstance(event, Ended):
                self._over = True
                return self._render()
            self._outcome.note(event)
        return b""

    def _render(self) -> bytes:
        found = self._outcome
        content = [self._render_block(part) for part in found.parts.all if part.kind == "call" or part.text]
        return _encode(found.render_message(content, found.render_reason(), found.render_usage()))

    def _render_block(self, part: Part) -> Json:
        if part.kind == "text":
            return {"type": "text", "text": part.text}
        if part.kind == "reasoning":
            return {"type": "thinking", "thinking": part.text, "signature": ""}
        given = render_arguments(part.text)
        return {"type": "tool_use", "id": self._outcome.render_id(part), "name": part.name, "input": given}


def _event(data: dict[str, Json]) -> bytes:
    return b"event: " + str(data["type"]).encode() + b"\ndata: " + _encode(data) + b"\n\n"


def _render_failure(failed: Failed) -> dict[str, Json]:
    kind = ERROR_TYPES.get(failed.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": failed.message}}
