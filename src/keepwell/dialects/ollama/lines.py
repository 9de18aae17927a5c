"""Writes answers of `/api/chat` and `/api/generate`: a line each piece, or one object."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from keepwell.dialects.ollama.messages import write_call
from keepwell.plugins.answer_events import (
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
from keepwell.plugins.asked import Json, ToolCall
from keepwell.plugins.codec import Setting

_REASONS: Mapping[Reason, str] = {"stop": "stop", "tools": "stop", "length": "length", "filter": "content_filter"}
#: Ollama's own words for answers to requests that only load or unload; such answers tell no times.
_LOADING = frozenset({"load", "unload"})
_PIECES = (Text, Reasoning, CallPiece)
_LAST = (Failed, Ended)
#: Stands for the logarithm of 0, which JSON has no number for; OpenAI and vLLM write it so.
IMPOSSIBLE = -9999.0
#: The last second of the year 9999: what can be written.
_LAST_SECOND = 253402300799
_END = b',"done":false}\n'
#: Lines of one millisecond share their moment, which is told to the nanosecond: a stamp costs as much as a line.
_TICKS = 1000


@dataclass(frozen=True, slots=True)
class Form:
    """How a piece lies in an object: what stands before a text, a thought and calls, and behind them."""

    text: bytes
    thinking: bytes
    calls: bytes
    close: bytes
    #: The fields of a whole answer from "content", "thinking" and "tool_calls".
    place: Callable[[dict[str, Json]], dict[str, Json]]


@dataclass(slots=True)
class Held:
    """What an answer's end tells: gathered from its events."""

    form: Form
    setting: Setting
    calls: dict[int, list[str]] = field(default_factory=dict)
    finished: Finished = field(default_factory=Finished)
    counted: Counted = field(default_factory=Counted)
    first_ns: int = -1
    over: bool = False
    _second: tuple[int, str] = (-1, "")

    def note(self, one: Event) -> None:
        """Keep a call's piece, a reason or counts."""
        if isinstance(one, CallPiece):
            call = self.calls.setdefault(one.index, ["", "", ""])
            for at, piece in enumerate((one.id, one.name, one.arguments)):
                call[at] += piece
        elif isinstance(one, Finished):
            self.finished = one
        elif isinstance(one, Counted):
            self.counted = one

    def note_first(self, events: Events, seconds: float) -> None:
        """Keep when the first piece came."""
        if self.first_ns < 0 and any(isinstance(one, _PIECES) for one in events):
            self.first_ns = round(seconds * 1e9)

    def take_calls(self) -> tuple[list[dict[str, Json]], str]:
        """The calls that are whole, and the text of those whose arguments are no JSON object: so does Ollama."""
        found: list[dict[str, Json]] = []
        text = ""
        for call_id, name, arguments in self.calls.values():
            call = write_call(ToolCall(call_id, name, arguments), len(found))
            if call is None:
                text += f"{name} {arguments}"
            else:
                found.append(call)
        self.calls.clear()
        return found, text

    def stamp(self, seconds: float) -> str:
        """RFC 3339 with nanoseconds: the moment for the answer and what has passed since."""
        moment = min(max(0.0, self.setting.created + seconds), _LAST_SECOND)
        whole = int(moment)
        if whole != self._second[0]:
            self._second = (whole, datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
        return f"{self._second[1]}.{int((moment - whole) * 1e9):09d}Z"

    def tell_end(self, seconds: float) -> dict[str, Json]:
        """The fields of the last object. Counts that no engine told are left out. Times that none told are measured:
        until the first piece for the prompt, the rest for the answer; an answer that came at once counts as the rest.
        """
        finished, counted = self.finished, self.counted
        if finished.said in _LOADING:
            return {"done": True, "done_reason": finished.said}
        fields: dict[str, Json] = {"done": True, "done_reason": _REASONS[finished.reason]}
        total, load, prompt, rest = find_times(counted, self.first_ns, round(seconds * 1e9))
        fields |= {"total_duration": total, "load_duration": load}
        if counted.input_tokens >= 0:
            fields["prompt_eval_count"] = counted.input_tokens
        fields["prompt_eval_duration"] = prompt
        if counted.output_tokens >= 0:
            fields["eval_count"] = counted.output_tokens
        fields["eval_duration"] = rest
        return fields


class StreamWriter:
    """See `keepwell.plugins.codec.Writer`; each piece is a line."""

    content_type = b"application/x-ndjson"

    def __init__(self, form: Form, setting: Setting) -> None:
        self._form = form
        self._held = Held(form, setting)
        self._head = b'{"model":' + encode(setting.model) + b',"created_at":"'
        self._behind = form.close + _END
        self._tick = -1
        self._lead = self._before = b""

    def write(self, events: Events, seconds: float) -> bytes:
        """Their lines."""
        held = self._held
        if held.over:
            return b""
        if held.first_ns < 0:
            held.note_first(events, seconds)
        tick = int(seconds * _TICKS)
        if tick != self._tick:
            self._tick, self._lead = tick, self._head + held.stamp(seconds).encode() + b'",'
            self._before = self._lead + self._form.text
        lead, before, behind = self._lead, self._before, self._behind
        out: list[bytes] = []
        add = out.append
        for one in events:
            if type(one) is Text:
                if not one.choice:
                    add(before)
                    add(encode(one.text))
                    add(behind)
                continue
            self._write_other(one, lead, seconds, out)
            if isinstance(one, _LAST):
                held.over = True
                break
        return b"".join(out)

    def _write_other(self, one: Event, lead: bytes, seconds: float, out: list[bytes]) -> None:
        held, form = self._held, self._form
        if getattr(one, "choice", 0):
            return
        if isinstance(one, Reasoning):
            out.append(lead + form.thinking + encode(one.text) + form.close + _END)
        elif isinstance(one, Odds):
            self._add_odds(one, lead, out)
        elif isinstance(one, Failed):
            out.append(b'{"error":' + encode(one.message) + b"}\n")
        elif isinstance(one, Ended):
            self._write_end(lead, seconds, out)
        else:
            held.note(one)

    def _add_odds(self, one: Odds, lead: bytes, out: list[bytes]) -> None:
        """In the line before, which they are for; alone where that is on its way or has its own."""
        if not out or not out[-1].endswith(_END):
            out.append(lead + self._form.text + b'""' + self._form.close + _END)
        out[-1] = out[-1].removesuffix(b"}\n") + b',"logprobs":' + encode(write_odds(one)) + b"}\n"

    def _write_end(self, lead: bytes, seconds: float, out: list[bytes]) -> None:
        form = self._form
        calls, text = self._held.take_calls()
        if text:
            out.append(lead + form.text + encode(text) + form.close + _END)
        if calls:
            out.append(lead + form.calls + encode(calls) + form.close + _END)
        last = encode(self._held.tell_end(seconds))
        out.append(lead + form.text + b'""' + form.close + b"," + last[1:] + b"\n")


class WholeWriter:
    """See `keepwell.plugins.codec.Writer`; the answer is one object."""

    content_type = b"application/json; charset=utf-8"

    def __init__(self, form: Form, setting: Setting) -> None:
        self._held = Held(form, setting)
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._odds: list[Json] = []

    def write(self, events: Events, seconds: float) -> bytes:
        """The object, when the answer is over."""
        held = self._held
        held.note_first(events, seconds)
        for one in events:
            if held.over:
                return b""
            if isinstance(one, Failed):
                held.over = True
                return encode({"error": one.message})
            if isinstance(one, Ended):
                held.over = True
                return self._write_end(seconds)
            self._keep(one)
        return b""

    def _keep(self, one: Event) -> None:
        if getattr(one, "choice", 0):
            return
        if isinstance(one, Text):
            self._texts.append(one.text)
        elif isinstance(one, Reasoning):
            self._thoughts.append(one.text)
        elif isinstance(one, Odds):
            self._odds += write_odds(one)
        else:
            self._held.note(one)

    def _write_end(self, seconds: float) -> bytes:
        held = self._held
        calls, text = held.take_calls()
        said: dict[str, Json] = {"content": "".join(self._texts) + text}
        if self._thoughts:
            said["thinking"] = "".join(self._thoughts)
        if calls:
            said["tool_calls"] = calls
        answer: dict[str, Json] = {"model": held.setting.model, "created_at": held.stamp(seconds)}
        answer |= held.form.place(said) | held.tell_end(seconds)
        if self._odds:
            answer["logprobs"] = self._odds
        return encode(answer)


def find_times(counted: Counted, first_ns: int, total_ns: int) -> tuple[int, int, int, int]:
    """Nanoseconds in all, of loading, of the prompt and of the answer: as told, else as measured."""
    total, load, prompt, rest = counted.total_ns, max(0, counted.load_ns), counted.input_ns, counted.output_ns
    if total < 0:
        total = max(0, total_ns)
    if prompt < 0:
        prompt = max(0, first_ns) * (first_ns < total_ns)
    if rest < 0:
        rest = max(0, total - load - prompt)
    return total, load, prompt, rest


def write_odds(odds: Odds) -> list[dict[str, Json]]:
    """Tokens with their probabilities; each with its bytes, as Ollama tells them."""
    return [_write_token(token) for token in odds.tokens]


def encode(value: Json) -> bytes:
    """JSON; half a character becomes a question mark."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(mend(value))


def mend(value: Json) -> Json:
    """The same without lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {mend(key): mend(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [mend(one) for one in value]
    return value


def _write_token(token: TokenOdds) -> dict[str, Json]:
    fields: dict[str, Json] = _write_alternative(token.token, token.logprob)
    if token.alternatives:
        fields["top_logprobs"] = [_write_alternative(*one) for one in token.alternatives]
    return fields


def _write_alternative(token: str, logprob: float) -> dict[str, Json]:
    if not math.isfinite(logprob):
        logprob = IMPOSSIBLE
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "replace"))}
