"""Requests and answers as Hypothesis draws them: what chats and completions of OpenAI's format can say."""

from __future__ import annotations

import json

import msgspec
from hypothesis import strategies as st

from keepwell.dialects.openai.settings import OPTIONS
from keepwell.plugins.answer_events import (
    Begun,
    CallPiece,
    Counted,
    Ended,
    Event,
    Finished,
    Odds,
    Reasoning,
    Text,
    TokenOdds,
)
from keepwell.plugins.asked import Asked, Image, Message, Shape, Tool, ToolCall

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TEXTS = ANY_TEXT.filter(bool)
NAMES = st.text("abcdefgh_", min_size=1, max_size=8)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**31), 2**31)
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | FINITE | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(ANY_TEXT, JSON, max_size=3)
ARGUMENTS = OBJECTS.map(lambda value: json.dumps(value, ensure_ascii=False))
MAYBE = st.sampled_from([None, True, False])
IMAGES = st.sampled_from(
    [
        Image(data="iVBORw0KGgoAAAA=", media_type="image/png"),
        Image(data="AAAA", media_type="image/webp"),
        Image(url="https://example.org/a.png?x=1,2;base64"),
    ]
)
TOOLS = st.builds(Tool, NAMES, ANY_TEXT, st.none() | OBJECTS, MAYBE)
CALLS = st.builds(ToolCall, NAMES, NAMES, ARGUMENTS)
PARTS = st.lists(TEXTS | IMAGES, max_size=3).map(tuple)
MESSAGES = (
    st.builds(Message, st.sampled_from(["system", "user"]), PARTS, name=st.just("") | NAMES)
    | st.builds(Message, st.just("assistant"), PARTS, ANY_TEXT, st.lists(CALLS, max_size=3).map(tuple))
    | st.builds(Message, st.just("tool"), PARTS, call_id=NAMES, name=st.just("") | NAMES)
)
SHAPES = st.none() | st.just(Shape()) | st.builds(Shape, OBJECTS | st.booleans(), NAMES, MAYBE)
LISTED = OPTIONS - {"structured_outputs"}


@st.composite
def chats(draw: st.DrawFn) -> Asked:
    """Requests of /v1/chat/completions."""
    tools = tuple(draw(st.lists(TOOLS, max_size=2)))
    asked = msgspec.structs.replace(
        draw(settings()),
        messages=tuple(draw(st.lists(MESSAGES, max_size=4))),
        tools=tools,
        logprobs=draw(st.integers(-1, 20)),
        think=draw(st.sampled_from([None, True, False, "low", "medium", "high", "max"])),
    )
    if not tools:
        return asked
    choices = ["", "auto", "none", "required", f"={tools[0].name}"]
    choice = draw(st.sampled_from(choices))
    return msgspec.structs.replace(asked, tool_choice=choice, parallel_calls=draw(MAYBE))


@st.composite
def completions(draw: st.DrawFn) -> Asked:
    """Requests of /v1/completions."""
    listed = draw(st.booleans())
    most = 3 if listed else 1
    texts = tuple(draw(st.lists(ANY_TEXT, min_size=1, max_size=most)))
    tokens = tuple(draw(st.lists(st.lists(st.integers(0, 99999), min_size=1).map(tuple), min_size=1, max_size=most)))
    prompts = draw(st.sampled_from([{"prompts": texts}, {"prompt_tokens": tokens}]))
    return msgspec.structs.replace(
        draw(settings()),
        kind="completion",
        listed=listed,
        suffix=draw(ANY_TEXT),
        echo=draw(st.booleans()),
        logprobs=draw(st.integers(-1, 5)),
        **prompts,
    )


