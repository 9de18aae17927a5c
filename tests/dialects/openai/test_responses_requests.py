"""Requests of /v1/responses, as its documents show them and as clients send them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keepwell.dialects.openai import DIALECT
from keepwell.dialects.openai.responses import RESPONSES
from keepwell.plugins.asked import Asked, Image, Message, Shape, Tool, ToolCall
from keepwell.plugins.codec import Unreadable, find_losses


def read(**fields: object) -> Asked:
    """A request with these fields."""
    return RESPONSES.read_request(json.dumps({"model": "m", "input": "hi", **fields}).encode())


def written(asked: Asked) -> dict[str, Any]:
    """The body of this request."""
    found: dict[str, Any] = json.loads(RESPONSES.write_request(asked))
    return found


def test_the_endpoint_has_it() -> None:
    assert [one.path for one in DIALECT.endpoints if one.codec is RESPONSES] == [b"/v1/responses"]


def test_a_text_is_a_question() -> None:
    assert read(instructions="Be short.").messages == (Message("system", ("Be short.",)), Message("user", ("hi",)))
    assert read(input="").messages == (Message("user"),)


def test_items_are_a_conversation() -> None:
    asked = read(
        input=[
            {"role": "developer", "content": "Be short."},
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "what?"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
                    {"type": "input_image", "image_url": "https://pictures.test/a.png"},
                ],
            },
            {"type": "reasoning", "id": "r", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
            {
                "type": "message",
                "id": "x",
                "role": "assistant",
                "status": "completed",
                "content": [
                    {"type": "output_text", "text": "Let me see.", "annotations": []},
                    {"type": "refusal", "refusal": "No."},
                ],
            },
            {"type": "function_call", "id": "y", "call_id": "a", "name": "f", "arguments": '{"x":1}'},
            {"type": "function_call", "call_id": "b", "name": "g", "arguments": ""},
            {"type": "function_call_output", "call_id": "a", "output": "one"},
            {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "two"}]},
            {"role": "user", "content": "go on"},
        ]
    )
    picture = Image(data="AAAA", media_type="image/png")
    assert asked.messages == (
        Message("system", ("Be short.",)),
        Message("user", ("what?", picture, Image(url="https://pictures.test/a.png"))),
        Message("assistant", ("Let me see.", "No."), "hm", (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", ""))),
        Message("tool", ("one",), call_id="a"),
        Message("tool", ("two",), call_id="b"),
        Message("user", ("go on",)),
    )


THOUGHT = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
SAID = {"type": "message", "role": "assistant", "content": "a"}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
CALLED = (ToolCall("c", "f", "{}"),)


@pytest.mark.parametrize(
    ("items", "messages"),
    [
        ([SAID, SAID], [Message("assistant", ("a",)), Message("assistant", ("a",))]),
        ([THOUGHT, SAID, THOUGHT, SAID], [Message("assistant", ("a",), "hm"), Message("assistant", ("a",), "hm")]),
        ([THOUGHT, THOUGHT, CALL], [Message("assistant", (), "hm\nhm", CALLED)]),
        ([THOUGHT, CALL, THOUGHT, CALL], [Message("assistant", (), "hm\nhm", CALLED * 2)]),
        ([CALL, SAID], [Message("assistant", ("a",), calls=CALLED)]),
        ([SAID, CALL, SAID], [Message("assistant", ("a", "a"), calls=CALLED)]),
        ([THOUGHT], [Message("assistant", (), "hm")]),
    ],
)
def test_items_of_one_answer_are_one_message(items: list[Any], messages: list[Message]) -> None:
    assert list(read(input=items).messages) == messages


def test_settings_are_read() -> None:
    asked = read(
        stream=True,
        max_output_tokens=9,
        temperature=1,
        top_p=0.5,
        top_logprobs=3,
        include=["message.output_text.logprobs"],
        tools=[{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}],
        tool_choice={"type": "function", "name": "f"},
        parallel_tool_calls=False,
        text={"format": {"type": "json_schema", "name": "s", "schema": {"type": "object"}, "strict": False}},
        reasoning={"effort": "minimal", "summary": "auto"},
        user="u",
        safety_identifier="v",
        stream_options={"include_obfuscation": False},
    )
    assert asked == Asked(
        model="m",
        stream=True,
        messages=(Message("user", ("hi",)),),
        max_tokens=9,
        temperature=1.0,
        top_p=0.5,
        logprobs=3,
        tools=(Tool("f", "d", {"type": "object"}, True),),
        tool_choice="=f",
        parallel_calls=False,
        shape=Shape({"type": "object"}, "s", False),
        think="low",
        user="v",
    )


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"text": {"format": {"type": "text"}}}, "shape", None),
        ({"text": {"format": {"type": "json_object"}}}, "shape", Shape()),
        ({"reasoning": {"effort": "none"}}, "think", False),
        ({"reasoning": {"effort": "xhigh"}}, "think", "high"),
        ({"reasoning": {"summary": "auto"}}, "think", None),
        ({"include": ["message.output_text.logprobs"]}, "logprobs", 0),
        ({"top_logprobs": 0}, "logprobs", -1),
        ({"tool_choice": "required"}, "tool_choice", "required"),
    ],
)
def test_a_field(fields: dict[str, Any], name: str, value: object) -> None:
    asked = read(**fields)
    assert getattr(asked, name) == value
    assert asked.unknown == ()


def test_what_is_left_out_is_named() -> None:
    asked = read(
        store=True,
        truncation="auto",
        metadata={"a": "b"},
        include=["reasoning.encrypted_content"],
        text={"verbosity": "low"},
        service_tier="flex",
        max_tool_calls=3,
        prompt_cache_key=None,
    )
    told = ("include", "max_tool_calls", "metadata", "service_tier", "store", "text.verbosity", "truncation")
    assert asked.unknown == told
    assert find_losses(asked, RESPONSES).dropped == told
    assert read(store=False, truncation="disabled", metadata={}, service_tier="auto", background=False).unknown == ()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id needs a server that remembers"),
        ({"conversation": "conv_1"}, "conversation needs a server that remembers"),
        ({"conversation": {"id": "conv_1"}}, "conversation needs"),
        ({"background": True}, "background needs"),
        ({"prompt": {"id": "p"}}, "prompt needs"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]: item_reference points at what a server keeps"),
        ({"input": [SAID, {"type": "web_search_call", "id": "x"}]}, "input[1]: items of type web_search_call"),
        ({"input": [{"type": "computer_call_output", "output": {"type": "x"}}]}, "items of type computer_call_output"),
        ({"input": [{"role": "bot", "content": "x"}]}, "input[0]: role: 'bot'"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]}, "input_file"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "x"}]}]}, "image_url"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "call_id"),
        ({"input": 7}, "$.input"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]: web_search is one of OpenAI's own tools"),
        ({"tools": [{"type": "function"}]}, "tools[0]: it has no name"),
        ({"tool_choice": {"type": "web_search"}}, "tool_choice: only"),
        ({"tool_choice": "maybe"}, "tool_choice: only"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format: 'grammar'"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort: 'huge'"),
        ({"temperature": "warm"}, "$.temperature"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(Unreadable) as error:
        read(**fields)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"model":"m"}', b"\xff", b'{"model":"\xff","input":""}', b"[" * 9999]
)
def test_no_request_at_all(body: bytes) -> None:
    with pytest.raises(Unreadable):
        RESPONSES.read_request(body)


def test_half_an_emoji_is_none() -> None:
    body = b'{"model":"m","input":[{"role":"user","content":"a\\ud83d"}]}'
    assert RESPONSES.read_request(body).messages[0].text == "a\ufffd"


def test_a_request_is_written() -> None:
    asked = Asked(
        model="m",
        messages=(
            Message("system", ("Be short.",)),
            Message("user", ("what?", Image(data="/9j/AAAA"))),
            Message("assistant", ("Hm.", "So."), "hm", (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", ""))),
            Message("tool", ("one",), call_id="a"),
            Message("tool", (), call_id="b"),
            Message("system", ("Be quick.",)),
        ),
        tools=(Tool("f", "d"),),
        tool_choice="=f",
        think=True,
        shape=Shape(),
        logprobs=0,
        user="u",
    )
    content = [{"type": "output_text", "text": one, "annotations": []} for one in ("Hm.", "So.")]
    picture = {"type": "input_image", "image_url": "data:image/jpeg;base64,/9j/AAAA", "detail": "auto"}
    thought = [{"type": "reasoning_text", "text": "hm"}]
    assert written(asked) == {
        "model": "m",
        "instructions": "Be short.",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "what?"}, picture]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "content": thought},
            {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": content},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": '{"x":1}'},
            {"type": "function_call", "call_id": "b", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "one"},
            {"type": "function_call_output", "call_id": "b", "output": ""},
            {"type": "message", "role": "system", "content": "Be quick."},
        ],
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": None, "strict": None}],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": {"type": "json_object"}},
        "reasoning": {"effort": "medium"},
        "include": ["message.output_text.logprobs"],
        "user": "u",
        "store": False,
    }


def test_what_it_cannot_say() -> None:
    asked = Asked(
        model="m",
        messages=(Message("user", (Image(data="A"),)), Message("assistant", (Image(data="A"),))),
        stop=("x",),
        seed=1,
        top_k=1,
        choices=2,
    )
    losses = find_losses(asked, RESPONSES)
    assert losses.refused == ("choices", "images of the assistant")
    assert losses.dropped == ("seed", "stop", "top_k")
