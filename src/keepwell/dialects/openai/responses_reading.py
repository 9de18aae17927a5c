"""Answers of `/v1/responses` as events, streamed and whole.

Servers differ in what they tell: llama-server numbers no item, some send only finished items. So an item is known by
its id, its call's id or its place, and is read from its end where no piece of it came before.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from keepwell.dialects.openai.outcomes import OddsFields, TokenFields, parse_odds
from keepwell.plugins.answer_events import (
    Begun,
    CallPiece,
    Counted,
    Event,
    Failed,
    Finished,
    Odds,
    Reason,
    Reasoning,
    Text,
)
from keepwell.plugins.answer_reading import UNREADABLE, TypedReader
from keepwell.plugins.wire_json import BROKEN

_REASONS: dict[str, Reason] = {"max_output_tokens": "length", "max_messages": "length", "content_filter": "filter"}
_TEXTS = frozenset({"response.output_text.delta", "response.refusal.delta"})
_THOUGHTS = frozenset({"response.reasoning_text.delta", "response.reasoning_summary_text.delta"})
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})


class _Part(msgspec.Struct):
    text: str | None = None
    refusal: str | None = None
    logprobs: list[TokenFields] | None = None


class _Item(msgspec.Struct):
    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    content: list[_Part] | None = None
    summary: list[_Part] | None = None


class _Given(msgspec.Struct):
    cached_tokens: int | None = None


class _Made(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Given | None = None
    output_tokens_details: _Made | None = None


class _Error(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    created_at: float | None = None
    status: str | None = None
    output: list[_Item] | None = None
    usage: _Usage | None = None
    error: _Error | None = None
    incomplete_details: _Incomplete | None = None


class _Event(msgspec.Struct):
    type: str = ""
    delta: str | None = None
    item_id: str | None = None
    output_index: int = -1
    logprobs: list[TokenFields] | None = None
    item: _Item | None = None
    response: _Response | None = None
    error: _Error | None = None
    message: str | None = None
    code: str | int | None = None


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_response = msgspec.json.Decoder(_Response).decode


@dataclass(slots=True)
class _Seen:
    """An item of which something came: its number among the calls (-1: it is none), and whether a piece was told."""

    number: int = -1
    told: bool = False


class StreamReader(TypedReader):
    """See `keepwell.plugins.codec.Reader`."""

    def __init__(self) -> None:
        super().__init__()
        self._items: dict[str | int, _Seen] = {}
        self._last = _Seen()
        self._calls = 0

    def _read(self, data: bytes, events: list[Event]) -> None:
        event = _decode_event(data)
        kind = event.type
        if kind in _TEXTS:
            if event.delta or event.logprobs:
                self._find(event).told = True
                events.append(Text(event.delta or ""))
            if event.logprobs:
                events.append(Odds(parse_odds(OddsFields(event.logprobs))))
        elif kind in _THOUGHTS:
            self._find(event).told = True
            events.append(Reasoning(event.delta or ""))
        elif kind == "response.function_call_arguments.delta":
            self._read_arguments(event, events)
        elif kind == "response.output_item.added":
            self._begin(event, event.item or _Item(), events)
        elif kind == "response.output_item.done":
            self._complete(event, event.item or _Item(), events)
        else:
            self._read_frame(event, events)

    def _read_frame(self, event: _Event, events: list[Event]) -> None:
        response = event.response or _Response()
        if event.type in _ENDS:
            self._finish(response, events)
        elif event.type == "error" or event.error is not None:
            self._fail(_read_failure(event.error or _Error(event.message, event.code)), events)
        elif event.type == "response.created" and not self._begun:
            self._begun = True
            events.append(_read_begin(response))

    def _find(self, event: _Event) -> _Seen:
        """The item that a piece is of: the last one where neither id nor place say which."""
        for key in (event.item_id, event.output_index):
            if key is not None and key in self._items:
                return self._items[key]
        if event.item_id is None and event.output_index < 0:
            return self._last
        return self._remember(event, _Item(id=event.item_id), _Seen())

    def _remember(self, event: _Event, item: _Item, seen: _Seen) -> _Seen:
        keys: list[str | int] = [key for key in (item.id, item.call_id) if key]
        if event.output_index >= 0:
            keys.append(event.output_index)
        for key in keys:
            self._items[key] = seen
        self._last = seen
        return seen

    def _begin(self, event: _Event, item: _Item, events: list[Event]) -> None:
        if item.type != "function_call":
            self._remember(event, item, _Seen())
            return
        seen = self._remember(event, item, _Seen(self._calls, bool(item.arguments)))
        self._calls += 1
        events.append(CallPiece(seen.number, item.call_id or item.id or "", item.name or "", item.arguments or ""))

    def _read_arguments(self, event: _Event, events: list[Event]) -> None:
        seen = self._find(event)
        if seen.number < 0:
            seen = self._last
        if seen.number >= 0 and event.delta:
            seen.told = True
            events.append(CallPiece(seen.number, arguments=event.delta))

    def _complete(self, event: _Event, item: _Item, events: list[Event]) -> None:
        keys: list[str | int] = [item.id or "", item.call_id or "", event.output_index]
        seen = next((self._items[key] for key in keys if key in self._items), None)
        if seen is not None and seen.told:
            return
        if seen is None:
            seen = self._remember(event, item, _Seen())
        seen.told = True
        if item.type == "function_call" and seen.number >= 0:
            events.append(CallPiece(seen.number, arguments=item.arguments or "{}"))
            return
        self._calls += item.type == "function_call"
        events += _read_item(item, self._calls - 1)

    def _finish(self, response: _Response, events: list[Event]) -> None:
        if response.error is not None:
            self._fail(_read_failure(response.error), events)
            return
        if not self._items:
            found = _read_items(response.output or [])
            self._calls = sum(isinstance(one, CallPiece) for one in found)
            events += found
        events += _read_end(response, bool(self._calls))
        self._close(events)


def read_response(data: bytes) -> list[Event]:
    """The events of a whole answer, without its end."""
    try:
        response = _decode_response(data)
    except BROKEN:
        return [UNREADABLE]
    if response.error is not None:
        return [_read_failure(response.error)]
    if response.output is None:
        return [UNREADABLE]
    found = _read_items(response.output)
    calls = any(isinstance(one, CallPiece) for one in found)
    return [_read_begin(response), *found, *_read_end(response, calls)]


def _read_begin(response: _Response) -> Begun:
    return Begun(response.model or "", response.id or "", response.created_at or 0.0)


def _read_items(items: list[_Item]) -> list[Event]:
    events: list[Event] = []
    calls = 0
    for item in items:
        events += _read_item(item, calls)
        calls += item.type == "function_call"
    return events


def _read_item(item: _Item, call: int) -> list[Event]:
    if item.type == "function_call":
        return [CallPiece(call, item.call_id or item.id or "", item.name or "", item.arguments or "{}")]
    if item.type == "reasoning":
        return [Reasoning(part.text) for part in item.content or item.summary or [] if part.text]
    events: list[Event] = []
    for part in item.content or []:
        text = part.text or part.refusal
        if text:
            events.append(Text(text))
        if part.logprobs:
            events.append(Odds(parse_odds(OddsFields(part.logprobs))))
    return events


def _read_end(response: _Response, calls: bool) -> list[Event]:
    reason: Reason = "stop"
    if calls:
        reason = "tools"
    if response.status == "incomplete":
        reason = _REASONS.get((response.incomplete_details or _Incomplete()).reason or "", "length")
    events: list[Event] = [Finished(reason)]
    counted = _read_usage(response.usage or _Usage())
    if counted != Counted():
        events.append(counted)
    return events


def _read_usage(usage: _Usage) -> Counted:
    """Details of 0 say nothing: the format wants a number, also from those who do not count."""
    given, made = usage.input_tokens_details or _Given(), usage.output_tokens_details or _Made()
    if not usage.input_tokens and not usage.output_tokens:
        return Counted()
    return Counted(
        input_tokens=_count(usage.input_tokens or None),
        output_tokens=_count(usage.output_tokens),
        cached_tokens=_count(given.cached_tokens or None),
        reasoning_tokens=_count(made.reasoning_tokens or None),
    )


def _count(told: int | None) -> int:
    if told is None:
        return -1
    return max(told, -1)


def _read_failure(error: _Error) -> Failed:
    status = 0
    if isinstance(error.code, int):
        status = error.code
    return Failed(error.message or "the engine tells of an error", status)