@st.composite
def settings(draw: st.DrawFn) -> Asked:
    """What both have in common."""
    stream = draw(st.booleans())
    fractions = ("temperature", "top_p", "min_p", "frequency_penalty", "presence_penalty", "repeat_penalty")
    return Asked(
        model=draw(NAMES),
        stream=stream,
        counts=draw(st.booleans()) if stream else None,
        shape=draw(SHAPES),
        max_tokens=draw(st.none() | st.integers(0, 2**31)),
        stop=tuple(draw(st.lists(ANY_TEXT, max_size=3))),
        top_k=draw(st.none() | WHOLE),
        seed=draw(st.none() | WHOLE),
        choices=draw(st.integers(1, 4)),
        user=draw(ANY_TEXT),
        options=draw(st.dictionaries(st.sampled_from(sorted(LISTED)), JSON.filter(lambda one: one is not None))),
        **{name: draw(st.none() | FINITE) for name in fractions},
    )


@st.composite
def odds(draw: st.DrawFn, choice: int) -> Odds:
    """Probabilities of one or two tokens, each with other alternatives."""
    found = []
    for _ in range(draw(st.integers(1, 2))):
        likely = st.floats(-50, 0)
        others = draw(st.dictionaries(ANY_TEXT, likely, max_size=3))
        found.append(TokenOdds(draw(ANY_TEXT), draw(likely), tuple(others.items())))
    return Odds(tuple(found), choice)


@st.composite
def chat_answers(draw: st.DrawFn) -> list[Event]:
    """Answers of one or two choices, whose pieces stand among each other."""
    said: list[Event] = [Begun("m", "chatcmpl-1", 1_700_000_000)]
    choices = draw(st.integers(1, 2))
    calls = [0] * choices
    for _ in range(draw(st.integers(0, 10))):
        choice = draw(st.integers(0, choices - 1))
        kind = draw(st.sampled_from(["text", "thought", "odds", "call", "more"]))
        if kind == "text":
            said.append(Text(draw(TEXTS), choice))
        elif kind == "thought":
            said.append(Reasoning(draw(TEXTS), choice))
        elif kind == "odds":
            said.append(draw(odds(choice)))
        elif kind == "call":
            said.append(CallPiece(calls[choice], f"c{choice}_{calls[choice]}", draw(NAMES), draw(ANY_TEXT), choice))
            calls[choice] += 1
        elif calls[choice]:
            said.append(CallPiece(calls[choice] - 1, arguments=draw(TEXTS), choice=choice))
    reasons = [draw(st.sampled_from(["tools" if calls[at] else "stop", "length", "filter"])) for at in range(choices)]
    return [*said, *(Finished(reason, at) for at, reason in enumerate(reasons)), draw(counted()), Ended()]


@st.composite
def completion_answers(draw: st.DrawFn) -> list[Event]:
    """Answers of one or two choices."""
    said: list[Event] = [Begun("m", "cmpl-1", 1_700_000_000)]
    choices = draw(st.integers(1, 2))
    for _ in range(draw(st.integers(0, 10))):
        choice = draw(st.integers(0, choices - 1))
        said.append(draw(st.builds(Text, TEXTS, st.just(choice)) | odds(choice)))
    reasons = st.sampled_from(["stop", "length", "filter"])
    return [*said, *(Finished(draw(reasons), at) for at in range(choices)), draw(counted()), Ended()]


@st.composite
def counted(draw: st.DrawFn) -> Counted:
    """Counts, all of which the format has a place for."""
    told = st.integers(-1, 2**20)
    times = st.integers(-1, 2**40)
    return Counted(
        draw(st.integers(0, 2**20)),
        draw(st.integers(0, 2**20)),
        cached_tokens=draw(told),
        reasoning_tokens=draw(told),
        input_ns=draw(times),
        output_ns=draw(times),
    )


#: Events in any order, of any choice.
ANY_EVENTS = st.lists(
    st.builds(Text, ANY_TEXT, st.integers(0, 1))
    | st.builds(Reasoning, ANY_TEXT, st.integers(0, 1))
    | st.builds(CallPiece, st.integers(0, 2), st.just("") | NAMES, st.just("") | NAMES, ANY_TEXT, st.integers(0, 1))
    | odds(0)
    | st.builds(Finished, st.sampled_from(["stop", "length", "tools", "filter"]), st.integers(0, 1), ANY_TEXT)
    | counted()
    | st.just(Begun("x"))
    | st.just(Ended()),
    max_size=12,
)
