"""What writers of this format have in common: server-sent events of chunks that differ in little."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from keepwell.dialects.openai.outcomes import render_counts, render_error
from keepwell.plugins.answer_events import Counted, Event, Failed, Odds, Text
from keepwell.plugins.asked import Json
from keepwell.plugins.codec import Setting

encode = msgspec.json.Encoder().encode
STREAM_TYPE = b"text/event-stream"
WHOLE_TYPE = b"application/json"
#: The end of a chunk in the middle of a choice, after its object.
GOES_ON = b',"finish_reason":null}]}\n\n'
DONE = b"data: [DONE]\n\n"


def render_start(setting: Setting, kind: str) -> bytes:
    """A chunk up to its choices."""
    head = {"id": setting.id, "object": kind, "created": int(setting.created), "model": setting.model}
    return b"data: " + encode(head)[:-1] + b',"choices":['


def render_counted(start: bytes, counted: Counted | None) -> bytes:
    """The chunk with the counts, b"" if there are none."""
    if counted is None:
        return b""
    fields = render_counts(counted)
    if not fields:
        return b""
    return start + b"]," + encode(fields)[1:] + b"\n\n"


def render_failure(failed: Failed) -> bytes:
    """An event with the error; no `[DONE]` follows."""
    return b"data: " + encode(render_error(failed)) + b"\n\n"


def render_whole(setting: Setting, kind: str, choices: list[Json], counted: Counted | None) -> bytes:
    """A body."""
    body: dict[str, Json] = {"id": setting.id, "object": kind, "created": int(setting.created)}
    body |= {"model": setting.model, "choices": choices}
    if counted is not None:
        body |= render_counts(counted)
    return encode(body)


def pair_odds(events: Iterable[Event]) -> Iterator[tuple[Event, Odds | None]]:
    """Each event, a text with the likelihoods that follow it: clients look for both in one chunk."""
    held: Text | None = None
    for event in events:
        if held is not None:
            if isinstance(event, Odds) and event.choice == held.choice:
                yield held, event
                held = None
                continue
            yield held, None
            held = None
        if isinstance(event, Text):
            held = event
        else:
            yield event, None
    if held is not None:
        yield held, None
