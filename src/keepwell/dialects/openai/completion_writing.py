"""Writes answers of `/v1/completions`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from keepwell.dialects.openai.outcomes import NEVER, WORDS, render_error
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
    Counted,
    Ended,
    Event,
    Events,
    Failed,
    Finished,
    Odds,
    Reason,
    Text,
    TokenOdds,
)
from keepwell.plugins.asked import Asked, Json
from keepwell.plugins.codec import Setting

_KIND = "text_completion"


class CompletionStreamWriter:
    """See `keepwell.plugins.codec.Writer`."""

    content_type = STREAM_TYPE

    def __init__(self, asked: Asked, setting: Setting) -> None:
        self._start = render_start(setting, _KIND)
        self._texts: dict[int, bytes] = {}
        self._alternatives = asked.logprobs
        #: Characters of each choice whose tokens were told.
        self._offsets: dict[int, int] = {}
        self._counts = asked.counts
        self._counted: Counted | None = None
        self._over = False

    def write(self, events: Events, seconds: float) -> bytes:
        """See `keepwell.plugins.codec.Writer`."""
        out: list[bytes] = []
        if self._alternatives >= 0:
            for event, odds in pair_odds(events):
                self._write_event(event, odds, out)
            return b"".join(out)
        starts = self._texts
        for event in events:
            if type(event) is Text and (start := starts.get(event.choice)):
                out += (start, encode(event.text), GOES_ON)
            else:
                self._write_event(event, None, out)
        return b"".join(out)

    def _write_event(self, event: Event, odds: Odds | None, out: list[bytes]) -> None:
        if self._over:
            return
        match event:
            case Text(text, choice):
                self._write_text(choice, text, odds, out)
            case Odds(_, choice):
                self._write_text(choice, "", event, out)
            case Finished(reason, choice):
                out.append(self._start + b'{"index":%d,"text":"","logprobs":null,"finish_reason":' % choice)
                out.append(encode(WORDS[reason]) + b"}]}\n\n")
            case Counted():
                self._counted = event
            case Failed() | Ended():
                self._end(event, out)
            case _:
                pass

    def _write_text(self, choice: int, text: str, odds: Odds | None, out: list[bytes]) -> None:
        start = self._texts.get(choice)
        if start is None:
            start = self._texts[choice] = self._start + b'{"index":%d,"text":' % choice
        out += (start, encode(text))
        if odds is not None:
            offset = self._offsets.get(choice, 0)
            out.append(b',"logprobs":' + encode(render_lists(odds.tokens, self._alternatives, offset)))
            self._offsets[choice] = offset + sum(len(one.token) for one in odds.tokens)
        out.append(GOES_ON)

    def _end(self, event: Failed | Ended, out: list[bytes]) -> None:
        self._over = True
        self._texts.clear()
        if isinstance(event, Failed):
            out.append(render_failure(event))
            return
        if self._counts:
            out.append(render_counted(self._start, self._counted))
        out.append(DONE)


class WholeCompletion:
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
                case Text() | Odds() | Finished():
                    found.setdefault(event.choice, _Choice()).take(event)
                case _:
                    pass
        choices = [self._render_choice(index, one) for index, one in sorted(found.items())]
        return render_whole(self._setting, _KIND, choices, counted)

    def render_failure(self, failed: Failed) -> bytes:
        """See `keepwell.plugins.whole_answer.Rendering`."""
        return encode(render_error(failed))

    def _render_choice(self, index: int, found: _Choice) -> Json:
        odds: Json = None
        if self._alternatives >= 0:
            odds = render_lists(found.tokens, self._alternatives, 0)
        return {
            "index": index,
            "text": "".join(found.texts),
            "logprobs": odds,
            "finish_reason": WORDS[found.reason],
        }


def render_lists(tokens: Sequence[TokenOdds], alternatives: int, offset: int) -> dict[str, Json]:
    """The tokens as lists side by side; `offset` is where the first begins, in characters of the answer. One that was
    chosen is told beside its alternatives, as the interface has it.
    """
    offsets: list[int] = []
    for one in tokens:
        offsets.append(offset)
        offset += len(one.token)
    return {
        "tokens": [one.token for one in tokens],
        "token_logprobs": [_render_odds(one.logprob) for one in tokens],
        "top_logprobs": [
            {other: max(value, NEVER) for other, value in one.alternatives[: alternatives + 1]} or None
            for one in tokens
        ],
        "text_offset": offsets,
    }


def _render_odds(logprob: float) -> float | None:
    """Null is what the first token of a prompt has, which follows from nothing."""
    if math.isinf(logprob):
        return None
    return logprob


@dataclass(slots=True)
class _Choice:
    """One choice as it grows."""

    texts: list[str] = field(default_factory=list)
    tokens: list[TokenOdds] = field(default_factory=list)
    reason: Reason = "stop"

    def take(self, event: Text | Odds | Finished) -> None:
        match event:
            case Text(text):
                self.texts.append(text)
            case Odds(tokens):
                self.tokens.extend(tokens)
            case Finished():
                self.reason = event.reason
