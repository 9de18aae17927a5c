"""Answers of models in their three forms, whole and broken."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.formats.chat_answer import parse_chat_answer
from keepwell.formats.json_shape import find_lacking

USAGE = {"prompt_tokens": 9, "completion_tokens": 2}


def event(**more: object) -> bytes:
    part = {"model": "tiny", "system_fingerprint": "b1", "choices": [], **more}
    return b"data: " + json.dumps(part).encode() + b"\n\n"


def word(text: str, finish: str | None = None) -> bytes:
    return event(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": finish}])


def line(**more: object) -> bytes:
    return json.dumps({"model": "tiny", "done": False, **more}).encode() + b"\n"


WHOLE = json.dumps(
    {
        "model": "tiny",
        "choices": [{"message": {"role": "assistant", "content": " alpha 0001"}, "finish_reason": "length"}],
        "usage": USAGE,
    }
).encode()
EVENTS = word(" alpha") + word(" 0001") + word("", "length") + event(usage=USAGE) + b"data: [DONE]\n\n"
LINES = (
    line(message={"content": " alpha"})
    + line(message={"content": " 0001"})
    + line(message={"content": ""}, done=True, done_reason="length", prompt_eval_count=9, eval_count=2)
)
NATIVE = line(response=" alpha 0001", done=True, done_reason="length", prompt_eval_count=9, eval_count=2)


@pytest.mark.parametrize(
    ("body", "form", "events"), [(WHOLE, "json", 1), (NATIVE, "json", 1), (EVENTS, "events", 2), (LINES, "lines", 2)]
)
def test_every_form_says_the_same(body: bytes, form: str, events: int) -> None:
    told = parse_chat_answer(body)
    assert (told.form, told.events, told.ended, told.problem, told.error) == (form, events, True, "", "")
    assert (told.model, told.text, told.finish) == ("tiny", " alpha 0001", "length")
    assert (told.input_tokens, told.output_tokens) == (9, 2)


def test_thoughts_are_words() -> None:
    told = parse_chat_answer(event(choices=[{"delta": {"reasoning_content": "hm"}}]) + b"data: [DONE]\n")
    assert (told.text, told.events) == ("hm", 1)


@pytest.mark.parametrize("cut", [word(" alpha") + word(" 0001"), line(response="a") + line(response="b")])
def test_a_stream_without_its_end_has_not_ended(cut: bytes) -> None:
    assert not parse_chat_answer(cut).ended


def test_an_error_in_place_of_words_is_told() -> None:
    late = word(" alpha") + b'data: {"error": {"message": "Compute error.", "code": 500}}\n\n'
    assert parse_chat_answer(late).error == "Compute error."
    assert parse_chat_answer(line(response="a") + b'{"error": "unexpected EOF"}\n').error == "unexpected EOF"
    assert parse_chat_answer(b'{"error": "no such model"}').error == "no such model"


def test_what_is_no_answer_is_shown_safely() -> None:
    told = parse_chat_answer(b"<html>\x1b[31m")
    assert "\\x1b" in told.problem
    assert parse_chat_answer(b"").problem == "the answer is not JSON: an empty body"
    assert "not a JSON mapping" in parse_chat_answer(b"data: {cut\n\ndata: [DONE]\n").problem


@given(
    st.binary(max_size=300)
    | st.sampled_from([WHOLE, EVENTS, LINES]).flatmap(
        lambda whole: st.integers(0, len(whole)).map(lambda end: whole[:end])
    )
)
def test_nothing_that_a_server_sends_raises(body: bytes) -> None:
    told = parse_chat_answer(body)
    assert told.form in ("json", "events", "lines")
    assert told.input_tokens >= 0


DATA = {"object": "list", "data": [{"id": "a", "size": 3}, {"id": "b", "size": None}]}


@pytest.mark.parametrize(
    ("paths", "lack"),
    [
        (("object:text", "data:list", "data[].id:text"), ""),
        (("models",), "models is not there"),
        (("data:text",), "data is no text"),
        (("data[].size:number",), "data[].size is null"),
        (("object[].id",), "object[].id is no list"),
        (("data[].id.deep",), "data[].id.deep is not there"),
    ],
)
def test_what_lacks_is_named(paths: tuple[str, ...], lack: str) -> None:
    assert find_lacking(DATA, paths) == lack


def test_items_of_a_list_at_the_top() -> None:
    assert find_lacking([{"id": 1}], ("[].id:number",)) == ""
    assert find_lacking([{"id": True}], ("[].id:number",)) == "[].id is no number"
    assert find_lacking({"id": 1}, ("[].id",)) == "[].id is no list"
    assert find_lacking({"data": []}, ("data[].id",)) == ""
