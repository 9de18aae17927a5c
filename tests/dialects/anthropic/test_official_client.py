"""The official client of /v1/messages: what it sends is read, and what is written it takes for what it is."""

from __future__ import annotations

import anthropic
import pytest
from pydantic import TypeAdapter

from keepwell.dialects.anthropic.messages import MESSAGES
from keepwell.plugins.answer_events import (
    Begun,
    CallPiece,
    Counted,
    Ended,
    Event,
    Failed,
    Finished,
    Reason,
    Reasoning,
    Text,
)
from keepwell.plugins.asked import Asked, Message, Shape, Tool, ToolCall
from tests.dialects.served import SETTING, Served, serve

ANSWER: tuple[Event, ...] = (
    Begun("other"),
    Reasoning("hm"),
    Text("Grüße "),
    Text("👋"),
    CallPiece(0, "a", "weather", '{"city"'),
    CallPiece(0, arguments=':"Paris"}'),
    CallPiece(1, "b", "hour"),
    Finished("tools"),
    Counted(10, 3, 4),
    Ended(),
)
WEATHER = {"name": "weather", "description": "Tells it.", "input_schema": {"type": "object"}}


def client(served: Served) -> anthropic.Anthropic:
    """The client of this server."""
    return anthropic.Anthropic(base_url=served.url, api_key="none", max_retries=0)


def check(message: anthropic.types.Message) -> None:
    """The message is what ANSWER says."""
    thinking, text, one, two = message.content
    assert (thinking.type, text.type) == ("thinking", "text")
    assert (thinking.thinking, text.text) == ("hm", "Grüße 👋")
    assert one.to_dict() == {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Paris"}}
    assert two.to_dict() == {"type": "tool_use", "id": "b", "name": "hour", "input": {}}
    assert (message.stop_reason, message.model, message.id, message.role) == ("tool_use", "tiny", "msg_7", "assistant")
    used = message.usage
    assert (used.input_tokens, used.output_tokens, used.cache_read_input_tokens) == (6, 3, 4)


@pytest.mark.parametrize("reason", ["tools", "length", "filter"])
def test_everything_has_what_its_types_want(reason: Reason) -> None:
    events = [one for one in ANSWER if not isinstance(one, Finished)]
    events.insert(-1, Finished(reason))
    anthropic.types.Message.model_validate_json(MESSAGES.make_writer(Asked(model="m"), SETTING).write(events, 0.5))
    body = MESSAGES.make_writer(Asked(model="m", stream=True), SETTING).write(events, 0.5)
    check_event: TypeAdapter[object] = TypeAdapter(anthropic.types.RawMessageStreamEvent)
    for one in body.decode().strip().split("\n\n"):
        if "event: ping" not in one:
            check_event.validate_json(one.split("\ndata: ")[1])


def test_a_whole_answer() -> None:
    with serve(MESSAGES, *ANSWER) as served, client(served) as asker:
        check(asker.messages.create(model="tiny", max_tokens=50, messages=[{"role": "user", "content": "hi"}]))
    (asked,) = served.asked
    assert (asked.model, asked.max_tokens, asked.stream, asked.messages) == (
        "tiny", 50, False, (Message("user", ("hi",)),),
    )  # fmt: skip
    assert asked.unknown == ()


def test_a_stream_and_what_is_gathered_from_it() -> None:
    with (
        serve(MESSAGES, *ANSWER) as served,
        client(served) as asker,
        asker.messages.stream(
            model="tiny",
            max_tokens=5000,
            system="Be short.",
            messages=[{"role": "user", "content": "hi"}],
            thinking={"type": "enabled", "budget_tokens": 1024},
            tools=[WEATHER],
            tool_choice={"type": "any"},
            stop_sequences=["x"],
            metadata={"user_id": "u"},
        ) as stream,
    ):
        texts = "".join(stream.text_stream)
        check(stream.get_final_message())
    assert texts == "Grüße 👋"
    (asked,) = served.asked
    assert asked.messages == (Message("system", ("Be short.",)), Message("user", ("hi",)))
    assert asked.tools == (Tool("weather", "Tells it.", {"type": "object"}),)
    assert (asked.stream, asked.think, asked.tool_choice) == (True, True, "required")
    assert (asked.stop, asked.user, asked.unknown) == (("x",), "u", ("thinking.budget_tokens",))


def test_every_event_is_one_that_it_knows() -> None:
    with serve(MESSAGES, *ANSWER) as served, client(served) as asker:
        asking = {"model": "tiny", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
        with asker.messages.create(**asking, stream=True) as stream:
            kinds = [event.type for event in stream]
    starts = ["content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"]
    assert kinds == [
        "message_start", *starts, *starts, *starts, "content_block_start", "content_block_stop", "message_delta",
        "message_stop",
    ]  # fmt: skip


def test_results_of_its_calls_go_back() -> None:
    with serve(MESSAGES, *ANSWER) as served, client(served) as asker:
        asking = [{"role": "user", "content": "hi"}]
        answer = asker.messages.create(model="tiny", max_tokens=50, messages=asking)
        results = [
            {"type": "tool_result", "tool_use_id": one.id, "content": [{"type": "text", "text": one.name}]}
            for one in answer.content
            if one.type == "tool_use"
        ]
        asking += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
        asker.messages.create(model="tiny", max_tokens=50, messages=asking)
    _, said, *results = served.asked[1].messages
    calls = (ToolCall("a", "weather", '{"city":"Paris"}'), ToolCall("b", "hour", "{}"))
    assert said == Message("assistant", ("Grüße 👋",), "hm", calls)
    assert results == [Message("tool", ("weather",), call_id="a"), Message("tool", ("hour",), call_id="b")]


def test_a_schema_of_its_structured_output() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    with serve(MESSAGES, Text('{"city":"Paris"}'), Finished(), Ended()) as served, client(served) as asker:
        asker.messages.create(
            model="tiny",
            max_tokens=50,
            messages=[{"role": "user", "content": "hi"}],
            output_config={"format": {"type": "json_schema", "schema": schema}, "effort": "low"},
        )
    (asked,) = served.asked
    assert (asked.shape, asked.think) == (Shape(schema), "low")


def test_an_answer_that_breaks_off_is_an_error() -> None:
    with (
        serve(MESSAGES, Text("a"), Failed("the node is gone", 503)) as served,
        client(served) as asker,
        asker.messages.stream(model="tiny", max_tokens=50, messages=[{"role": "user", "content": "hi"}]) as stream,
        pytest.raises(anthropic.APIStatusError, match="the node is gone"),
    ):
        stream.until_done()
