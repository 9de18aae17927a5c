"""Reads answers of `/v1/completions`."""

from __future__ import annotations

import msgspec

from keepwell.dialects.openai.outcomes import OddsFields, parse_counts, parse_error, parse_odds, parse_reason
from keepwell.dialects.openai.reading import ChunkFields, StreamReader, find_failure
from keepwell.plugins.answer_events import Begun, Event, Finished, Odds, Text
from keepwell.plugins.codec import Unreadable
from keepwell.plugins.wire_json import BROKEN, read_body


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    text: str | None = None
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


class CompletionStreamReader(StreamReader):
    """See `keepwell.plugins.codec.Reader`."""

    one_prompt = False

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        self._open: dict[int, bool] = {}

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
                _read_choice(choice, self._open, events)

    def _begin(self, data: bytes, events: list[Event]) -> _Answer:
        first = read_body(data, _read_answer)
        if first.error is None:
            self._begun = True
            events.append(_begun(first))
        return first

    def _finish(self, events: list[Event]) -> None:
        if not self._begun:
            events.append(Begun())
        _close(self._open, events)


def read_whole_completion(data: bytes) -> list[Event]:
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
    still_open: dict[int, bool] = {}
    for choice in answer.choices:
        _read_choice(choice, still_open, events)
    _close(still_open, events)
    return [*events, *parse_counts(answer.usage, answer.timings)]


def _read_choice(choice: _Choice, still_open: dict[int, bool], events: list[Event]) -> None:
    """What a choice goes on with; `still_open` holds for each that was begun whether it is not over."""
    index = choice.index
    if index not in still_open:
        still_open[index] = True
    if choice.text:
        events.append(Text(choice.text, index))
    if choice.logprobs is not None:
        tokens = parse_odds(choice.logprobs)
        if tokens:
            events.append(Odds(tokens, index))
    if choice.finish_reason and still_open[index]:
        still_open[index] = False
        events.append(parse_reason(choice.finish_reason, index, calls=False))


def _close(still_open: dict[int, bool], events: list[Event]) -> None:
    events.extend(Finished(choice=index) for index, is_open in still_open.items() if is_open)


def _begun(answer: _Answer) -> Begun:
    return Begun(answer.model or "", answer.id or "", answer.created or 0.0)
