"""Answers of /v1/responses, as its documents show them and as engines send them."""

from __future__ import annotations

import json
from typing import Any

from keepwell.dialects.openai.responses import RESPONSES
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
from keepwell.plugins.asked import Asked, Message, Shape, Tool
from keepwell.plugins.codec import Setting, read_whole

SETTING = Setting(model="own-name", id="1", created=1.5)
ODDS = Odds((TokenOdds("a", -0.5, (("a", -0.5), ("b", -1.0))),))
TOLD_ODDS = [
    {
        "token": "a",
        "logprob": -0.5,
        "bytes": [97],
        "top_logprobs": [{"token": "a", "logprob": -0.5, "bytes": [97]}],
    }
]


def stream(*events: Event, **asked: Any) -> list[dict[str, Any]]:
    """The data of the events on the wire, without their numbers, which count from 0; the name of each is its type."""
    writer = RESPONSES.make_writer(Asked(model="m", stream=True, **asked), SETTING)
    found = []
    for at, one in enumerate(writer.write(events, 0.5).decode().removesuffix("\n\n").split("\n\n")):
        name, data = one.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
        assert found[-1].pop("sequence_number") == at
    return found


def whole(*events: Event, **asked: Any) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    writer = RESPONSES.make_writer(Asked(model="m", **asked), SETTING)
    found: dict[str, Any] = json.loads(writer.write(events, 0.5))
    return found


def sse(*events: dict[str, Any]) -> bytes:
    """A stream of these."""
    return b"".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events)


