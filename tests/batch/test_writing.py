"""What is written: one line an outcome, whatever the answer is made of."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.batch.answer import read_answer
from keepwell.batch.item import Outcome, Task
from keepwell.batch.writing import CsvForm, JsonForm, OpenAiForm, render_batch_line

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def make_body(text: str) -> bytes:
    """A chat's answer, on several lines."""
    return json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}, indent=2).encode()


def make_task(row: object = None) -> Task:
    """The fourth line."""
    return Task(number=3, custom_id="c", path="/v1/chat/completions", body=b"{}", row=json.dumps(row or {}).encode())


def make_answer(text: str) -> Outcome:
    """What was said."""
    return Outcome(number=3, custom_id="c", trouble="", status=200, body=make_body(text), model="m", output_tokens=2)


def test_openai_s_line_of_an_answer() -> None:
    out, errors = OpenAiForm("batch_req_7_").render(make_task(), make_answer("hi"))
    assert (errors, out.count(b"\n")) == (b"", 1)
    said = json.loads(out)
    assert said["response"].pop("body") == json.loads(make_body("hi"))
    assert said == {
        "id": "batch_req_7_3",
        "custom_id": "c",
        "response": {"status_code": 200, "request_id": "batch_req_7_3"},
        "error": None,
    }


def test_openai_s_lines_of_errors() -> None:
    failed = Outcome(number=3, custom_id="c", trouble="bad_request", status=400, body=b'{"error": {"message": "no"}}')
    out, errors = OpenAiForm().render(make_task(), failed)
    assert out == b""
    assert json.loads(errors)["response"]["body"] == {"error": {"message": "no"}}
    late = Outcome(number=3, custom_id="c", trouble="expired", message="too late")
    said = json.loads(render_batch_line(late, "x"))
    assert (said["response"], said["error"]) == (None, {"code": "batch_expired", "message": "too late"})
    invalid = Outcome(number=3, custom_id="c", trouble="invalid", status=200, body=b"{}", message="no JSON")
    assert json.loads(render_batch_line(invalid, "x"))["error"]["code"] == "invalid"


def test_rows_keep_what_they_had_whatever_it_is_called() -> None:
    row = {"answer": "old", "id": 7, "error": 1, "custom_id": "mine"}
    out, _ = JsonForm().render(make_task(row), make_answer("new"))
    said = json.loads(out)
    assert {**said, **row} == said
    assert (said["answer_"], said["custom_id_"], said["model"], said["output_tokens"]) == ("new", "c", "m", 2)
    failed = Outcome(number=3, custom_id="c", trouble="timeout", message="slow", attempts=4)
    none, errors = JsonForm().render(make_task(row), failed)
    assert none == b""
    assert json.loads(errors)["error_"] == {"code": "timeout", "message": "slow", "status": 0, "attempts": 4}


@given(TEXT, TEXT)
@settings(max_examples=60, deadline=None)
def test_a_csv_is_read_back_as_it_was_meant(cell: str, text: str) -> None:
    form = CsvForm(["a", "answer"])
    out, _ = form.render(make_task({"a": cell, "answer": 1}), make_answer(text))
    (found,) = csv.DictReader(io.StringIO((form.begin + out).decode(), newline=""))
    assert (found["a"], found["answer"], found["answer_"], found["custom_id"]) == (cell, "1", text, "c")


@given(st.one_of(st.binary(max_size=60), TEXT.map(make_body)), st.binary(max_size=20))
@settings(max_examples=80, deadline=None)
def test_any_answer_is_one_line_of_json(body: bytes, row: bytes) -> None:
    outcome = Outcome(number=1, custom_id="c", trouble="", status=200, body=body)
    task = Task(number=1, custom_id="c", path="/", body=b"", row=row)
    for form in (OpenAiForm(), JsonForm()):
        out, _ = form.render(task, outcome)
        assert out.endswith(b"\n")
        assert out.count(b"\n") == 1
        json.loads(out)


@pytest.mark.parametrize(
    ("body", "text", "value"),
    [
        (b'{"choices": [{"text": "a", "finish_reason": "length"}]}', "a", None),
        (b'{"choices": [{"message": {"content": null}}]}', "", None),
        (b'{"data": [{"embedding": [1, 2]}]}', "", [1, 2]),
        (b'{"results": 1}', "", {"results": 1}),
        (b"oops \xff", "oops \ufffd", None),
    ],
)
def test_answers_of_every_form_are_read(body: bytes, text: str, value: object) -> None:
    said = read_answer(body)
    assert (said.text, said.value) == (text, value)
