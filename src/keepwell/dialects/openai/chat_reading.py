"""Reads answers of `/v1/chat/completions`."""

from __future__ import annotations

import msgspec

from keepwell.dialects.openai.outcomes import OddsFields, parse_counts, parse_error, parse_odds, parse_reason
from keepwell.dialects.openai.reading import ChunkFields, StreamReader, find_failure
from keepwell.plugins.answer_events import Begun, CallPiece, Event, Finished, Odds, Reasoning, Text
from keepwell.plugins.asked import Json
from keepwell.plugins.codec import Unreadable
from keepwell.plugins.wire_json import BROKEN, read_body


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Json] | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Said(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    delta: _Said | None = None
    message: _Said | None = None
    logprobs: OddsFields | None = None
    finish_reason: str | None = None


class _Chunk(ChunkFields, gc=False):
    choices: list[_Choice] | None = None


class _Answer(_Chunk, gc=False):
    id: str | None = None
    model: str | None = None
    created: float | None = None


_read_chunk = msgspec.json.Decoder(_Chunk).decode
_read_answer = msgspec.json.Decoder(_Answer).decode


class ChatStreamReader(StreamReader):
    """See `keepwell.plugins.codec.Reader`."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        self._choices = _Choices()

    def _read(self, data: bytes, events: list[Event]) -> None:
        if not self._begun:
            chunk: _Chunk = self._begin(data, events)
        else:
            try:
                chunk = _read_chunk(data)
            except BROKEN:
                chunk = read_body(data, _read_chunk)
        choices = chunk.choices or ()
        number = -1
        if choices:
            number = choices[0].index
        if self._note(chunk, number, events):
            for choice in choices:
                if choice.delta is not None:
                    self._choices.read(choice, choice.delta, events)

    def _begin(self, data: bytes, events: list[Event]) -> _Answer:
        first = read_body(data, _read_answer)
        if first.error is None:
            self._begun = True
            events.append(_begun(first))
        return first

    def _finish(self, events: list[Event]) -> None:
        if not self._begun:
            events.append(Begun())
        self._choices.close(events)


def read_whole_chat(data: bytes) -> list[Event]:
    """The events of a body, without its end."""
    try:
        answer = read_body(data, _read_answer)
        return _read_whole(answer)
    except Unreadable as error:
        return [find_failure(error)]


def _read_whole(answer: _Answer) -> list[Event]:
    if answer.error is not None:
        return [parse_error(answer.error)]
    if answer.choices is None:
        raise Unreadable("it has no choices")
    events: list[Event] = [_begun(answer)]
    choices = _Choices()
    for choice in answer.choices:
        choices.read(choice, choice.message or _Said(), events)
    choices.close(events)
    return [*events, *parse_counts(answer.usage, answer.timings)]


class _Choices:
    """The choices of an answer: which are not over yet, and the calls of each."""

    def __init__(self) -> None:
        self._open: dict[int, bool] = {}
        self._calls: dict[int, list[_Known]] = {}

    def read(self, choice: _Choice, said: _Said, events: list[Event]) -> None:
        """What this choice goes on with."""
        index = choice.index
        if index not in self._open:
            self._open[index] = True
        thought = said.reasoning_content or said.reasoning
        if thought:
            events.append(Reasoning(thought, index))
        if said.content:
            events.append(Text(said.content, index))
        if said.tool_calls:
            self._read_calls(index, said.tool_calls, events)
        if choice.logprobs is not None:
            tokens = parse_odds(choice.logprobs)
            events.extend([Odds(tokens, index)][: len(tokens)])
        if choice.finish_reason and self._open[index]:
            self._open[index] = False
            events.append(parse_reason(choice.finish_reason, index, calls=index in self._calls))

    def close(self, events: list[Event]) -> None:
        """Choices of which nobody said why they are over: they are, as the answer is."""
        events.extend(Finished(choice=index) for index, is_open in self._open.items() if is_open)

    def _read_calls(self, choice: int, found: list[_Call], events: list[Event]) -> None:
        known = self._calls.setdefault(choice, [])
        for one in found:
            function = one.function or _Function()
            number = _find(known, one)
            fresh = number == len(known)
            if fresh:
                known.append(_Known(one.index, one.id))
            name = ""
            if not known[number].named:
                name = function.name or ""
                known[number].named = bool(name)
            piece = CallPiece(number, (one.id or "") * fresh, name, _text(function.arguments), choice)
            if fresh or piece.name or piece.arguments:
                events.append(piece)


class _Known:
    """A call by what its pieces are told apart by."""

    __slots__ = ("id", "index", "named")

    def __init__(self, index: int | None, id: str | None) -> None:
        self.index = index
        self.id = id
        self.named = False


def _find(known: list[_Known], piece: _Call) -> int:
    """Which call a piece belongs to, one more than there are if it begins one. Engines that send whole calls give all
    of them the same index, or none, and ids of their own.
    """
    for number in range(len(known) - 1, -1, -1):
        one = known[number]
        if piece.id and one.id and piece.id != one.id:
            continue
        if one.index == piece.index and (piece.index is not None or not _begins(piece)):
            return number
    return len(known)


def _begins(piece: _Call) -> bool:
    return bool(piece.id or (piece.function and piece.function.name))


def _text(arguments: str | dict[str, Json] | None) -> str:
    if isinstance(arguments, dict):
        return msgspec.json.encode(arguments).decode()
    return arguments or ""


def _begun(answer: _Answer) -> Begun:
    return Begun(answer.model or "", answer.id or "", answer.created or 0.0)
