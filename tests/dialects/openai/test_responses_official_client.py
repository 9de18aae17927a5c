"""The official client of /v1/responses: what it sends is read, and what is written it takes for what it is."""

from __future__ import annotations

import msgspec
import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

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
    Reason,
    Reasoning,
    Text,
    TokenOdds,
)
from keepwell.plugins.asked import Asked, Image, Message, Shape, Tool, ToolCall
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
    Counted(10, 3, 4, 1),
    Ended(),
)


class Place(BaseModel):
    """A shape of an answer."""

    city: str


def client(served: Served) -> openai.OpenAI:
    """The client of this server."""
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0)


def check(found: Response) -> None:
    """The response is what ANSWER says."""
    thought, message, one, two = found.output
    assert (thought.type, message.type, one.type, two.type) == (
        "reasoning",
        "message",
        "function_call",
        "function_call",
    )
    assert thought.content[0].text == "hm"
    assert (one.call_id, one.arguments) == ("a", '{"city":"Paris"}')
    assert (two.call_id, two.arguments) == ("b", "{}")
    assert (found.output_text, found.status, found.model, found.id) == ("Grüße 👋", "completed", "tiny", "resp_7")
    used = found.usage
    assert used is not None
    assert (used.input_tokens, used.output_tokens, used.total_tokens) == (10, 3, 13)
    assert (used.input_tokens_details.cached_tokens, used.output_tokens_details.reasoning_tokens) == (4, 1)


@pytest.mark.parametrize("reason", ["tools", "length", "filter"])
def test_everything_has_what_its_types_want(reason: Reason) -> None:
    events = [one for one in ANSWER if not isinstance(one, Finished)]
    events.insert(-1, Finished(reason))
    asked = Asked(model="m", tools=(Tool("weather", "", {"type": "object"}),), shape=Shape({}, "s"))
    Response.model_validate_json(RESPONSES.make_writer(asked, SETTING).write(events, 0.5))
    body = RESPONSES.make_writer(msgspec.structs.replace(asked, stream=True), SETTING).write(events, 0.5)
    check_event: TypeAdapter[object] = TypeAdapter(ResponseStreamEvent)
    for one in body.decode().strip().split("\n\n"):
        check_event.validate_json(one.split("\ndata: ")[1])


def test_a_whole_answer() -> None:
    with serve(RESPONSES, *ANSWER) as served, client(served) as asker:
        check(asker.responses.create(model="tiny", input="hi", instructions="Be short.", store=False))
    (asked,) = served.asked
    assert asked.messages == (Message("system", ("Be short.",)), Message("user", ("hi",)))
    assert (asked.model, asked.stream, asked.unknown) == ("tiny", False, ())


def test_a_stream_and_what_is_gathered_from_it() -> None:
    with (
        serve(RESPONSES, *ANSWER) as served,
        client(served) as asker,
        asker.responses.stream(
            model="tiny",
            input=[
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "what?"},
                        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
                    ],
                }
            ],
            tools=[{"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": True}],
            tool_choice="required",
            parallel_tool_calls=True,
            reasoning={"effort": "high"},
            max_output_tokens=50,
        ) as stream,
    ):
        events = list(stream)
        check(stream.get_final_response())
    assert "".join(one.delta for one in events if one.type == "response.output_text.delta") == "Grüße 👋"
    assert [one.sequence_number for one in events] == list(range(len(events)))
    (asked,) = served.asked
    picture = Image(data="AAAA", media_type="image/png")
    assert asked.messages == (Message("user", ("what?", picture)),)
    assert asked.tools == (Tool("weather", "", {"type": "object"}, True),)
    assert (asked.tool_choice, asked.parallel_calls, asked.think, asked.max_tokens) == ("required", True, "high", 50)
    assert asked.stream


def test_results_of_its_calls_go_back() -> None:
    with serve(RESPONSES, *ANSWER) as served, client(served) as asker:
        answer = asker.responses.create(model="tiny", input="hi")
        results = [
            {"type": "function_call_output", "call_id": one.call_id, "output": one.name}
            for one in answer.output
            if one.type == "function_call"
        ]
        asker.responses.create(model="tiny", input=[{"role": "user", "content": "hi"}, *answer.output, *results])
    _, said, *told = served.asked[1].messages
    calls = (ToolCall("a", "weather", '{"city":"Paris"}'), ToolCall("b", "hour", "{}"))
    assert said == Message("assistant", ("Grüße 👋",), "hm", calls)
    assert told == [Message("tool", ("weather",), call_id="a"), Message("tool", ("hour",), call_id="b")]


def test_an_answer_of_a_shape() -> None:
    with serve(RESPONSES, Text('{"city":'), Text('"Paris"}'), Finished(), Ended()) as served, client(served) as asker:
        whole = asker.responses.parse(model="tiny", input="hi", text_format=Place)
        with asker.responses.stream(model="tiny", input="hi", text_format=Place) as stream:
            streamed = stream.get_final_response()
    assert whole.output_parsed == streamed.output_parsed == Place(city="Paris")
    shape = served.asked[0].shape
    assert isinstance(shape, Shape)
    assert (shape.name, shape.strict) == ("Place", True)


def test_likelihoods_of_tokens() -> None:
    odds = Odds((TokenOdds("a", -0.5, (("a", -0.5), ("b", -1.0))),))
    with serve(RESPONSES, Text("a"), odds, Finished(), Ended()) as served, client(served) as asker:
        found = asker.responses.create(
            model="tiny", input="hi", top_logprobs=2, include=["message.output_text.logprobs"]
        )
    (content,) = found.output[0].content
    assert [(one.token, one.logprob) for one in content.logprobs[0].top_logprobs] == [("a", -0.5), ("b", -1.0)]
    assert served.asked[0].logprobs == 2


def test_an_answer_that_was_cut_off() -> None:
    with serve(RESPONSES, Text("a"), Finished("length"), Ended()) as served, client(served) as asker:
        found = asker.responses.create(model="tiny", input="hi")
        with asker.responses.create(model="tiny", input="hi", stream=True) as stream:
            kinds = [one.type for one in stream]
    assert found.status == "incomplete"
    assert found.incomplete_details is not None
    assert found.incomplete_details.reason == "max_output_tokens"
    assert (kinds[0], kinds[-1]) == ("response.created", "response.incomplete")


def test_an_answer_that_breaks_off_is_an_error() -> None:
    with (
        serve(RESPONSES, Text("a"), Failed("the node is gone", 503)) as served,
        client(served) as asker,
        asker.responses.stream(model="tiny", input="hi") as stream,
        pytest.raises(openai.APIError, match="the node is gone"),
    ):
        stream.until_done()
