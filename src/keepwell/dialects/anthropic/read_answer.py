"""Answers of `/v1/messages` as events, streamed and whole.

Anthropic counts what it read from its cache beside the input; here the input is all of it, as everywhere else. A text
that ended the answer is told by `stop_sequence`; of the answer's reasons only what no other format has is `said`.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from keepwell.plugins.answer_events import (
    Begun,
    CallPiece,
    Counted,
    Event,
    Failed,
    Finished,
    Reason,
    Reasoning,
    Text,
)
from keepwell.plugins.answer_reading import UNREADABLE, TypedReader
from keepwell.plugins.wire_json import BROKEN

#: Statuses of errors by this format's word for them.
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_REASONS: dict[str, Reason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tools",
    "refusal": "filter",
}
#: Words of this format that say more than the reason does.
_OWN = frozenset({"stop_sequence", "pause_turn", "model_context_window_exceeded"})


class _Details(msgspec.Struct):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _Details | None = None


class _Content(msgspec.Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = msgspec.Raw(b"")


class _Error(msgspec.Struct):
    type: str | None = None
    message: str | None = None


class _Message(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    model: str | None = None
    content: list[_Content] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: _Usage | None = None
    error: _Error | None = None


class _Delta(msgspec.Struct):
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Event(msgspec.Struct):
    type: str
    index: int = 0
    delta: _Delta | None = None
    content_block: _Content | None = None
    message: _Message | None = None
    usage: _Usage | None = None
    error: _Error | None = None


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_message = msgspec.json.Decoder(_Message).decode


@dataclass(slots=True)
class _Call:
    """A call that is being made: its number among the calls, and whether any of its arguments were told."""

    number: int
    told: bool = False


class StreamReader(TypedReader):
    """See `keepwell.plugins.codec.Reader`."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[int, _Call] = {}
        self._usage = _Usage()
        self._stop: tuple[str | None, str | None] = (None, None)

    def _read(self, data: bytes, events: list[Event]) -> None:
        event = _decode_event(data)
        if event.type == "content_block_delta":
            self._read_delta(event.index, event.delta or _Delta(), events)
        elif event.type == "content_block_start":
            self._read_start(event.index, event.content_block or _Content(), events)
        elif event.type == "content_block_stop":
            self._complete(self._calls.get(event.index), events)
        elif event.type == "message_start":
            head = event.message or _Message()
            events.append(Begun(head.model or "", head.id or ""))
            self._usage = head.usage or self._usage
        elif event.type == "message_delta":
            self._read_message_delta(event)
        elif event.type == "message_stop":
            self._finish(events)
        elif event.type == "error":
            self._fail(_read_failure(event.error), events)

    def _read_delta(self, index: int, delta: _Delta, events: list[Event]) -> None:
        if delta.text:
            events.append(Text(delta.text))
        elif delta.partial_json:
            call = self._calls.get(index)
            if call is not None:
                call.told = True
                events.append(CallPiece(call.number, arguments=delta.partial_json))
        elif delta.thinking:
            events.append(Reasoning(delta.thinking))

    def _read_start(self, index: int, block: _Content, events: list[Event]) -> None:
        if block.type == "tool_use":
            call = self._calls[index] = _Call(len(self._calls))
            given = _read_input(block)
            call.told = given != "{}"
            arguments = ""
            if call.told:
                arguments = given
            events.append(CallPiece(call.number, block.id or "", block.name or "", arguments))
        elif block.type == "text" and block.text:
            events.append(Text(block.text))
        elif block.type == "thinking" and block.thinking:
            events.append(Reasoning(block.thinking))

    def _complete(self, call: _Call | None, events: list[Event]) -> None:
        """A call without arguments has an empty object: none was told for it in pieces."""
        if call is not None and not call.told:
            call.told = True
            events.append(CallPiece(call.number, arguments="{}"))

    def _read_message_delta(self, event: _Event) -> None:
        delta = event.delta or _Delta()
        if delta.stop_reason is not None:
            self._stop = (delta.stop_reason, delta.stop_sequence)
        told = msgspec.structs.asdict(event.usage or _Usage())
        for name, value in told.items():
            if value is not None:
                setattr(self._usage, name, value)

    def _finish(self, events: list[Event]) -> None:
        for call in self._calls.values():
            self._complete(call, events)
        events += _read_end(*self._stop, self._usage)
        self._close(events)


def read_message(data: bytes) -> list[Event]:
    """The events of a whole answer, without its end."""
    try:
        return _read_message(_decode_message(data))
    except BROKEN:
        return [UNREADABLE]


def _read_message(message: _Message) -> list[Event]:
    if message.error is not None:
        return [_read_failure(message.error)]
    if message.content is None:
        return [UNREADABLE]
    events: list[Event] = [Begun(message.model or "", message.id or "")]
    calls = 0
    for block in message.content:
        if block.type == "text" and block.text:
            events.append(Text(block.text))
        elif block.type == "thinking" and block.thinking:
            events.append(Reasoning(block.thinking))
        elif block.type == "tool_use":
            events.append(CallPiece(calls, block.id or "", block.name or "", _read_input(block)))
            calls += 1
    return [*events, *_read_end(message.stop_reason, message.stop_sequence, message.usage)]


def _read_input(block: _Content) -> str:
    given = bytes(block.input)
    if given in (b"", b"null"):
        return "{}"
    return given.decode()


def _read_end(reason: str | None, sequence: str | None, usage: _Usage | None) -> list[Event]:
    said = reason or "end_turn"
    if sequence is not None and said == "end_turn":
        said = "stop_sequence"
    own = ""
    if said in _OWN or said not in _REASONS:
        own = said
    events: list[Event] = [Finished(_REASONS.get(said, "stop"), said=own)]
    counted = _read_usage(usage or _Usage())
    if counted != Counted():
        events.append(counted)
    return events


def _read_usage(usage: _Usage) -> Counted:
    """Nothing is said where all is 0: an answer has to hold the numbers, also when nobody counted."""
    told = Counted(output_tokens=_count(usage.output_tokens))
    cached = _count(usage.cache_read_input_tokens)
    given = sum(max(_count(one), 0) for one in (usage.input_tokens, cached, usage.cache_creation_input_tokens))
    if not given and told.output_tokens <= 0:
        return Counted()
    return Counted(
        input_tokens=given or -1,
        output_tokens=told.output_tokens,
        cached_tokens=cached,
        reasoning_tokens=_count((usage.output_tokens_details or _Details()).thinking_tokens),
    )


def _count(told: int | None) -> int:
    if told is None:
        return -1
    return max(told, -1)


def _read_failure(error: _Error | None) -> Failed:
    error = error or _Error()
    return Failed(error.message or "the engine tells of an error", _STATUSES.get(error.type or "", 0))