def test_a_stream_has_every_event_in_its_order() -> None:
    found = stream(
        Begun("other"), Reasoning("h"), Text("a"), ODDS, Text(""), Text("b"), CallPiece(0, "i", "f", "{}"),
        Finished("tools"), Counted(10, 3, 4, 2), Ended(), Text("late"), logprobs=1,
    )  # fmt: skip
    at = [{"item_id": name, "output_index": n} for n, name in enumerate(("rs_1_0", "msg_1_1", "fc_1_2"))]
    thought, text = [{**one, "content_index": 0} for one in at[:2]]
    reasoning = {"id": "rs_1_0", "type": "reasoning", "summary": [], "encrypted_content": None}
    message = {"id": "msg_1_1", "type": "message", "role": "assistant"}
    call = {"id": "fc_1_2", "type": "function_call", "call_id": "i", "name": "f"}
    part = {"type": "output_text", "text": "ab", "annotations": [], "logprobs": TOLD_ODDS}
    items = [
        {**reasoning, "status": "completed", "content": [{"type": "reasoning_text", "text": "h"}]},
        {**message, "status": "completed", "content": [part]},
        {**call, "status": "completed", "arguments": "{}"},
    ]
    begun = {"status": "in_progress"}
    assert [one["type"] for one in found[:2]] == ["response.created", "response.in_progress"]
    assert found[0]["response"] == found[1]["response"]
    assert found[2:-1] == [
        {"type": "response.output_item.added", "output_index": 0, "item": {**reasoning, **begun, "content": []}},
        {"type": "response.content_part.added", **thought, "part": {"type": "reasoning_text", "text": ""}},
        {"type": "response.reasoning_text.delta", **thought, "delta": "h"},
        {"type": "response.reasoning_text.done", **thought, "text": "h"},
        {"type": "response.content_part.done", **thought, "part": {"type": "reasoning_text", "text": "h"}},
        {"type": "response.output_item.done", "output_index": 0, "item": items[0]},
        {"type": "response.output_item.added", "output_index": 1, "item": {**message, **begun, "content": []}},
        {"type": "response.content_part.added", **text, "part": {**part, "text": "", "logprobs": []}},
        {"type": "response.output_text.delta", **text, "delta": "a", "logprobs": TOLD_ODDS},
        {"type": "response.output_text.delta", **text, "delta": "b", "logprobs": []},
        {"type": "response.output_text.done", **text, "text": "ab", "logprobs": TOLD_ODDS},
        {"type": "response.content_part.done", **text, "part": part},
        {"type": "response.output_item.done", "output_index": 1, "item": items[1]},
        {"type": "response.output_item.added", "output_index": 2, "item": {**call, **begun, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", **at[2], "delta": "{}"},
        {"type": "response.function_call_arguments.done", **at[2], "name": "f", "arguments": "{}"},
        {"type": "response.output_item.done", "output_index": 2, "item": items[2]},
    ]
    assert found[-1]["type"] == "response.completed"
    assert found[-1]["response"]["output"] == items
    assert found[-1]["response"]["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 13,
    }


def test_a_response_tells_what_was_asked() -> None:
    found = whole(
        Text("a"),
        Ended(),
        messages=(Message("system", ("Be short.",)), Message("user", ("hi",))),
        tools=(Tool("f", "d", {"type": "object"}, True),),
        tool_choice="=f",
        parallel_calls=False,
        shape=Shape({}, "s", True),
        think="low",
        max_tokens=9,
        temperature=0.5,
        user="u",
    )
    del found["output"]
    tool = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    assert found == {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "own-name",
        "error": None, "incomplete_details": None, "instructions": "Be short.", "max_output_tokens": 9,
        "metadata": {}, "parallel_tool_calls": False, "previous_response_id": None,
        "reasoning": {"effort": "low", "summary": None}, "store": False, "temperature": 0.5,
        "text": {"format": {"type": "json_schema", "name": "s", "schema": {}, "strict": True}},
        "tool_choice": {"type": "function", "name": "f"}, "tools": [tool], "top_logprobs": 0, "top_p": None,
        "truncation": "disabled", "usage": None, "user": "u",
    }  # fmt: skip


def test_an_answer_that_was_cut_off_is_incomplete() -> None:
    found = stream(Text("a"), Finished("length"), Ended())
    assert (found[-1]["type"], found[-1]["response"]["status"]) == ("response.incomplete", "incomplete")
    assert found[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert found[-1]["response"]["output"][0]["status"] == found[-2]["item"]["status"] == "incomplete"
    assert whole(Text("a"), Finished("filter"), Ended())["incomplete_details"] == {"reason": "content_filter"}


def test_calls_whose_pieces_are_mixed_stay_open() -> None:
    found = stream(CallPiece(0, "i", "f", '{"x"'), CallPiece(1, "", "g"), CallPiece(0, arguments=":1}"), Ended())
    assert [(one["type"].removeprefix("response."), one.get("output_index")) for one in found[2:-1]] == [
        ("output_item.added", 0),
        ("function_call_arguments.delta", 0),
        ("output_item.added", 1),
        ("function_call_arguments.delta", 0),
        ("function_call_arguments.done", 0),
        ("output_item.done", 0),
        ("function_call_arguments.done", 1),
        ("output_item.done", 1),
    ]
    assert [(one["call_id"], one["arguments"]) for one in found[-1]["response"]["output"]] == [
        ("i", '{"x":1}'),
        ("call_1_1", "{}"),
    ]


def test_odds_stand_by_their_text_or_alone() -> None:
    writer = RESPONSES.make_writer(Asked(model="m", stream=True, logprobs=1), SETTING)
    body = b"".join(writer.write([one], 0.5) for one in (Text("a"), ODDS, Ended()))
    deltas = [json.loads(one.split(b"data: ")[1]) for one in body.split(b"\n\n") if b"_text.delta" in one]
    assert [(one["delta"], one["logprobs"]) for one in deltas] == [("a", []), ("", TOLD_ODDS)]
    assert not any(b"-0.5" in json.dumps(one).encode() for one in stream(Text("a"), ODDS, Ended()))
    assert whole(Text("a"), ODDS, Ended(), logprobs=1)["output"][0]["content"][0]["logprobs"] == TOLD_ODDS


def test_an_error_ends_the_answer() -> None:
    error = {"type": "server_error", "code": 503, "message": "gone", "param": None}
    told = {"type": "error", "code": 503, "message": "gone", "param": None, "error": error}
    assert stream(Text("a"), Failed("gone", 503), Ended())[-1] == told
    assert stream(Failed("gone", 503)) == [told]
    assert whole(Text("a"), Failed("gone", 503), Ended()) == {"error": error}


def test_other_choices_have_no_place() -> None:
    found = whole(Text("a"), Text("b", 1), Reasoning("c", 1), Finished("length", 1), Finished("stop"), Ended())
    assert (len(found["output"]), found["status"]) == (1, "completed")


ITEM = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": ""}
DONE = {**ITEM, "arguments": '{"x":1}'}
END = {"type": "response.completed", "response": {"status": "completed", "output": []}}


def read(*events: dict[str, Any]) -> list[Event]:
    """What is between the beginning and the end of this stream."""
    begun, *found, finished, ended = read_whole(RESPONSES, sse(*events, END), stream=True)
    assert isinstance(begun, Begun)
    assert isinstance(finished, Finished)
    assert isinstance(ended, Ended)
    return found


def test_pieces_are_told_apart_however_a_server_names_its_items() -> None:
    other = {**ITEM, "id": None, "call_id": "call_2", "name": "g"}
    found = read(
        {"type": "response.output_item.added", "item": ITEM},
        {"type": "response.output_item.added", "item": other, "output_index": 1},
        {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": "{"},
        {"type": "response.function_call_arguments.delta", "item_id": "?", "output_index": 1, "delta": "[1"},
        {"type": "response.function_call_arguments.delta", "item_id": "call_1", "delta": "}"},
        {"type": "response.function_call_arguments.delta", "delta": "]"},
        {"type": "response.output_item.done", "item": {**ITEM, "arguments": "{}"}},
        {"type": "response.output_item.done", "item": {**other, "arguments": "[1]"}, "output_index": 1},
    )
    assert found == [
        CallPiece(0, "call_1", "f"),
        CallPiece(1, "call_2", "g"),
        CallPiece(0, arguments="{"),
        CallPiece(1, arguments="[1"),
        CallPiece(0, arguments="}"),
        CallPiece(1, arguments="]"),
    ]


def test_items_that_come_only_whole_are_read() -> None:
    said = {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "a"}]}
    assert read({"type": "response.output_item.done", "item": DONE}) == [CallPiece(0, "call_1", "f", '{"x":1}')]
    assert read(
        {"type": "response.output_item.added", "item": ITEM},
        {"type": "response.output_item.done", "item": DONE},
    ) == [CallPiece(0, "call_1", "f"), CallPiece(0, arguments='{"x":1}')]
    assert read(
        {"type": "response.output_item.added", "item": {**said, "content": []}},
        {"type": "response.output_item.done", "item": said},
    ) == [Text("a")]
    assert read(
        {"type": "response.output_text.delta", "item_id": "m", "delta": "a"},
        {"type": "response.output_item.done", "item": said},
    ) == [Text("a")]


def test_what_comes_only_with_the_end_is_read() -> None:
    end = {"type": "response.incomplete", "response": {"status": "incomplete", "output": [DONE], "model": "m"}}
    assert read_whole(RESPONSES, sse(end), stream=True) == [
        Begun(),
        CallPiece(0, "call_1", "f", '{"x":1}'),
        Finished("length"),
        Ended(),
    ]


def test_both_kinds_of_reasoning_are_thoughts() -> None:
    assert read(
        {"type": "response.reasoning_text.delta", "delta": "a"},
        {"type": "response.reasoning_summary_text.delta", "delta": "b"},
        {"type": "response.refusal.delta", "delta": "c"},
        {"type": "response.reasoning_summary_part.added"},
    ) == [Reasoning("a"), Reasoning("b"), Text("c")]


def test_a_whole_answer_is_read() -> None:
    body = {
        "id": "r", "model": "m", "created_at": 2, "status": "completed",
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "h"}]},
            {"type": "message", "content": [{"type": "output_text", "text": "a", "logprobs": TOLD_ODDS}]},
            DONE,
            {"type": "web_search_call", "id": "w"},
        ],
        "usage": {"input_tokens": 3, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}},
    }  # fmt: skip
    assert read_whole(RESPONSES, json.dumps(body).encode()) == [
        Begun("m", "r", 2.0),
        Reasoning("h"),
        Text("a"),
        Odds((TokenOdds("a", -0.5, (("a", -0.5),)),)),
        CallPiece(0, "call_1", "f", '{"x":1}'),
        Finished("tools"),
        Counted(3, 2, 1),
        Ended(),
    ]


