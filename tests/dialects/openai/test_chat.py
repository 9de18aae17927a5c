"""Chats: what clients send is understood, what engines answer is told in common words, and both are written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keepwell.dialects.openai.chat import CHAT
from keepwell.plugins.answer_events import (
    Begun,
    CallPiece,
    Counted,
    Ended,
    Event,
    Events,
    Failed,
    Finished,
    Odds,
    Reasoning,
    Text,
    TokenOdds,
)
from keepwell.plugins.asked import Asked, Image, Message, Shape, Tool, ToolCall
from keepwell.plugins.codec import Setting, Unreadable, find_losses, read_whole

SETTING = Setting(model="public", id="chatcmpl-77", created=1_700_000_000.7)


def ask(**fields: object) -> Asked:
    """A request with these fields beside the usual ones."""
    usual = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    return CHAT.read_request(json.dumps(usual | fields).encode())


def told(**fields: Any) -> dict[str, Any]:
    """What is written for a request with these settings."""
    body: dict[str, Any] = json.loads(CHAT.write_request(Asked(model="m", **fields)))
    return body


def stream(*chunks: object, done: bool = True) -> list[Event]:
    """The events of a stream of these chunks."""
    body = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in chunks)
    return read_whole(CHAT, body + b"data: [DONE]\n\n" * done, stream=True)


def delta(_index: int = 0, **fields: object) -> dict[str, object]:
    """A chunk that goes on with these fields."""
    return {"choices": [{"index": _index, "delta": fields}]}


def over(reason: str) -> dict[str, object]:
    """A chunk that ends the first choice."""
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


def chunks(asked: Asked, *batches: Events) -> list[dict[str, Any]]:
    """The objects in what is written of these batches of events, without `[DONE]`."""
    writer = CHAT.make_writer(asked, SETTING)
    body = b"".join(writer.write(batch, 0.1) for batch in batches)
    data = [one.removeprefix(b"data: ") for one in body.split(b"\n\n") if one]
    return [json.loads(one) for one in data if one != b"[DONE]"]


def test_messages_of_all_kinds() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    asked = ask(
        messages=[
            {"role": "developer", "content": "be brief"},
            {"role": "user", "name": "ann", "content": [text("what"), picture("data:image/gif;base64,R0lG")]},
            {"role": "assistant", "content": None, "reasoning": "hm", "tool_calls": [call], "refusal": None},
            {"role": "tool", "tool_call_id": "c1", "content": [text("42")]},
            {"role": "user", "content": [picture("https://example.org/a.png")]},
        ]
    )  # fmt: skip
    assert asked.messages == (
        Message("system", ("be brief",)),
        Message("user", ("what", Image(data="R0lG", media_type="image/gif")), name="ann"),
        Message("assistant", reasoning="hm", calls=(ToolCall("c1", "f", '{"a":1}'),)),
        Message("tool", ("42",), call_id="c1"),
        Message("user", (Image(url="https://example.org/a.png"),)),
    )


def text(said: str) -> dict[str, object]:
    """A part of a message."""
    return {"type": "text", "text": said}


def picture(url: str) -> dict[str, object]:
    """A part of a message."""
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


def test_settings_of_clients_and_both_engines() -> None:
    asked = ask(
        max_tokens=5, max_completion_tokens=7, stop="END", n=2, repeat_penalty=1.1, top_k=40, min_p=0.1, seed=None,
        logit_bias={"5": 1}, repeat_last_n=64, store=True, metadata=None, stream=True, top_logprobs=3, logprobs=True,
    )  # fmt: skip
    assert (asked.max_tokens, asked.stop, asked.choices, asked.repeat_penalty) == (7, ("END",), 2, 1.1)
    assert (asked.top_k, asked.min_p, asked.seed, asked.logprobs, asked.counts) == (40, 0.1, None, 3, False)
    assert asked.options == {"logit_bias": {"5": 1}, "repeat_last_n": 64}
    assert asked.unknown == ("store",)
    assert ask(stream=True, stream_options={"include_usage": True}).counts is True
    assert ask().counts is None


def test_a_setting_that_an_engine_would_pass_over_is_named_as_lost() -> None:
    losses = find_losses(ask(mirostat=2, logit_bias={}), CHAT)
    assert losses.dropped == ("options.mirostat",)


@pytest.mark.parametrize(
    ("fields", "shape"),
    [
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, Shape()),
        ({"response_format": {"type": "json_object", "schema": {"type": "array"}}}, Shape({"type": "array"})),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}}},
            Shape({}, "n", True),
        ),
        ({"json_schema": {"type": "object"}}, Shape({"type": "object"})),
        ({"guided_json": '{"type": "object"}'}, Shape({"type": "object"})),
        ({"structured_outputs": {"json": {"a": 1}}}, Shape({"a": 1})),
        ({"structured_outputs": {"json_object": True}}, Shape()),
    ],
)
def test_the_form_of_the_answer(fields: dict[str, object], shape: Shape | None) -> None:
    assert ask(**fields).shape == shape


def test_a_choice_among_words_is_a_setting_of_its_engine() -> None:
    asked = ask(structured_outputs={"choice": ["a", "b"]})
    assert asked.shape is None
    assert asked.options == {"structured_outputs": {"choice": ["a", "b"]}}


@pytest.mark.parametrize(
    ("fields", "think"),
    [
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "minimal"}, "low"),
        ({"reasoning": {"effort": "high"}}, "high"),
        ({"chat_template_kwargs": {"enable_thinking": False}}, False),
        ({"chat_template_kwargs": {"thinking": True}}, True),
        ({}, None),
    ],
)
def test_how_hard_to_think(fields: dict[str, object], think: bool | str | None) -> None:
    asked = ask(**fields)
    assert asked.think == think
    assert asked.options == {}


def test_thinking_is_written_as_both_engines_read_it() -> None:
    assert told(think="high")["reasoning_effort"] == "high"
    body = told(think=False, options={"chat_template_kwargs": {"lang": "de"}})
    assert body["chat_template_kwargs"] == {"lang": "de", "enable_thinking": False}
    assert "reasoning_effort" not in body


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"messages": None}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role: 'king' is no role"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0]: parts of"),
        ({"messages": [{"role": "user", "content": [picture("file:///a")]}]}, "messages[0].content[0]: the address"),
        ({"temperature": "hot"}, "$.temperature"),
        ({"response_format": {"type": "xml"}}, "'xml'"),
        ({"response_format": {"type": "json_schema"}}, "schema is missing"),
        ({"guided_json": 5}, "schema has to be an object"),
        ({"tools": [{"type": "custom"}]}, "tools[0]: only functions"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {}}}, "tool_choice"),
        ({"functions": [{"name": "f"}]}, "use tools"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(Unreadable) as refused:
        ask(**fields)
    assert sentence in str(refused.value)


def test_a_request_as_both_engines_read_it() -> None:
    body = told(
        stream=True,
        messages=(Message("assistant", ("x",), "thought"), Message("assistant", calls=(ToolCall("c", "f", "{}"),))),
        tools=(Tool("f"),),
        tool_choice="=f",
        repeat_penalty=1.2,
        max_tokens=9,
        logprobs=0,
        shape=Shape({"type": "object"}),
    )
    assert body["repeat_penalty"] == body["repetition_penalty"] == 1.2
    assert (body["max_tokens"], body["logprobs"], body["stream_options"]) == (9, True, {"include_usage": True})
    assert "top_logprobs" not in body
    assert body["tools"] == [{"type": "function", "function": {"name": "f"}}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}},
    }
    first, second = body["messages"]
    assert first == {"role": "assistant", "content": "x", "reasoning": "thought", "reasoning_content": "thought"}
    assert (second["content"], second["tool_calls"][0]["function"]["arguments"]) == (None, "{}")
    assert "stream_options" not in told(counts=True)
    assert "stream_options" not in told(stream=True, counts=False)
    assert "max_tokens" not in told(max_tokens=-1)


def test_a_picture_without_a_type_gets_one_by_its_bytes() -> None:
    (message,) = told(messages=(Message("user", (Image(data="/9j/4AAQ"),)),))["messages"]
    assert message["content"][0]["image_url"]["url"] == "data:image/jpeg;base64,/9j/4AAQ"


def test_a_stream_of_text_thoughts_and_counts() -> None:
    events = stream(
        {"id": "i", "model": "m", "created": 5} | delta(role="assistant", content=None),
        delta(reasoning_content="hm"),
        delta(reasoning="hm"),
        delta(content="a"),
        over("length"),
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": None}},
    )
    assert events == [
        Begun("m", "i", 5),
        Reasoning("hm"),
        Reasoning("hm"),
        Text("a"),
        Finished("length"),
        Counted(3, 2),
        Ended(),
    ]


def test_counts_with_every_chunk_are_told_once() -> None:
    usage = {"usage": {"prompt_tokens": 3, "completion_tokens": 1}, "timings": {"prompt_ms": 1.5, "predicted_ms": None}}
    later = {
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 1}}
    }
    events = stream(delta(content="a") | usage, delta(content="b") | later)
    assert [one for one in events if isinstance(one, Counted)] == [
        Counted(3, 2, reasoning_tokens=1, input_ns=1_500_000)
    ]
    assert Finished() in events


def test_counts_of_each_choice_are_added_up() -> None:
    usage = {"usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    events = stream(delta(content="a") | usage, delta(1, content="b") | usage)
    assert [one for one in events if isinstance(one, Counted)] == [Counted(3, 4)]


def call(_index: int | None = 0, _id: str = "", _name: str = "", _arguments: object = "") -> dict[str, object]:
    """A piece of a call on the wire."""
    found: dict[str, object] = {"index": _index, "function": {"arguments": _arguments}}
    if _index is None:
        del found["index"]
    if _id:
        found |= {"id": _id, "function": {"name": _name, "arguments": _arguments}}
    return found


def test_pieces_of_parallel_calls() -> None:
    events = stream(
        delta(tool_calls=[call(0, "x", "f", "")]),
        delta(tool_calls=[call(0, _arguments='{"a"'), call(1, "y", "g", "{}")]),
        delta(tool_calls=[call(0, _arguments=":1}")]),
        over("tool_calls"),
    )
    assert events[1:-1] == [
        CallPiece(0, "x", "f"),
        CallPiece(0, arguments='{"a"'),
        CallPiece(1, "y", "g", "{}"),
        CallPiece(0, arguments=":1}"),
        Finished("tools"),
    ]


@pytest.mark.parametrize("index", [0, None])
def test_whole_calls_with_one_index_are_several(index: int | None) -> None:
    events = stream(
        delta(tool_calls=[call(index, "x", "f", "{}")]),
        delta(tool_calls=[call(index, "y", "g", {"b": 2})]),
        over("stop"),
    )
    assert events[1:-1] == [CallPiece(0, "x", "f", "{}"), CallPiece(1, "y", "g", '{"b":2}'), Finished("tools")]


def test_likelihoods() -> None:
    other = {"token": "b", "logprob": -3.4e38}
    odds = {"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [other]}]}
    events = stream({"choices": [{"delta": {"content": "a"}, "logprobs": odds}]}, over("stop"))
    assert events[1:3] == [Text("a"), Odds((TokenOdds("a", -0.5, (("b", -9999.0),)),))]
    (_, chunk) = chunks(Asked(model="m", stream=True, logprobs=1), [Begun()], events[1:3])
    (choice,) = chunk["choices"]
    assert choice["delta"] == {"content": "a"}
    (token,) = choice["logprobs"]["content"]
    assert token["bytes"] == [97]
    assert token["top_logprobs"] == [{"token": "b", "logprob": -9999.0, "bytes": [98]}]


@pytest.mark.parametrize(
    ("body", "failed"),
    [
        (b'data: {"error": {"message": "no", "code": 500}}\n\ndata: [DONE]\n\n', Failed("no", 500)),
        (b'data: {"error": "no"}\n\n', Failed("no")),
        (b'data: {"choices":[]}\n\n', Failed("the engine's answer broke off")),
        (b'data: {"choices":[{"delta":{"content":5}}]}\n\n', None),
        (b'data: {"choices":[{"delta":{},"finish_reason":"abort"}]}\n\ndata: [DONE]\n\n', None),
        (b"data: hello\n\n", None),
        (b"", Failed("the engine's answer broke off")),
    ],
)
def test_a_broken_stream_ends_in_a_failure(body: bytes, failed: Failed | None) -> None:
    last = read_whole(CHAT, body, stream=True)[-1]
    assert isinstance(last, Failed)
    assert failed is None or last == failed


def test_half_an_emoji_is_no_broken_stream() -> None:
    body = b'data: {"choices":[]}\n\ndata: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\ndata: [DONE]\n\n'
    assert Text("\ufffd") in read_whole(CHAT, body, stream=True)


def test_an_answer_as_a_whole() -> None:
    choice = {
        "message": {"content": "a", "reasoning_content": "hm", "tool_calls": [call(None, "x", "f", "{}")]},
        "finish_reason": "stop",
    }
    body = json.dumps({"id": "i", "model": "m", "choices": [choice], "usage": {"prompt_tokens": 1}}).encode()
    assert read_whole(CHAT, body) == [
        Begun("m", "i"),
        Reasoning("hm"),
        Text("a"),
        CallPiece(0, "x", "f", "{}"),
        Finished("tools"),
        Counted(1),
        Ended(),
    ]
    assert read_whole(CHAT, b'{"error": {"message": "no"}}') == [Failed("no")]
    assert isinstance(read_whole(CHAT, b"{}")[-1], Failed)


def test_a_written_stream() -> None:
    asked = Asked(model="m", stream=True, counts=True)
    first, text, piece, end, counts = chunks(
        asked,
        [Begun("private", "x", 1)],
        [Text("é")],
        [CallPiece(0, "", "f", "{")],
        [Finished("tools"), Counted(3, 2, cached_tokens=1), Ended(), Text("late")],
    )
    assert first == {
        "id": "chatcmpl-77",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "public",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}],
    }
    assert text["choices"] == [{"index": 0, "delta": {"content": "é"}, "finish_reason": None}]
    (choice,) = piece["choices"]
    made = {"name": "f", "arguments": "{"}
    assert choice["delta"]["tool_calls"] == [
        {"index": 0, "id": "call_chatcmpl-77_0", "type": "function", "function": made}
    ]
    assert end["choices"] == [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]
    assert counts["choices"] == []
    assert counts["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1},
    }


def test_counts_that_nobody_asked_for_are_left_out() -> None:
    said = [Begun(), Text("a"), Finished(), Counted(1, 1), Ended()]
    assert not any("usage" in one for one in chunks(Asked(model="m", stream=True, counts=False), said))


def test_a_failure_is_an_event_and_no_end_follows() -> None:
    writer = CHAT.make_writer(Asked(model="m", stream=True), SETTING)
    body = writer.write([Begun(), Text("a"), Failed("gone", 502), Ended()], 0.1)
    assert b"[DONE]" not in body
    error = json.loads(body.split(b"data: ")[-1])["error"]
    assert error == {"message": "gone", "type": "server_error", "param": None, "code": 502}


def test_a_written_whole() -> None:
    writer = CHAT.make_writer(Asked(model="m"), SETTING)
    assert writer.write([Begun(), Reasoning("hm"), CallPiece(0, "c", "f", "{")], 0.1) == b""
    body = json.loads(writer.write([CallPiece(0, arguments="}"), Finished("tools"), Counted(1, 2), Ended()], 0.2))
    assert body["object"] == "chat.completion"
    (choice,) = body["choices"]
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "reasoning_content": "hm",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    assert choice["finish_reason"] == "tool_calls"
    assert body["usage"]["total_tokens"] == 3
    assert writer.write([Text("late"), Ended()], 0.3) == b""


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"error":{"message":"no model"}}', "no model"),
        (b'{"error":"Unauthorized"}', "Unauthorized"),
        (b'{"detail":"Not Found"}', "Not Found"),
        (b"<html>", ""),
        (b"[" * 9999, ""),
    ],
)
def test_errors_of_engines(body: bytes, sentence: str) -> None:
    assert CHAT.read_error(body) == sentence
