"""Requests as clients write them, and what of them is refused, left out or kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keepwell.dialects.ollama.chat import CHAT
from keepwell.dialects.ollama.generate import GENERATE
from keepwell.plugins.asked import Asked, Image, Message, Shape, Tool, ToolCall
from keepwell.plugins.codec import Codec, Losses, Unreadable, find_losses

HI = (Message("user", ("hi",)),)


def read(codec: Codec, **fields: object) -> Asked:
    """What it makes of these fields."""
    return codec.read_request(json.dumps({"model": "m", **fields}).encode())


def written(codec: Codec, asked: Asked) -> dict[str, Any]:
    """The request as JSON."""
    found: dict[str, Any] = json.loads(codec.write_request(asked))
    return found


def says(*messages: dict[str, object]) -> tuple[Message, ...]:
    """The conversation of these."""
    return read(CHAT, messages=messages).messages


def test_it_streams_unless_it_says_no() -> None:
    assert read(CHAT, messages=[]).stream
    assert read(CHAT, messages=[], stream=None).stream
    assert not read(CHAT, messages=[], stream=False).stream
    assert written(CHAT, Asked(model="m"))["stream"] is False


def test_what_is_not_set_stays_so() -> None:
    asked = read(CHAT, messages=[{"role": "user", "content": "hi"}], options=None, think=None, format="", tools=None)
    assert asked == Asked(model="m", stream=True, messages=HI)
    assert set(written(CHAT, asked)) == {"model", "stream", "messages"}


@pytest.mark.parametrize(("given", "limit", "kept"), [
    (16, 16, {}), (16.0, 16, {}), (-1, None, {"num_predict": -1}), (-2, None, {"num_predict": -2}),
    (0, None, {"num_predict": 0}), (None, None, {}),
])  # fmt: skip
def test_no_limit_is_no_number_of_tokens(given: object, limit: int | None, kept: dict[str, object]) -> None:
    asked = read(CHAT, messages=[], options={"num_predict": given})
    assert (asked.max_tokens, asked.options) == (limit, kept)
    assert written(CHAT, asked).get("options", {}).get("num_predict") == (limit or kept.get("num_predict"))


def test_options() -> None:
    options = {"temperature": 0, "top_k": 5, "stop": "x", "num_ctx": 4096, "mirostat": 2, "made_up": 1, "seed": -1}
    asked = read(CHAT, messages=[], options=options, shift=False)
    assert (asked.temperature, asked.top_k, asked.stop, asked.seed) == (0.0, 5, ("x",), -1)
    assert asked.options == {"num_ctx": 4096, "mirostat": 2, "made_up": 1, "shift": False}
    again = written(CHAT, asked)
    assert again["shift"] is False
    assert again["options"] == {
        "num_ctx": 4096, "mirostat": 2, "temperature": 0.0, "top_k": 5, "stop": ["x"], "seed": -1,
    }  # fmt: skip
    assert find_losses(asked, CHAT) == Losses(dropped=("options.made_up",))


@pytest.mark.parametrize(("options", "sentence"), [
    ({"temperature": "0.5"}, 'option "temperature" must be a number'),
    ({"top_k": "5"}, 'option "top_k" must be of type integer'),
    ({"seed": True}, 'option "seed" must be of type integer'),
    ({"num_predict": "all"}, 'option "num_predict" must be of type integer'),
    ({"stop": [1]}, 'option "stop" must be an array of strings'),
    ({"min_p": 10**400}, 'option "min_p" is out of range'),
])  # fmt: skip
def test_wrong_options(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(Unreadable, match=sentence):
        read(CHAT, messages=[], options=options)


@pytest.mark.parametrize(("fields", "sentence"), [
    ({"model": ""}, "model is required"),
    ({"model": None}, "model is required"),
    ({"messages": "hi"}, "Expected `array"),
    ({"messages": [{"role": "user", "content": 5}]}, r"\$\.messages\[0\]\.content"),
    ({"messages": [{"role": "judge", "content": ""}]}, "role 'judge'"),
    ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "no function name"),
    ({"tools": [{"type": "web_search"}]}, "a tool has no function name"),
    ({"think": "hard"}, "think must be"),
    ({"format": "yaml"}, "invalid format"),
    ({"logprobs": True, "top_logprobs": 21}, "between 0 and 20"),
    ({"keep_alive": [1]}, "keep_alive"),
])  # fmt: skip
def test_wrong_fields(fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(Unreadable, match=sentence):
        read(CHAT, **{"messages": [], **fields})


@pytest.mark.parametrize("body", [b"", b"[]", b'{"model":', b'{"model":"\xff"}', b'{"format":' + b"[" * 100_000])
def test_what_is_no_json_object(body: bytes) -> None:
    for codec in (CHAT, GENERATE):
        with pytest.raises(Unreadable):
            codec.read_request(body)


def test_half_an_emoji_is_replaced() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"a\\ud83d \\\\ud83d \\ud83d\\ude00"}]}'
    assert CHAT.read_request(body).messages[0].text == "a\N{REPLACEMENT CHARACTER} \\ud83d \N{GRINNING FACE}"


def test_unknown_fields_are_told_if_they_say_something() -> None:
    asked = read(CHAT, messages=[], foo=1, bar=None, _debug_render_only=True)
    assert asked.unknown == ("foo", "_debug_render_only")
    assert find_losses(asked, CHAT).dropped == ("_debug_render_only", "foo")


def test_pictures_stand_where_the_model_gets_them() -> None:
    first, second = Image(data="iVBORw0KGgo="), Image(data="/9j/AA==")
    pair = ["iVBORw0KGgo=", "/9j/AA=="]
    (one,) = says({"role": "user", "content": "two", "images": pair})
    assert one.parts == (first, second, "two")
    (one,) = says({"role": "user", "content": "see [img] and [img] or [img]", "images": pair})
    assert one.parts == ("see ", first, " and ", second, " or [img]")
    (one,) = says({"role": "user", "content": "see [img]", "images": ["data:image/webp;base64,UklGR", *pair]})
    assert one.parts == (first, second, "see ", Image(data="UklGR", media_type="image/webp"))
    sent = written(CHAT, Asked(model="m", messages=(Message("user", ("see ", first, "?")),)))
    assert sent["messages"] == [{"role": "user", "content": "see [img]?", "images": ["iVBORw0KGgo="]}]


def test_what_cannot_be_said_is_refused() -> None:
    far = Message("user", ("look", Image(url="https://example.com/a.png")))
    broken = Message("assistant", calls=(ToolCall("c", "f", '{"a":'),))
    asked = Asked(model="m", messages=(far, broken), shape=Shape(schema=True), choices=2)
    refused = find_losses(asked, CHAT).refused
    assert refused == (
        "a schema that is no JSON object",
        "arguments of a tool call that are no JSON object",
        "choices",
        "images by address",
    )


def test_results_without_ids_find_their_calls() -> None:
    call = [{"function": {"name": "f", "arguments": {"n": at}}} for at in range(2)]
    other = [{"id": "own", "function": {"name": "g", "arguments": '{"x": 1}'}}]
    found = says(
        {"role": "assistant", "content": "", "tool_calls": [*call, *other]},
        {"role": "tool", "content": "g", "tool_name": "g"},
        {"role": "tool", "content": "f0", "tool_name": "f"},
        {"role": "tool", "content": "f1"},
        {"role": "assistant", "tool_calls": call[:1]},
        {"role": "tool", "content": "late", "tool_call_id": "call_3", "tool_name": "f"},
        {"role": "tool", "content": "lost", "tool_name": "h"},
    )
    assert [(one.id, one.arguments) for one in found[0].calls] == [
        ("call_0", '{"n":0}'), ("call_1", '{"n":1}'), ("own", '{"x": 1}'),
    ]  # fmt: skip
    assert [one.call_id for one in found if one.role == "tool"] == ["own", "call_0", "call_1", "call_3", ""]


def test_results_name_their_tools() -> None:
    messages = (Message("assistant", calls=(ToolCall("a", "f", ""),)), Message("tool", ("1",), call_id="a"))
    sent = written(CHAT, Asked(model="m", messages=messages))["messages"]
    assert sent[0]["tool_calls"] == [{"id": "a", "function": {"name": "f", "arguments": {}}}]
    assert sent[1] == {"role": "tool", "content": "1", "tool_name": "f", "tool_call_id": "a"}


def test_tools() -> None:
    asked = Asked(model="m", messages=HI, tools=(Tool("f"),), tool_choice="none")
    assert "tools" not in written(CHAT, asked)
    (tool,) = written(CHAT, Asked(model="m", tools=(Tool("f"),)))["tools"]
    assert tool["function"]["parameters"] == {"type": "object", "properties": {}}
    assert find_losses(asked, CHAT).dropped == ("tool_choice",)


@pytest.mark.parametrize(("think", "said"), [("minimal", "low"), ("none", False), ("xhigh", "high"), ("huge", True)])
def test_other_formats_efforts(think: str, said: object) -> None:
    assert written(CHAT, Asked(model="m", think=think))["think"] == said


def test_a_prompt_is_a_conversation() -> None:
    asked = read(GENERATE, prompt="p", system="s", images=["/9j/"], template="t", context=[1])
    assert asked.kind == "chat"
    assert asked.messages == (Message("system", ("s",)), Message("user", (Image(data="/9j/"), "p")))
    assert (asked.template, asked.context) == ("t", (1,))


def test_raw_and_suffix_are_completions() -> None:
    asked = read(GENERATE, prompt="p", raw=True, suffix="ignored")
    assert (asked.kind, asked.prompts, asked.suffix, asked.unknown) == ("completion", ("p",), "", ("suffix",))
    assert written(GENERATE, asked)["raw"] is True
    asked = read(GENERATE, prompt="p", suffix="s", system="ignored")
    assert (asked.kind, asked.prompts, asked.suffix, asked.unknown) == ("completion", ("p",), "s", ("system",))
    assert "raw" not in written(GENERATE, asked)
    with pytest.raises(Unreadable, match="raw mode does not support"):
        read(GENERATE, prompt="p", raw=True, system="s")


def test_nothing_asked_is_to_load() -> None:
    for asked in (read(CHAT), read(GENERATE), read(GENERATE, prompt="", system="s", raw=False)):
        assert (asked.kind, asked.messages, asked.prompts) == ("chat", (), ())
    assert find_losses(read(GENERATE, keep_alive="10m"), GENERATE) == Losses()


def test_what_a_prompt_cannot_say() -> None:
    for messages in (HI * 2, (Message("user", ("a", Image(data="x"))),), (Message("assistant", ("a",)),)):
        assert find_losses(Asked(model="m", messages=messages), GENERATE).refused == ("a conversation",)
    several = Asked(model="m", kind="completion", prompts=("a", "b"))
    assert find_losses(several, GENERATE).refused == ("more than one prompt",)
    assert find_losses(Asked(model="m", kind="completion", prompts=("",)), GENERATE).refused == ("an empty prompt",)
