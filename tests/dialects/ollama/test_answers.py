"""Answers as engines send them and as clients get them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from keepwell.dialects.ollama.answers import parse_moment
from keepwell.dialects.ollama.chat import CHAT
from keepwell.dialects.ollama.generate import GENERATE
from keepwell.dialects.ollama.lines import find_times
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
from keepwell.plugins.codec import Codec, Setting, read_whole

SETTING = Setting(model="own-name", id="1", created=1_748_781_296.25)
MOMENT = re.compile(r"2025-06-01T12:34:5[67]\.\d{9}Z")


def lines(codec: Codec, *written: tuple[list[Event], float]) -> list[dict[str, Any]]:
    """What is written of these events at these seconds, streamed."""
    writer = codec.make_writer(Asked(model="m", stream=True), SETTING)
    assert writer.content_type == b"application/x-ndjson"
    return [json.loads(line) for line in b"".join(writer.write(*one) for one in written).splitlines()]


def whole(codec: Codec, *events: Event) -> dict[str, Any]:
    """What is written of these events at once."""
    writer = codec.make_writer(Asked(model="m", stream=False), SETTING)
    assert writer.content_type.startswith(b"application/json")
    found: dict[str, Any] = json.loads(writer.write(events, 2.0))
    return found


def test_a_stream_is_as_clients_expect_it() -> None:
    said: list[Event] = [Begun("other-name"), Reasoning("hm"), Text("Hel")]
    found = lines(CHAT, (said, 0.5), ([Text("lo"), Finished("length"), Counted(3, 2), Ended()], 1.5))
    assert [one["model"] for one in found] == ["own-name"] * 4
    assert all(MOMENT.fullmatch(one["created_at"]) for one in found)
    assert [one["message"] for one in found] == [
        {"role": "assistant", "content": "", "thinking": "hm"},
        {"role": "assistant", "content": "Hel"},
        {"role": "assistant", "content": "lo"},
        {"role": "assistant", "content": ""},
    ]
    assert [one["done"] for one in found] == [False, False, False, True]
    del found[3]["model"], found[3]["created_at"], found[3]["message"]
    assert found[3] == {
        "done": True,
        "done_reason": "length",
        "total_duration": 1_500_000_000,
        "load_duration": 0,
        "prompt_eval_count": 3,
        "prompt_eval_duration": 500_000_000,
        "eval_count": 2,
        "eval_duration": 1_000_000_000,
    }


def test_a_prompts_answer() -> None:
    found = lines(GENERATE, ([Reasoning("hm"), Text("a"), Ended()], 1.0))
    assert [(one["response"], one.get("thinking")) for one in found] == [("", "hm"), ("a", None), ("", None)]
    one = whole(GENERATE, Begun(), Reasoning("hm"), Text("a"), Text("b"), Finished(), Ended())
    assert (one["response"], one["thinking"], one["done"], one["done_reason"]) == ("ab", "hm", True, "stop")
    assert "message" not in one


def test_a_whole_answer_that_came_at_once_took_its_time_for_the_text() -> None:
    one = whole(CHAT, Begun(), Text("a"), Finished(), Counted(3, 2), Ended())
    assert (one["total_duration"], one["prompt_eval_duration"], one["eval_duration"]) == (2 * 10**9, 0, 2 * 10**9)
    assert one["message"] == {"role": "assistant", "content": "a"}


def test_counts_that_nobody_told_are_left_out() -> None:
    one = whole(CHAT, Text("a"), Finished(), Ended())
    assert not {"eval_count", "prompt_eval_count"} & set(one)


def test_times_are_told_else_measured() -> None:
    assert find_times(Counted(total_ns=9, load_ns=1, input_ns=2, output_ns=3), 100, 200) == (9, 1, 2, 3)
    assert find_times(Counted(input_ns=20, output_ns=30), 100, 200) == (200, 0, 20, 30)
    assert find_times(Counted(), 50, 200) == (200, 0, 50, 150)
    assert find_times(Counted(), -1, 200) == (200, 0, 0, 200)
    assert find_times(Counted(), 300, 200) == (200, 0, 0, 200)


def test_calls_are_written_whole() -> None:
    pieces: list[Event] = [
        CallPiece(0, "a", "f", '{"x"'), CallPiece(1, "b", "g"), CallPiece(0, arguments=":1}"), Finished("tools"),
        Counted(1, 1), Ended(),
    ]  # fmt: skip
    first, last = lines(CHAT, (pieces[:2], 0.1), (pieces[2:], 0.2))
    assert first["message"]["tool_calls"] == [
        {"id": "a", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}},
        {"id": "b", "function": {"index": 1, "name": "g", "arguments": {}}},
    ]
    assert (last["done"], last["done_reason"]) == (True, "stop")
    assert whole(CHAT, *pieces)["message"]["tool_calls"] == first["message"]["tool_calls"]


def test_arguments_over_several_lines_stay_in_one() -> None:
    pieces: list[Event] = [CallPiece(0, "a", "f", '{\n  "x": [\n 1.0 ]}\n'), Finished("tools"), Ended()]
    body = CHAT.make_writer(Asked(model="m", stream=True), SETTING).write(pieces, 0.1)
    assert b'"arguments":{"x":[1.0]}' in body
    assert len(body.splitlines()) == 2


def test_probabilities_that_json_cannot_say() -> None:
    events: list[Event] = [Text("a"), Odds((TokenOdds("a", float("-inf"), (("b", float("nan")),)),)), Ended()]
    first, _ = lines(CHAT, (events, 0.1))
    assert [one["logprob"] for one in (first["logprobs"][0], *first["logprobs"][0]["top_logprobs"])] == [-9999.0] * 2


def test_a_broken_call_is_text() -> None:
    pieces: list[Event] = [CallPiece(0, "a", "f", '{"x'), Finished("length"), Ended()]
    assert whole(CHAT, *pieces)["message"] == {"role": "assistant", "content": 'f {"x'}
    assert lines(CHAT, (pieces, 0.1))[0]["message"]["content"] == 'f {"x'


@pytest.mark.parametrize("word", ["load", "unload"])
def test_loading_tells_no_times(word: str) -> None:
    one = whole(GENERATE, Begun(), Finished(said=word), Ended())
    assert set(one) == {"model", "created_at", "response", "done", "done_reason"}
    assert one["done_reason"] == word


@pytest.mark.parametrize("codec", [CHAT, GENERATE])
def test_a_stream_that_breaks_off(codec: Codec) -> None:
    found = lines(codec, ([Text("a"), Failed("gone"), Text("b")], 0.1), ([Ended()], 0.2))
    assert found[1:] == [{"error": "gone"}]
    assert whole(codec, Text("a"), Failed("gone"), Ended()) == {"error": "gone"}
    body = b'{"model":"m","message":{"content":"a"},"response":"a","done":false}\n{"error":"gone"}\n'
    assert read_whole(codec, body, stream=True) == [Begun("m"), Text("a"), Failed("gone")]


def test_an_answer_without_its_end_is_none() -> None:
    line = b'{"model":"m","message":{"role":"assistant","content":"a"},"done":false}\n'
    *_, last = read_whole(CHAT, line, stream=True)
    assert last == Failed("the engine's answer broke off before its end")
    *_, last = read_whole(CHAT, line)
    assert last == Failed("the engine's answer broke off before its end")
    (only,) = read_whole(CHAT, b"")
    assert isinstance(only, Failed)


@pytest.mark.parametrize("body", [b"oops\n", b"[]\n", b'{"message":"text"}\n', b'{"message":{"content":"\xff"}}\n'])
def test_another_format_is_a_failure(body: bytes) -> None:
    for stream in (True, False):
        (only,) = read_whole(CHAT, body, stream=stream)
        assert isinstance(only, Failed)
        assert "none of its format" in only.message


def test_nothing_is_read_after_the_end() -> None:
    reader = CHAT.make_reader(stream=True)
    first = reader.feed(b'{"model":"m","done":true}\n{"message":{"content":"more"}}\n')
    assert first == [Begun("m"), Finished()]
    assert reader.feed(b"garbage\n") == []
    assert reader.end() == [Ended()]


def test_ids_of_calls_differ_between_answers() -> None:
    line = b'{"model":"m","created_at":"%s","message":{"tool_calls":[{"function":{"name":"f"}}]},"done":true}'
    made = [read_whole(CHAT, line % moment)[1] for moment in (b"2025-06-01T12:34:56.1Z", b"2025-06-01T12:34:56.2Z")]
    ids = {one.id for one in made if isinstance(one, CallPiece)}
    assert len(ids) == 2
    assert all(re.fullmatch("call_[0-9a-f]{8}_0", one) for one in ids)


def test_numbers_as_imitators_write_them() -> None:
    body = b'{"done":true,"eval_count":3.0,"total_duration":1.5e9,"logprobs":[{"token":"a","logprob":null}]}'
    events = read_whole(CHAT, body)
    assert Counted(output_tokens=3, total_ns=1_500_000_000) in events
    assert Odds((TokenOdds("a", float("-inf")),)) in events


def test_reasons() -> None:
    def reason(word: str, calls: bytes = b"null") -> Finished:
        body = b'{"message":{"content":"","tool_calls":%s},"done":true,"done_reason":"%s"}' % (calls, word.encode())
        return next(one for one in read_whole(CHAT, body) if isinstance(one, Finished))

    call = b'[{"function":{"name":"f","arguments":{}}}]'
    assert [reason(word).reason for word in ("stop", "", "length", "content_filter")] == [
        "stop", "stop", "length", "filter",
    ]  # fmt: skip
    assert (reason("stop", call).reason, reason("length", call).reason) == ("tools", "length")
    assert (reason("load"), reason("odd")) == (Finished(said="load"), Finished(said="odd"))


def test_moments() -> None:
    assert parse_moment("2025-06-01T12:34:56.123456789Z") == pytest.approx(1_748_781_296.123456)
    assert parse_moment("2025-06-01T05:34:56-07:00") == 1_748_781_296.0
    assert [parse_moment(text) for text in ("", "yesterday", "0001-01-01T00:00:00Z")] == [0.0, 0.0, 0.0]
    far = Setting(model="m", id="", created=1e18)
    last = json.loads(CHAT.make_writer(Asked(model="m"), far).write([Ended()], 0.0))["created_at"]
    assert datetime.fromisoformat(last).astimezone(UTC).year == 9999


def test_sentences_of_errors() -> None:
    assert CHAT.read_error(b'{"error":"model \\"x\\" not found, try pulling it first"}').startswith("model")
    assert CHAT.read_error(b'{"error":{"message":"no"}}') == "no"
    assert [CHAT.read_error(body) for body in (b"404 page not found", b"", b"{}")] == ["", "", ""]
