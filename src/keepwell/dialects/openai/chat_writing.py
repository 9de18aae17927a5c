"""Writes answers of `/v1/chat/completions`."""

from __future__ import annotations

from dataclasses import dataclass, field

from keepwell.dialects.openai.outcomes import WORDS, render_error, render_tokens
from keepwell.dialects.openai.writing import (
    DONE,
    GOES_ON,
    STREAM_TYPE,
    WHOLE_TYPE,
    encode,
    pair_odds,
    render_counted,
    render_failure,
    render_start,
    render_whole,
)
from keepwell.plugins.answer_events import (
    Begun,
    CallPiece,
    Counted,
    Ended,
    Event,
    Events,
    Failed,
    Finished,
    Odds,
    Reason,
    Reasoning,
    Text,
    TokenOdds,
)
from keepwell.plugins.asked import Asked, Json
from keepwell.plugins.codec import Setting


class ChatStreamWriter:
    """See `keepwell.plugins.codec.Writer`. The first chunk of a choice says who speaks."""

    content_type = STREAM_TYPE

    def __init__(self, asked: Asked, setting: Setting) -> None:
        self._start = render_start(setting, "chat.completion.chunk")
        self._id = setting.id
        #: Of each choice that was begun, a chunk up to its text.
        self._texts: dict[int, bytes] = {}
        self._calls: set[tuple[int, int]] = set()
        self._alternatives = asked.logprobs
        self._counts = asked.counts
        self._counted: Counted | None = None
        self._over = False

    def write(self, events: Events, seconds: float) -> bytes:
        """See `keepwell.plugins.codec.Writer`."""
        out: list[bytes] = []
        if self._alternatives >= 0:
            self._write_paired(events, out)
            return b"".join(out)
        starts = self._texts
        for event in events:
            if type(event) is Text and (start := starts.get(event.choice)):
                out += (start, encode(event.text), b"}", GOES_ON)
            else:
                self._write_event(event, out)
        return b"".join(out)

    def _write_paired(self, events: Events, out: list[bytes]) -> None:
        for event, odds in pair_odds(events):
            if odds is None or self._over:
                self._write_event(event, out)
            elif isinstance(event, Text):
                self._write_chunk(event.choice, {"content": event.text}, out, odds.tokens)

    def _write_event(self, event: Event, out: list[bytes]) -> None:
        if self._over:
            return
        match event:
            case Text(text, choice):
                self._write_chunk(choice, {"content": text}, out)
            case Reasoning(text, choice):
                self._write_chunk(choice, {"reasoning_content": text}, out)
            case CallPiece():
                self._write_chunk(event.choice, {"tool_calls": [self._render_piece(event)]}, out)
            case Odds(tokens, choice):
                self._write_chunk(choice, {}, out, tokens)
            case Begun():
                self._begin(0, out)
            case Finished(reason, choice):
                self._begin(choice, out)
                out.append(self._start + b'{"index":%d,"delta":{},"finish_reason":' % choice)
                out.append(encode(WORDS[reason]) + b"}]}\n\n")
            case Counted():
                self._counted = event
            case Failed() | Ended():
                self._end(event, out)
            case _:
                pass

    def _begin(self, choice: int, out: list[bytes]) -> None:
        if choice in self._texts:
            return
        chunk = self._start + b'{"index":%d,"delta":{' % choice
        self._texts[choice] = chunk + b'"content":'
        out.append(chunk + b'"role":"assistant","content":""}' + GOES_ON)

    def _write_chunk(
        self, choice: int, delta: dict[str, Json], out: list[bytes], tokens: tuple[TokenOdds, ...] = ()
    ) -> None:
        self._begin(choice, out)
        out.append(self._start + b'{"index":%d,"delta":' % choice + encode(delta))
        if tokens:
            out.append(b',"logprobs":' + encode({"content": render_tokens(tokens, self._alternatives)}))
        out.append(GOES_ON)

    def _render_piece(self, piece: CallPiece) -> dict[str, Json]:
        place = (piece.choice, piece.index)
        function: dict[str, Json] = {"arguments": piece.arguments}
        if piece.name:
            function["name"] = piece.name
        found: dict[str, Json] = {"index": piece.index, "function": function}
        if place not in self._calls:
            self._calls.add(place)
            found |= {"id": piece.id or name_call(self._id, piece.index), "type": "function"}
        return found

    def _end(self, event: Failed | Ended, out: list[bytes]) -> None:
        self._over = True
        self._texts.clear()
        if isinstance(event, Failed):
            out.append(render_failure(event))
            return
        if self._counts:
            out.append(render_counted(self._start, self._counted))
        out.append(DONE)


class WholeChat:
    """See `keepwell.plugins.whole_answer.Rendering`."""

    content_type = WHOLE_TYPE

    def __init__(self, asked: Asked, setting: Setting) -> None:
        self._setting = setting
        self._alternatives = asked.logprobs

    def render(self, events: Events, seconds: float) -> bytes:
        """See `keepwell.plugins.whole_answer.Rendering`."""
        found = {0: _Choice()}
        counted: Counted | None = None
        for event in events:
            match event:
                case Counted():
                    counted = event
                case Text() | Reasoning() | CallPiece() | Odds() | Finished():
                    found.setdefault(event.choice, _Choice()).take(event)
                case _:
                    pass
        choices = [self._render_choice(index, one) for index, one in sorted(found.items())]
        return render_whole(self._setting, "chat.completion", choices, counted)

    def render_failure(self, failed: Failed) -> bytes:
        """See `keepwell.plugins.whole_answer.Rendering`."""
        return encode(render_error(failed))

    def _render_choice(self, index: int, found: _Choice) -> Json:
        message: dict[str, Json] = {"role": "assistant", "content": "".join(found.texts)}
        if found.thoughts:
            message["reasoning_content"] = "".join(found.thoughts)
        if found.calls:
            message["content"] = message["content"] or None
            calls = sorted(found.calls.items())
            message["tool_calls"] = [one.render(name_call(self._setting.id, number)) for number, one in calls]
        choice: dict[str, Json] = {"index": index, "message": message}
        if self._alternatives >= 0:
            choice["logprobs"] = {"content": render_tokens(found.tokens, self._alternatives)}
        choice["finish_reason"] = WORDS[found.reason]
        return choice


@dataclass(slots=True)
class _Call:
    id: str
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def render(self, id: str) -> Json:
        function = {"name": self.name, "arguments": "".join(self.arguments)}
        return {"id": self.id or id, "type": "function", "function": function}


@dataclass(slots=True)
class _Choice:
    """One choice as it grows."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: dict[int, _Call] = field(default_factory=dict)
    tokens: list[TokenOdds] = field(default_factory=list)
    reason: Reason = "stop"

    def take(self, event: Text | Reasoning | CallPiece | Odds | Finished) -> None:
        match event:
            case Text(text):
                self.texts.append(text)
            case Reasoning(text):
                self.thoughts.append(text)
            case Odds(tokens):
                self.tokens.extend(tokens)
            case Finished():
                self.reason = event.reason
            case CallPiece():
                call = self.calls.setdefault(event.index, _Call(event.id))
                call.name = call.name or event.name
                call.arguments.append(event.arguments)


def name_call(answer: str, index: int) -> str:
    """An id for a call that has none, unlike those of other answers."""
    return f"call_{answer[-12:]}_{index}"
