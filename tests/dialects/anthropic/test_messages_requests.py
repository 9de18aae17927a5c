"""Requests of /v1/messages, as its documents show them and as clients send them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keepwell.dialects.anthropic import DIALECT
from keepwell.dialects.anthropic.messages import MESSAGES
from keepwell.dialects.anthropic.write_request import USUAL_MOST_TOKENS
from keepwell.plugins.asked import Asked, Image, Message, Shape, Tool, ToolCall
from keepwell.plugins.codec import Unreadable, find_losses

USER = [{"role": "user", "content": "hi"}]


def read(**fields: object) -> Asked:
    """A request with these fields."""
    return MESSAGES.read_request(json.dumps({"model": "m", "max_tokens": 9, "messages": USER, **fields}).encode())


def written(asked: Asked) -> dict[str, Any]:
    """The body of this request."""
    found: dict[str, Any] = json.loads(MESSAGES.write_request(asked))
    return found


def test_the_endpoint_has_it() -> None:
    assert [one.path for one in DIALECT.endpoints if one.codec is MESSAGES] == [b"/v1/messages"]


def test_a_conversation_with_tools_and_pictures_is_read() -> None:
    asked = read(
        system=[{"type": "text", "text": "Be short."}, {"type": "text", "text": "Be kind."}],
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "what?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    {"type": "image", "source": {"type": "url", "url": "https://pictures.test/a.png"}},
                    {
                        "type": "document",
                        "title": "T",
                        "source": {"type": "text", "media_type": "text/plain", "data": "D"},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "x"},
                    {"type": "text", "text": "Let me see."},
                    {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                    {"type": "tool_use", "id": "b", "name": "g", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "one"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "b",
                        "content": [
                            {"type": "text", "text": "two"},
                            {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "BBBB"}},
                        ],
                    },
                    {"type": "text", "text": "go on"},
                ],
            },
        ],
    )
    assert asked.messages == (
        Message("system", ("Be short.", "Be kind.")),
        Message(
            "user",
            ("what?", Image(data="AAAA", media_type="image/png"), Image(url="https://pictures.test/a.png"), "T\nD"),
        ),
        Message("assistant", ("Let me see.",), "hm", (ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "g", "{}"))),
        Message("tool", ("one",), call_id="a"),
        Message("tool", ("two", Image(data="BBBB", media_type="image/gif")), call_id="b"),
        Message("user", ("go on",)),
    )
    assert asked.unknown == ()


def test_settings_are_read() -> None:
    asked = read(
        stream=True,
        stop_sequences=["x"],
        temperature=1,
        top_p=0.5,
        top_k=3,
        metadata={"user_id": "u"},
        tools=[{"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True}],
        tool_choice={"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        output_config={"effort": "max", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    )
    assert asked == Asked(
        model="m",
        stream=True,
        messages=(Message("user", ("hi",)),),
        max_tokens=9,
        stop=("x",),
        temperature=1.0,
        top_p=0.5,
        top_k=3,
        user="u",
        tools=(Tool("f", "d", {"type": "object"}, True),),
        tool_choice="=f",
        parallel_calls=False,
        think="high",
        shape=Shape({"type": "object"}),
    )


@pytest.mark.parametrize(
    ("fields", "think", "unknown"),
    [
        ({}, None, ()),
        ({"thinking": {"type": "disabled"}}, False, ()),
        ({"thinking": {"type": "adaptive"}}, True, ()),
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, True, ("thinking.budget_tokens",)),
        ({"thinking": {"type": "enabled", "budget_tokens": 8}}, True, ()),
        ({"output_config": {"effort": "low"}}, "low", ()),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}}, "medium", ()),
    ],
)
def test_thinking_is_whether_or_how_hard(fields: dict[str, Any], think: object, unknown: tuple[str, ...]) -> None:
    asked = read(**fields)
    assert (asked.think, asked.unknown) == (think, unknown)


def test_what_only_tunes_their_servers_is_named() -> None:
    cached = {"type": "ephemeral"}
    asked = read(
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": cached}]},
            {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "is_error": True}]},
        ],
        service_tier="auto",
        context_management={"edits": []},
        container=None,
    )
    assert asked.unknown == ("cache_control", "context_management", "is_error", "redacted_thinking", "service_tier")
    assert find_losses(asked, MESSAGES).dropped == asked.unknown


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0]: web_search_20250305 is one of"),
        ({"tools": [{"input_schema": {}}]}, "tools[0]: it has no name"),
        ({"container": "c1"}, "container is kept at Anthropic"),
        ({"mcp_servers": [{"url": "x"}]}, "mcp_servers is kept at Anthropic"),
        ({"messages": []}, "messages: there has to be one"),
        ({"messages": [{"role": "bot", "content": "x"}]}, "messages[0].role: 'bot'"),
        (
            {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "base64"}}]}]},
            "document base64",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file"}}]}]}, "not by file"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "without tool_use_id"),
        ({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a"}]}]}, "without id or name"),
        (
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": []}]}
                ]
            },
            "is an object",
        ),
        ({"messages": [{"role": "assistant", "content": [{"type": "server_tool_use"}]}]}, "server_tool_use"),
        ({"messages": 7}, "$.messages"),
        ({"temperature": "warm"}, "$.temperature"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice"),
        ({"output_format": {"type": "xml"}}, "json_schema"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(Unreadable) as error:
        read(**fields)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"model":"m"}', b"\xff", b'{"model":"\xff","messages":[]}', b"[" * 9999]
)
def test_no_request_at_all(body: bytes) -> None:
    with pytest.raises(Unreadable):
        MESSAGES.read_request(body)


def test_half_an_emoji_is_none() -> None:
    asked = MESSAGES.read_request(b'{"model":"m","messages":[{"role":"user","content":"a\\ud83d"}]}')
    assert asked.messages[0].text == "a\ufffd"


def test_a_request_is_written_as_this_format_wants_it() -> None:
    asked = Asked(
        model="m",
        messages=(
            Message("system", ("Be short.",)),
            Message("user", ("what?", Image(data="/9j/AAAA"))),
            Message("assistant", ("Hm.",), "hm", (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "broken"))),
            Message("tool", ("one",), call_id="a"),
            Message("tool", (), call_id="b"),
            Message("system", ("Be quick.",)),
            Message("user", ("go",)),
        ),
        tools=(Tool("f"),),
        parallel_calls=True,
        think="low",
        user="u",
    )
    assert written(asked) == {
        "model": "m",
        "max_tokens": USUAL_MOST_TOKENS,
        "system": "Be short.",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "what?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/AAAA"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": ""},
                    {"type": "text", "text": "Hm."},
                    {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                    {"type": "tool_use", "id": "b", "name": "g", "input": {"arguments": "broken"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "one"},
                    {"type": "tool_result", "tool_use_id": "b", "content": ""},
                ],
            },
            {"role": "system", "content": "Be quick."},
            {"role": "user", "content": "go"},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": False},
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "output_config": {"effort": "low"},
        "metadata": {"user_id": "u"},
    }


def test_a_budget_is_less_than_all_tokens() -> None:
    assert written(Asked(model="m", max_tokens=100, think=True))["thinking"]["budget_tokens"] == 99
    assert written(Asked(model="m", max_tokens=1, think=True))["thinking"]["budget_tokens"] == 1
    assert written(Asked(model="m", think=False))["thinking"] == {"type": "disabled"}


def test_what_it_cannot_say() -> None:
    picture = Image(data="AAAA")
    asked = Asked(
        model="m",
        shape=Shape(),
        seed=1,
        choices=2,
        keep_alive="5m",
        options={"num_ctx": 1},
        messages=(Message("system", (picture,)), Message("assistant", (picture,)), Message("assistant", (picture,))),
    )
    losses = find_losses(asked, MESSAGES)
    assert losses.refused == ("choices", "images of the assistant", "images of the system", "shape")
    assert losses.dropped == ("keep_alive", "options.num_ctx", "seed")
