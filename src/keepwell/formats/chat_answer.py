"""What a model's answer says in any of the three forms in use: one JSON mapping, server-sent events, JSON lines.

Read without trust: whatever is not as promised is told in `problem`, nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from keepwell.core.text import cut_text, escape_controls

#: Characters of the model's and the server's words that are kept.
SAID_CHARACTERS = 300
#: The last event of a stream of the OpenAI form.
DONE = "[DONE]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswer:
    """An answer. `form` is json, events or lines; `events` is the number of parts that carried words.

    `ended` tells whether the mark of the end came ("[DONE]", or a line with `done`; always for one mapping).
    `error` is what an error in place of words says; `problem` what is wrong with the form. Tokens are 0 if not told.
    """

    form: str
    model: str = ""
    text: str = ""
    finish: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    events: int = 0
    ended: bool = False
    fingerprint: str = ""
    error: str = ""
    problem: str = ""


def parse_chat_answer(body: bytes) -> ChatAnswer:
    """The answer in a whole body, or in as much of one as came."""
    text = body.decode("utf-8", "replace")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if any(line.startswith(("data:", "event:")) for line in lines):
        return _parse_events(lines)
    filled = [line for line in lines if line.strip()]
    whole = _decode(text)
    if isinstance(whole, Mapping):
        return _add(_Sum(), whole).answer("json", ended=_is_last(whole) or "choices" in whole)
    if len(filled) > 1 and isinstance(_decode(filled[0]), Mapping):
        return _parse_lines(filled)
    said = cut_text(escape_controls(text.strip()), SAID_CHARACTERS) or "an empty body"
    return ChatAnswer(form="json", problem=f"the answer is not JSON: {said}")


@dataclass(slots=True)
class _Sum:
    """What the parts of an answer say together."""

    model: str = ""
    text: str = ""
    finish: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    events: int = 0
    fingerprint: str = ""
    error: str = ""
    problem: str = ""

    def answer(self, form: str, *, ended: bool) -> ChatAnswer:
        """The answer, its words cut and made safe to show."""
        return ChatAnswer(
            form=form,
            model=_shown(self.model),
            text=_shown(self.text),
            finish=_shown(self.finish),
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            events=self.events,
            ended=ended,
            fingerprint=_shown(self.fingerprint),
            error=_shown(self.error),
            problem=self.problem,
        )


def _shown(text: str) -> str:
    return cut_text(escape_controls(text), SAID_CHARACTERS)


def _parse_events(lines: list[str]) -> ChatAnswer:
    told, ended = _Sum(), False
    for line in lines:
        name, colon, value = line.partition(":")
        if name != "data" or not colon:
            continue
        value = value.strip()
        if value == DONE:
            ended = True
            continue
        _add_line(told, value, "event")
    return told.answer("events", ended=ended)


def _parse_lines(lines: list[str]) -> ChatAnswer:
    told, ended = _Sum(), False
    for line in lines:
        ended = _is_last(_add_line(told, line, "line")) or ended
    return told.answer("lines", ended=ended)


def _add_line(told: _Sum, text: str, what: str) -> Mapping[str, object]:
    found = _decode(text)
    if isinstance(found, Mapping):
        _add(told, found)
        return found
    told.problem = told.problem or f"an {what} of the stream is not a JSON mapping: {_shown(text)}"
    return {}


def _decode(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _is_last(part: Mapping[str, object]) -> bool:
    return part.get("done") is True


def _add(told: _Sum, part: Mapping[str, object]) -> _Sum:
    told.model = _text(part, "model") or told.model
    told.fingerprint = _text(part, "system_fingerprint") or told.fingerprint
    told.error = _error(part) or told.error
    told.finish = _text(part, "done_reason") or told.finish
    words = "".join(_words(part, told))
    told.text += words
    told.events += bool(words)
    usage = _mapping(part, "usage")
    told.input_tokens = _count(usage, "prompt_tokens") or _count(part, "prompt_eval_count") or told.input_tokens
    told.output_tokens = _count(usage, "completion_tokens") or _count(part, "eval_count") or told.output_tokens
    return told


def _words(part: Mapping[str, object], told: _Sum) -> Iterator[str]:
    """The words of a part: of its message or response, or of each choice; thoughts are words too."""
    yield _text(part, "response")
    yield from _spoken(_mapping(part, "message"))
    choices = part.get("choices")
    if not isinstance(choices, list):
        return
    for one in choices:
        if isinstance(one, Mapping):
            told.finish = _text(one, "finish_reason") or told.finish
            yield _text(one, "text")
            yield from _spoken(_mapping(one, "message"))
            yield from _spoken(_mapping(one, "delta"))


def _spoken(message: Mapping[str, object]) -> Iterator[str]:
    for name in ("reasoning_content", "reasoning", "thinking", "content"):
        yield _text(message, name)


def _error(part: Mapping[str, object]) -> str:
    return _text(part, "error") or _text(_mapping(part, "error"), "message")


def _text(part: Mapping[str, object], name: str) -> str:
    value = part.get(name)
    if isinstance(value, str):
        return value
    return ""


def _mapping(part: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = part.get(name)
    if isinstance(value, Mapping):
        return value
    return {}


def _count(part: Mapping[str, object], name: str) -> int:
    value = part.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    return 0
