"""Reads answers of `/api/chat` and `/api/generate`: objects, a line each or one alone, as events."""

from __future__ import annotations

import binascii
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeAlias

import msgspec

from keepwell.dialects.ollama.messages import Call, read_arguments
from keepwell.plugins.answer_events import (
    Begun,
    CallPiece,
    Counted,
    Ended,
    Event,
    Failed,
    Finished,
    Odds,
    Reason,
    Reasoning,
    Text,
    TokenOdds,
)
from keepwell.plugins.asked import Json
from keepwell.plugins.cutting import MOST_BYTES, LineCutter, TooLong
from keepwell.plugins.wire_json import BROKEN, explain

#: `done_reason` in common words; "load" and "unload" are answers to requests that only do that.
_REASONS: Mapping[str, Reason] = {
    "stop": "stop", "": "stop", "length": "length", "tool_calls": "tools", "content_filter": "filter",
}  # fmt: skip


class Token(msgspec.Struct):
    """A token and its probability."""

    token: str = ""
    logprob: float | None = None
    top_logprobs: list[Token] | None = None


class Said(Protocol):
    """The piece of the answer in a line."""

    content: str | None
    thinking: str | None
    tool_calls: list[Call] | None


class Told(msgspec.Struct):
    """What lines of both kinds have; numbers only the last one, durations in nanoseconds."""

    model: str | None = None
    created_at: str | None = None
    done: bool | None = False
    done_reason: str | None = None
    error: Json = None
    logprobs: list[Token] | None = None
    prompt_eval_count: float | int | None = None
    eval_count: float | int | None = None
    total_duration: float | int | None = None
    load_duration: float | int | None = None
    prompt_eval_duration: float | int | None = None
    eval_duration: float | int | None = None


#: Where a line of one path has its piece, None where it has none.
FindSaid: TypeAlias = Callable[[Any], Said | None]


class AnswerReader:
    """See `keepwell.plugins.codec.Reader`."""

    def __init__(self, decode: Callable[[bytes], Told], find_said: FindSaid, *, stream: bool) -> None:
        self._decode = decode
        self._find_said = find_said
        self._stream = stream
        self._cutter = LineCutter()
        self._whole: list[bytes] = []
        self._length = 0
        self._begun = self._done = self._failed = False
        self._calls = 0

    def feed(self, data: bytes) -> list[Event]:
        """The events of the lines that are whole now; an answer that is not streamed is read at its end."""
        events: list[Event] = []
        if self._done or self._failed:
            return events
        try:
            if self._stream:
                self._read_lines(self._cutter.feed(data), events)
            else:
                self._keep(data)
        except BROKEN as error:
            self._fail(f"the engine sent a line that is none of its format: {explain(error)}", events)
        except TooLong:
            self._fail("the engine sent a line without end", events)
        return events

    def end(self) -> list[Event]:
        """The rest, and whether it was all."""
        events: list[Event] = []
        rest = self._cutter.end() or b"".join(self._whole)
        self._whole.clear()
        if rest and not self._done and not self._failed:
            try:
                self._read_line(self._decode(rest), events)
            except BROKEN as error:
                self._fail(f"the engine's answer is none of its format: {explain(error)}", events)
        if self._done:
            events.append(Ended())
        elif not self._failed:
            self._fail("the engine's answer broke off before its end", events)
        return events

    def _keep(self, data: bytes) -> None:
        self._length += len(data)
        if self._length > MOST_BYTES:
            raise TooLong
        self._whole.append(data)

    def _read_lines(self, lines: list[bytes], events: list[Event]) -> None:
        """All lines; the plain piece of text, which nearly all are, without a call."""
        decode, find_said, add, begun = self._decode, self._find_said, events.append, self._begun
        for line in lines:
            told = decode(line)
            said = find_said(told)
            if (
                begun
                and said is not None
                and said.content
                and not told.done
                and said.thinking is None
                and said.tool_calls is None
                and told.logprobs is None
            ):
                add(Text(said.content))
                continue
            self._read_line(told, events)
            begun = True
            if self._done or self._failed:
                return

    def _read_line(self, told: Told, events: list[Event]) -> None:
        said = self._find_said(told)
        if told.error is not None:
            return self._fail(find_sentence(told.error), events)
        if not self._begun:
            self._begun = True
            events.append(Begun(told.model or "", created=parse_moment(told.created_at or "")))
        if said is not None:
            self._read_piece(said, told, events)
        if told.logprobs:
            events.append(Odds(tuple(map(_find_odds, told.logprobs))))
        if told.done:
            self._done = True
            events.append(self._find_finished(told.done_reason or ""))
            events.extend(_find_counts(told))
        return None

    def _read_piece(self, said: Said, told: Told, events: list[Event]) -> None:
        if said.thinking:
            events.append(Reasoning(said.thinking))
        if said.content:
            events.append(Text(said.content))
        for call in said.tool_calls or ():
            if call.function is None:
                continue
            made = call.id or f"call_{binascii.crc32((told.created_at or '').encode()):08x}_{self._calls}"
            arguments = read_arguments(call.function.arguments)
            events.append(CallPiece(self._calls, made, call.function.name or "", arguments))
            self._calls += 1

    def _find_finished(self, word: str) -> Finished:
        reason = _REASONS.get(word)
        if reason is None:
            return Finished(said=word)
        if reason == "stop" and self._calls:
            reason = "tools"
        return Finished(reason)

    def _fail(self, message: str, events: list[Event]) -> None:
        self._failed = True
        events.append(Failed(message))


def find_sentence(error: Json) -> str:
    """The sentence in an error: its text, or that of its `message`."""
    if isinstance(error, dict):
        error = error.get("message", "")
    if isinstance(error, str) and error:
        return error
    return "the engine told an error without a word"


def parse_moment(text: str) -> float:
    """An RFC 3339 moment in epoch seconds, 0 where it is none (Go's moment that is not set lies in the year 1)."""
    try:
        return max(0.0, datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        return 0.0


def _find_odds(token: Token) -> TokenOdds:
    others = token.top_logprobs or ()
    return TokenOdds(token.token, _find_number(token), tuple((one.token, _find_number(one)) for one in others))


def _find_number(token: Token) -> float:
    """Minus infinity is written as null."""
    if token.logprob is None:
        return -math.inf
    return token.logprob


#: More than any count, and than nanoseconds since anything: what is larger is no number of an engine.
MOST = 2**63


def _find_counts(told: Told) -> list[Event]:
    counts = (told.prompt_eval_count, told.eval_count, -1, -1)
    times = (told.total_duration, told.load_duration, told.prompt_eval_duration, told.eval_duration)
    counted = Counted(*(_told(number) for number in counts + times))
    if counted == Counted():
        return []
    return [counted]


def _told(number: float | int | None) -> int:
    """Servers that imitate Ollama write fractions; what no count can be is none."""
    if number is None or not -1 <= number < MOST:
        return -1
    return int(number)
