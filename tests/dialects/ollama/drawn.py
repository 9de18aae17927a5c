"""Requests and answers as Hypothesis draws them: what Ollama's format can say."""

from __future__ import annotations

import json

import msgspec
from hypothesis import strategies as st

from keepwell.dialects.ollama.options import OPTIONS
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

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
#: Texts in which no picture has a place, and that say something.
WORDS = TEXTS.filter(lambda text: text != "" and "[" not in text)
NAMES = st.text("abcdefgh_", min_size=1, max_size=8)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**31), 2**31)
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | FINITE | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=3)
ARGUMENTS = OBJECTS.map(lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False))
IMAGES = st.sampled_from(["iVBORw0KGgoAAAA=", "/9j/AAAA", "R0lGODlh"]).map(lambda data: Image(data=data))
TOOLS = st.builds(Tool, NAMES, TEXTS, OBJECTS, st.none() | st.booleans())


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Messages of all roles; results belong to calls before them and name their tool."""
    found: list[Message] = []
    open_calls: list[ToolCall] = []
    for _ in range(draw(st.integers(0, 6))):
        role = draw(st.sampled_from(["system", "user", "assistant", "tool"]))
        if role == "user":
            found.append(Message("user", draw(parts())))
        elif role == "assistant":
            names = draw(st.lists(NAMES, max_size=3))
            count = sum(len(one.calls) for one in found)
            calls = tuple(ToolCall(f"c{count + at}", name, draw(ARGUMENTS)) for at, name in enumerate(names))
            open_calls += calls
            found.append(Message("assistant", draw(one_text()), reasoning=draw(TEXTS), calls=calls))
        elif role == "tool" and open_calls:
            call = open_calls.pop(draw(st.integers(0, len(open_calls) - 1)))
            found.append(Message("tool", draw(one_text()), call_id=call.id, name=call.name))
        elif role == "system":
            found.append(Message("system", draw(one_text())))
    return tuple(found)


def one_text() -> st.SearchStrategy[tuple[str, ...]]:
    """No text or one."""
    return st.just(()) | TEXTS.filter(bool).map(lambda text: (text,))


@st.composite
def parts(draw: st.DrawFn) -> tuple[str | Image, ...]:
    """Texts and pictures in any order, no two texts side by side."""
    found: list[str | Image] = []
    for one in draw(st.lists(WORDS | IMAGES, max_size=5)):
        if isinstance(one, str) and found and isinstance(found[-1], str):
            continue
        found.append(one)
    return tuple(found)


def settings() -> dict[str, st.SearchStrategy[object]]:
    """Strategies of the fields that requests for an answer have beside what is asked."""
    numbers = ("temperature", "top_p", "min_p", "frequency_penalty", "presence_penalty", "repeat_penalty")
    return {
        "model": NAMES,
        "stream": st.booleans(),
        "shape": st.none() | st.just(Shape()) | OBJECTS.map(lambda schema: Shape(schema=schema)),
        "think": st.sampled_from([None, True, False, "low", "medium", "high", "max"]),
        "keep_alive": st.none() | WHOLE | st.sampled_from(["5m", "-1", "1h30m", 0, 0.5]),
        "logprobs": st.integers(-1, 20),
        "truncate": st.none() | st.booleans(),
        "max_tokens": st.none() | st.integers(1, 2**31),
        "stop": st.lists(TEXTS, max_size=3).map(tuple),
        "top_k": st.none() | WHOLE,
        "seed": st.none() | WHOLE,
        "options": st.dictionaries(st.sampled_from(sorted(OPTIONS - {"num_predict", "shift"})), WHOLE, max_size=3),
        **{name: st.none() | FINITE for name in numbers},
    }


def chats() -> st.SearchStrategy[Asked]:
    """Requests of /api/chat."""
    return st.builds(Asked, messages=conversations(), tools=st.lists(TOOLS, max_size=2).map(tuple), **settings())


@st.composite
def prompts(draw: st.DrawFn) -> Asked:
    """Requests of /api/generate: by the template, raw, with a suffix, or to load."""
    said: dict[str, object] = {name: draw(strategy) for name, strategy in settings().items()}
    beside = {
        "template": draw(TEXTS),
        "context": tuple(draw(st.lists(st.integers(0, 99999), max_size=3))),
    }
    kind = draw(st.sampled_from(["load", "raw", "suffix", "chat"]))
    text = draw(TEXTS.filter(bool))
    if kind == "raw":
        said |= {"kind": "completion", "prompts": (text,), "listed": False}
    elif kind == "suffix":
        said |= {
            "kind": "completion",
            "prompts": (text,),
            "listed": False,
            "suffix": draw(TEXTS.filter(bool)),
            **beside,
        }
    elif kind == "chat":
        system = tuple(Message("system", (one,)) for one in draw(st.lists(TEXTS.filter(bool), max_size=1)))
        pictures = draw(st.lists(IMAGES, max_size=2))
        said |= {"messages": (*system, Message("user", (*pictures, text))), **beside}
    return msgspec.structs.replace(Asked(model="m"), **said)


def odds() -> st.SearchStrategy[Odds]:
    """Probabilities of one or two tokens."""
    token = st.builds(TokenOdds, TEXTS, FINITE, st.lists(st.tuples(TEXTS, FINITE), max_size=2).map(tuple))
    return st.lists(token, min_size=1, max_size=2).map(lambda tokens: Odds(tuple(tokens)))


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """Whole answers as a reader of this format gives them: calls in one piece, odds behind what they are of."""
    said: list[Event] = [Begun("m", created=1_700_000_000.5)]
    said += draw(st.lists(TEXTS.filter(bool).map(Text) | TEXTS.filter(bool).map(Reasoning) | odds(), max_size=8))
    calls = draw(st.lists(st.tuples(NAMES, ARGUMENTS), max_size=3))
    said += [CallPiece(at, f"c{at}", name, arguments) for at, (name, arguments) in enumerate(calls)]
    said.append(Finished(draw(st.sampled_from(["tools" if calls else "stop", "length", "filter"]))))
    number = st.integers(0, 2**40)
    counted = Counted(
        **{name: draw(number) for name in ("total_ns", "load_ns", "input_ns", "output_ns")},
        **{name: draw(st.integers(-1, 2**20)) for name in ("input_tokens", "output_tokens")},
    )
    return [*said, counted, Ended()]


#: Events in any order, of any choice, broken calls and all.
ANY_EVENTS = st.lists(
    st.builds(Text, st.text(max_size=5), st.integers(0, 1))
    | st.builds(Reasoning, st.text(max_size=5), st.integers(0, 1))
    | st.builds(CallPiece, st.integers(0, 2), NAMES, NAMES, st.sampled_from(["", "{", "}", '"a":1', "[]", "\ud800"]))
    | odds()
    | st.builds(Finished, st.sampled_from(["stop", "length", "tools", "filter"]), st.integers(0, 1), TEXTS)
    | st.builds(Counted, WHOLE, WHOLE, total_ns=WHOLE, output_ns=WHOLE)
    | st.just(Begun("x"))
    | st.just(Ended()),
    max_size=12,
)
