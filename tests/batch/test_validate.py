"""What an answer has to be, and what the model is told where it is not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.batch.item import Task
from keepwell.batch.validate import Wished, make_rules
from keepwell.core.errors import ConfigurationError

SCHEMA = {
    "type": "object",
    "required": ["n"],
    "properties": {"n": {"$ref": "#/$defs/n"}},
    "$defs": {"n": {"type": "integer"}},
}
TASK = Task(number=0, custom_id="a", path="/", body=b'{"model": "m", "messages": [{"role": "user", "content": "q"}]}')


def make_body(text: str, finish: str = "stop") -> bytes:
    """A chat's answer."""
    return json.dumps({"choices": [{"message": {"content": text}, "finish_reason": finish}]}).encode()


def judge(wished: Wished, text: str, finish: str = "stop") -> str:
    """Why it is not taken."""
    rules = make_rules(wished)
    assert rules is not None
    return rules.judge(TASK, make_body(text, finish))


@pytest.mark.parametrize(
    ("wished", "good", "bad", "why"),
    [
        (Wished(json=True), '{"a": 1}', '```json\n{"a": 1}\n```', "code fence"),
        (Wished(json=True), "[1]", "{", "no JSON"),
        (Wished(schema=json.dumps(SCHEMA).encode()), '{"n": 1}', '{"n": "1"}', "at $.n: '1' is not of type"),
        (Wished(schema=json.dumps(SCHEMA).encode()), '{"n": 1}', "{}", "'n' is a required"),
        (Wished(pattern=r"^(yes|no)$"), "no", "maybe", "does not match"),
        (Wished(characters=3), "abc", "abcd", "4 characters, 3 are the most"),
    ],
)
def test_each_rule_takes_what_is_right_and_tells_what_is_not(wished: Wished, good: str, bad: str, why: str) -> None:
    assert judge(wished, good) == ""
    assert why in judge(wished, bad)


def test_an_answer_that_was_cut_is_told_before_what_its_half_looks_like() -> None:
    assert judge(Wished(json=True), '{"a"', "length") == "it was cut at the limit of tokens"
    assert judge(Wished(whole=True), "a", "length") == "it was cut at the limit of tokens"
    assert make_rules(Wished()) is None


def test_the_model_is_told_what_was_wrong() -> None:
    rules = make_rules(Wished(json=True))
    assert rules is not None
    again = json.loads(rules.ask_again(TASK, make_body("oops"), "it is no JSON"))
    assert [one["role"] for one in again["messages"]] == ["user", "assistant", "user"]
    assert again["messages"][1]["content"] == "oops"
    assert "it is no JSON" in again["messages"][2]["content"]
    plain = Task(number=0, custom_id="a", path="/", body=b'{"prompt": "q"}')
    assert rules.ask_again(plain, b"", "x") == plain.body


@pytest.mark.parametrize(
    "wished",
    [
        Wished(schema=b"{"),
        Wished(schema=b'{"type": "strange"}'),
        Wished(pattern="("),
    ],
)
def test_what_is_no_schema_or_pattern_is_refused_beforehand(wished: Wished) -> None:
    with pytest.raises(ConfigurationError):
        make_rules(wished)


def test_nothing_is_fetched_that_a_schema_names() -> None:
    remote = {"$ref": "http://127.0.0.1:9/none.json"}
    assert "not in it" in judge(Wished(schema=json.dumps(remote).encode()), "1")


@given(st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_answer_is_taken_or_told(text: str) -> None:
    why = judge(Wished(schema=b'{"type": "array"}'), text)
    try:
        right = isinstance(json.loads(text), list)
    except ValueError:
        right = False
    assert (why == "") == right