def test_errors_in_answers_are_read() -> None:
    start = {"type": "response.created", "response": {"id": "r", "model": "m"}}
    broken = Failed("the engine's answer broke off")
    for error in (
        {"type": "error", "code": "server_error", "message": "no"},
        {"type": "error", "error": {"message": "no", "code": "server_error"}},
        {"type": "response.failed", "response": {"status": "failed", "error": {"code": "x", "message": "no"}}},
        {"type": "", "error": {"message": "no"}},
    ):
        assert read_whole(RESPONSES, sse(start, error, END), stream=True) == [Begun("m", "r"), Failed("no")]
    assert read_whole(RESPONSES, sse(start), stream=True) == [Begun("m", "r"), broken]
    assert read_whole(RESPONSES, b'{"error":{"message":"no","code":503}}') == [Failed("no", 503)]
    assert read_whole(RESPONSES, b"{}") == [Failed("the engine's answer cannot be read")]
    assert read_whole(RESPONSES, b"data: 7\n\n", stream=True) == [Failed("the engine's answer cannot be read")]


def test_what_servers_add_after_the_end_is_left_out() -> None:
    body = sse({"type": "response.output_text.delta", "delta": "a"}, END) + b"data: [DONE]\n\n"
    assert read_whole(RESPONSES, body, stream=True) == [Begun(), Text("a"), Finished(), Ended()]
