"""Answers of /v1/messages, as its documents show them and as engines send them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from keepwell.dialects.anthropic.messages import MESSAGES
from keepwell.plugins.answer_events import (
    Begun,
    CallPiece,
    Counted,
    Ended,
    Event,
    Failed,
    Finished,
    Odds,
    Reasoning,
    Text,
    TokenOdds,
)
from keepwell.plugins.asked import Asked
from keepwell.plugins.codec import Setting, read_whole

SETTING = Setting(model="own-name", id="1", created=1.0)


def stream(*events: Event, **asked: Any) -> list[dict[str, Any]]:
    """The data of the events on the wire; the name of each is its type."""
    writer = MESSAGES.make_writer(Asked(model="m", stream=True, **asked), SETTING)
    found = []
    for one in writer.write(events, 0.5).decode().removesuffix("\n\n").split("\n\n"):
        name, data = one.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def whole(*events: Event, **asked: Any) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    writer = MESSAGES.make_writer(Asked(model="m", **asked), SETTING)
    found: dict[str, Any] = json.loads(writer.write(events, 0.5))
    return found


def sse(*events: dict[str, Any]) -> bytes:
    """A stream of these."""
    return b"".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events)


def test_a_stream_has_every_event_in_its_order() -> None:
    found = stream(
        Begun("other"),
        Reasoning("h"),
        Text("a"),
        Text(""),
        Text("b"),
        CallPiece(0, "i", "f", "{}"),
        Finished("tools"),
        Counted(10, 3, 4, 2),
        Ended(),
        Text("late"),
    )
    usage = {"input_tokens": 0, "output_tokens": 0}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "own-name", "content": []}
    head |= {"stop_reason": None, "stop_sequence": None, "usage": usage}
    told = {"input_tokens": 6, "output_tokens": 3, "cache_read_input_tokens": 4}
    told |= {"output_tokens_details": {"thinking_tokens": 2}}
    call = {"type": "tool_use", "id": "i", "name": "f", "input": {}}
    assert found == [
        {"type": "message_start", "message": head},
        {"type": "ping"},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""},
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "h"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": ""}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "a"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "b"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": call},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "content_block_stop", "index": 2},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": told},
        {"type": "message_stop"},
    ]


def test_calls_whose_pieces_are_mixed_stay_open() -> None:
    found = stream(
        CallPiece(0, "i", "f", '{"x"'), CallPiece(1, "", "g"), CallPiece(0, arguments=":1}"), Text("t"), Ended()
    )
    assert [(one["type"], one.get("index")) for one in found[2:]] == [
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_start", 1),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_stop", 1),
        ("content_block_start", 2),
        ("content_block_delta", 2),
        ("content_block_stop", 2),
        ("message_delta", None),
        ("message_stop", None),
    ]
    assert found[4]["content_block"]["id"] == "call_1_1"


def test_a_whole_answer() -> None:
    found = whole(
        Begun("other"),
        Reasoning("h"),
        Text("a"),
        Text("b"),
        CallPiece(0, "i", "f"),
        CallPiece(1, "j", "g", '{"x": 1}'),
        Odds((TokenOdds("a", -1.0),)),
        Text("no", 1),
        Finished("stop"),
        Counted(5, 2),
        Ended(),
    )
    assert found == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "own-name",
        "content": [
            {"type": "thinking", "thinking": "h", "signature": ""},
            {"type": "text", "text": "ab"},
            {"type": "tool_use", "id": "i", "name": "f", "input": {}},
            {"type": "tool_use", "id": "j", "name": "g", "input": {"x": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 2},
    }


@pytest.mark.parametrize(
    ("finished", "stop", "reason", "sequence"),
    [
        (Finished("stop"), (), "end_turn", None),
        (Finished("length"), (), "max_tokens", None),
        (Finished("filter"), (), "refusal", None),
        (Finished("tools"), (), "tool_use", None),
        (Finished("stop", said="stop_sequence"), ("x",), "stop_sequence", "x"),
        (Finished("stop", said="stop_sequence"), ("x", "y"), "stop_sequence", None),
        (Finished("stop", said="load"), (), "end_turn", None),
        (Finished("length", 1), (), "end_turn", None),
    ],
)
def test_reasons(finished: Finished, stop: tuple[str, ...], reason: str, sequence: str | None) -> None:
    found = whole(Text("a"), finished, Ended(), stop=stop)
    assert (found["stop_reason"], found["stop_sequence"]) == (reason, sequence)


def test_an_error_ends_the_answer() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "gone"}}
    assert stream(Text("a"), Failed("gone", 503), Ended())[-1] == error
    assert stream(Failed("gone", 503)) == [error]
    assert whole(Text("a"), Failed("gone", 503), Ended()) == error


def test_what_llamacpp_sends_without_ends_of_blocks_is_read() -> None:
    body = sse(
        {
            "type": "message_start",
            "message": {"id": "c", "model": "m", "usage": {"input_tokens": 1, "cache_read_input_tokens": 8}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "i", "name": "f"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "j", "name": "g"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"x":'}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "1}"}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": "x"},
            "usage": {"output_tokens": 3},
        },
        {"type": "message_stop"},
    )
    assert read_whole(MESSAGES, body, stream=True) == [
        Begun("m", "c"),
        CallPiece(0, "i", "f"),
        CallPiece(1, "j", "g"),
        CallPiece(0, arguments='{"x":'),
        CallPiece(0, arguments="1}"),
        CallPiece(1, arguments="{}"),
        Finished("stop", said="stop_sequence"),
        Counted(9, 3, 8),
        Ended(),
    ]


def test_text_and_input_at_the_start_of_a_block_are_read() -> None:
    body = sse(
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "a"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "thinking", "thinking": "h"}},
        {
            "type": "content_block_start",
            "index": 2,
            "content_block": {"type": "tool_use", "id": "i", "name": "f", "input": {"x": 1}},
        },
        {"type": "content_block_stop", "index": 2},
        {"type": "content_block_start", "index": 3, "content_block": {"type": "server_tool_use", "id": "s"}},
        {"type": "content_block_delta", "index": 3, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "message_stop"},
    )
    assert read_whole(MESSAGES, body, stream=True) == [
        Begun(),
        Text("a"),
        Reasoning("h"),
        CallPiece(0, "i", "f", '{"x": 1}'),
        Finished("stop"),
        Ended(),
    ]


def test_errors_in_answers_are_read() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    start = {"type": "message_start", "message": {"model": "m"}}
    assert read_whole(MESSAGES, sse(start, error, {"type": "message_stop"}), stream=True) == [
        Begun("m"),
        Failed("busy", 529),
    ]
    assert read_whole(MESSAGES, json.dumps(error).encode()) == [Failed("busy", 529)]
    assert read_whole(MESSAGES, sse(start), stream=True)[-1] == Failed("the engine's answer broke off")
    assert read_whole(MESSAGES, b"data: {", stream=True) == [Failed("the engine's answer broke off")]
    assert read_whole(MESSAGES, b"data: {\n\n", stream=True) == [Failed("the engine's answer cannot be read")]
    assert read_whole(MESSAGES, b"{}") == [Failed("the engine's answer cannot be read")]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"type":"error","error":{"type":"x","message":"no"}}', "no"),
        (b'{"error":"no"}', "no"),
        (b'{"detail":[{"msg":"no"}]}', "no"),
        (b"<html>", ""),
        (b"7", ""),
    ],
)
def test_an_errors_sentence(body: bytes, said: str) -> None:
    assert MESSAGES.read_error(body) == said


def test_counts_that_nobody_told_say_nothing() -> None:
    asked = Asked(model="m")
    body = MESSAGES.make_writer(asked, SETTING).write([Text("a"), Finished(), Ended()], 0.5)
    assert read_whole(MESSAGES, body) == [Begun("own-name", "msg_1"), Text("a"), Finished(), Ended()]
    assert msgspec.json.decode(body)["usage"] == {"input_tokens": 0, "output_tokens": 0}
