"""Chats and answers as Hypothesis draws them for formats with turns, thoughts and calls, and bodies made wrong."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from keepwell.plugins.answer_events import Begun, CallPiece, Ended, Event, Failed, Finished, Odds, Reasoning, Text
from keepwell.plugins.answer_events import Counted as Count
from keepwell.plugins.answer_events import TokenOdds as Token
from keepwell.plugins.asked import Asked, Image, Message, Shape, Tool, ToolCall
from keepwell.plugins.codec import Codec, Unreadable

TEXTS = st.text(max_size=20)
WORDS = st.text(min_size=1, max_size=20)
NAMES = st.text("abcdefgh_", min_size=1, max_size=8)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FINITE | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=3)
ARGUMENTS = OBJECTS.map(json.dumps)
IMAGES = st.builds(lambda name: Image(url=f"https://pictures.test/{name}"), NAMES) | st.builds(
    lambda data, kind: Image(data=data, media_type=kind),
    st.text("ABCabc+/9", min_size=4, max_size=12),
    st.sampled_from(["image/png", "image/jpeg", "image/webp"]),
)
TOOLS = st.lists(st.builds(Tool, NAMES, TEXTS, OBJECTS, st.none() | st.booleans()), max_size=2).map(tuple)


@st.composite
def turns(draw: st.DrawFn) -> tuple[Message, ...]:
    """A system prompt or none, then questions and answers in turn; calls have their results at once."""
    found: list[Message] = []
    if draw(st.booleans()):
        found.append(Message("system", tuple(draw(st.lists(WORDS, min_size=1, max_size=2)))))
    for turn in range(draw(st.integers(1, 3))):
        found.append(Message("user", tuple(draw(st.lists(WORDS | IMAGES, max_size=3)))))
        said = tuple(draw(st.lists(WORDS, max_size=2)))
        wished = draw(st.lists(st.tuples(NAMES, ARGUMENTS), max_size=2))
        calls = tuple(ToolCall(f"c{turn}_{at}", *one) for at, one in enumerate(wished))
        found.append(Message("assistant", said, draw(TEXTS), calls))
        found += [Message("tool", tuple(draw(st.lists(WORDS | IMAGES, max_size=2))), call_id=one.id) for one in calls]
        if draw(st.booleans()):
            found.append(Message("system", (draw(WORDS),)))
    return tuple(found)


@st.composite
def chats(draw: st.DrawFn, carries: frozenset[str], thinks: tuple[bool | str | None, ...], *, named: bool) -> Asked:
    """Requests with what these fields can say; `named` where a schema has a name."""
    tools = draw(TOOLS)
    shapes = OBJECTS.map(Shape)
    if named:
        shapes = st.just(Shape()) | st.builds(Shape, OBJECTS, NAMES, st.none() | st.booleans())
    choices = st.sampled_from(["auto", "required", "=f"])
    parallel = draw(st.none() | st.booleans())
    said: dict[str, Any] = {
        "messages": draw(turns()),
        "tools": tools,
        "shape": draw(st.none() | shapes),
        "max_tokens": draw(st.none() | st.integers(1, 2**31)),
        "stop": tuple(draw(st.lists(TEXTS, max_size=2))),
        "temperature": draw(st.none() | FINITE),
        "top_p": draw(st.none() | FINITE),
        "top_k": draw(st.none() | st.integers(0, 2**31)),
        "think": draw(st.sampled_from(thinks)),
        "logprobs": draw(st.integers(-1, 5)),
        "user": draw(TEXTS),
    }
    if tools:
        said["parallel_calls"] = parallel
        said["tool_choice"] = draw(choices if parallel is not None else choices | st.sampled_from(["", "none"]))
    known = {name: value for name, value in said.items() if name in carries}
    return Asked(model=draw(NAMES), stream=draw(st.booleans()), **known)


@st.composite
def answers(draw: st.DrawFn, *, odds: bool = False) -> list[Event]:
    """Answers in which text, thoughts and pieces of calls come in any order."""
    token = st.builds(
        Token, TEXTS, st.floats(-100, 0), st.lists(st.tuples(TEXTS, st.floats(-100, 0)), max_size=2).map(tuple)
    )
    said: list[Event] = []
    for piece in draw(st.lists(WORDS.map(Text) | WORDS.map(Reasoning), max_size=6)):
        said.append(piece)
        if odds and isinstance(piece, Text):
            said.append(Odds(tuple(draw(st.lists(token, min_size=1, max_size=2)))))
    calls = draw(st.lists(st.tuples(NAMES, ARGUMENTS), max_size=3))
    pieces = [CallPiece(at, f"c{at}", name) for at, (name, _) in enumerate(calls)]
    rest = [CallPiece(at, arguments=half) for at, (_, text) in enumerate(calls) for half in (text[:3], text[3:])]
    if draw(st.booleans()):
        rest.sort(key=lambda one: one.arguments.startswith("{") is False)
        said += [*pieces, *rest]
    else:
        said += [one for piece in pieces for one in (piece, *(two for two in rest if two.index == piece.index))]
    reason = draw(st.sampled_from(["tools" if calls else "stop", "length", "filter"]))
    given = draw(st.integers(1, 2**20))
    counted = Count(
        given,
        draw(st.integers(0, 2**20)),
        draw(st.just(-1) | st.integers(1, given)),
        draw(st.just(-1) | st.integers(1, 9)),
    )
    return [Begun("tiny", "7", 1.0), *said, Finished(reason), counted, Ended()]


#: Events in any order, of any choice, broken calls and all.
ANY_EVENTS = st.lists(
    st.builds(Text, TEXTS, st.integers(0, 1))
    | st.builds(Reasoning, TEXTS, st.integers(0, 1))
    | st.builds(CallPiece, st.integers(0, 2), TEXTS, TEXTS, st.sampled_from(["", "{", "}", '"a":1', "[]", "null"]))
    | st.builds(Odds, st.just((Token("a", -1.0),)))
    | st.builds(Finished, st.sampled_from(["stop", "length", "tools", "filter"]), st.integers(0, 1), TEXTS)
    | st.builds(Count, st.integers(-1, 9), st.integers(-1, 9), st.integers(-1, 9))
    | st.builds(Failed, TEXTS, st.sampled_from([0, 400, 503]))
    | st.just(Begun("x"))
    | st.just(Ended()),
    max_size=12,
)


@st.composite
def spoiled(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """One of these with bytes lost, doubled or changed, or with values of other types in its JSON."""
    body = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        to = min(len(body), at + draw(st.integers(0, 9)))
        body = (
            body[:at]
            + draw(
                st.sampled_from([b"", body[at:to] * 2, b"null", b"[", b'{"', b"7", b'"', b"\n\n", b"\xff", b"\\ud800"])
            )
            + body[to:]
        )
    return body


@st.composite
def retyped(draw: st.DrawFn, seeds: list[Any]) -> bytes:
    """One of these objects with some of its values replaced by any JSON."""

    def change(value: Any, depth: int) -> Any:
        if depth and draw(st.integers(0, 7)) == 0:
            return draw(JSON)
        if isinstance(value, dict):
            return {name: change(one, depth + 1) for name, one in value.items()}
        if isinstance(value, list):
            return [change(one, depth + 1) for one in value]
        return value

    return json.dumps(change(draw(st.sampled_from(seeds)), 0)).encode()


def read_cut(codec: Codec, body: bytes, cuts: list[int], *, stream: bool) -> list[Event]:
    """The events of a body that comes in these pieces."""
    reader = codec.make_reader(stream=stream)
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    found = [one for at, to in pairwise(places) for one in reader.feed(body[at:to])]
    return [*found, *reader.end()]


def check_answer(codec: Codec, body: bytes, cuts: list[int], *, stream: bool) -> None:
    """Whatever the bytes, the answer is over once, and well or failed."""
    events = read_cut(codec, body, cuts, stream=stream)
    ends = [one for one in events if isinstance(one, (Ended, Failed))]
    assert ends == events[-1:], events


def check_request(codec: Codec, body: bytes) -> None:
    """Whatever the bytes, the request is refused with a sentence, or read and then written and sized up."""
    said = ""
    try:
        asked = codec.read_request(body)
    except Unreadable as error:
        said = str(error) or "nothing"
    if said:
        assert said != "nothing"
        return
    assert isinstance(json.loads(codec.write_request(asked)), dict)
    codec.find_unsayable(asked)
