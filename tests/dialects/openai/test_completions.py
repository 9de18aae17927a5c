"""Completions: prompts in all their forms, likelihoods in both engines' forms."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from keepwell.dialects.openai.completions import COMPLETIONS
from keepwell.plugins.answer_events import Begun, Counted, Ended, Failed, Finished, Odds, Text, TokenOdds
from keepwell.plugins.asked import Asked, Shape
from keepwell.plugins.codec import Setting, Unreadable, find_losses, read_whole

SETTING = Setting(model="public", id="cmpl-1", created=1_700_000_000.7)


def ask(**fields: object) -> Asked:
    """A request with these fields."""
    return COMPLETIONS.read_request(json.dumps({"model": "m"} | fields).encode())


def told(**fields: Any) -> dict[str, Any]:
    """What is written for a request with these settings."""
    body: dict[str, Any] = json.loads(COMPLETIONS.write_request(Asked(model="m", kind="completion", **fields)))
    return body


@pytest.mark.parametrize(
    ("prompt", "texts", "tokens", "listed"),
    [
        ("a", ("a",), (), False),
        (["a", "b"], ("a", "b"), (), True),
        ([1, 2], (), ((1, 2),), False),
        ([[1, 2], [3]], (), ((1, 2), (3,)), True),
        (None, ("",), (), False),
    ],
)
def test_prompts(prompt: object, texts: tuple[str, ...], tokens: tuple[tuple[int, ...], ...], listed: bool) -> None:
    asked = ask(prompt=prompt)
    assert (asked.prompts, asked.prompt_tokens, asked.listed) == (texts, tokens, listed)
    assert told(prompts=texts, prompt_tokens=tokens, listed=listed)["prompt"] == (prompt or "")


@pytest.mark.parametrize("prompt", [[], 5, ["a", 1], [1, "a"], [[1], "a"], [True], [-1], [[1.5]], {"a": 1}])
def test_prompts_that_are_none(prompt: object) -> None:
    with pytest.raises(Unreadable, match="prompt has to be"):
        ask(prompt=prompt)


def test_settings() -> None:
    asked = ask(prompt="a", suffix="z", echo=True, logprobs=2, n_probs=9, best_of=3, max_tokens=1, stop=["x"])
    assert (asked.suffix, asked.echo, asked.logprobs, asked.max_tokens) == ("z", True, 2, 1)
    assert asked.unknown == ("best_of",)
    assert ask(prompt="a", n_probs=4).logprobs == 4
    assert ask(prompt="a").logprobs == -1


def test_a_request_as_both_engines_read_it() -> None:
    body = told(prompts=("a",), shape=Shape(), logprobs=0)
    assert body["response_format"] == {"type": "json_object"}
    assert body["json_schema"] == {"type": "object"}
    assert (body["logprobs"], body["n_probs"], body["prompt"]) == (0, 1, ["a"])
    assert "n_probs" not in told(prompts=("a",), logprobs=3)


def test_texts_and_tokens_together_cannot_be_said() -> None:
    asked = Asked(model="m", kind="completion", prompts=("a",), prompt_tokens=((1,),))
    assert find_losses(asked, COMPLETIONS).refused == ("texts and tokens in one request",)


LISTS = {
    "tokens": ["a", "b"],
    "token_logprobs": [None, -0.5],
    "top_logprobs": [None, {"b": -0.5, "c": None}],
    "text_offset": [0, 1],
}
OBJECTS = {
    "content": [{"token": "b", "logprob": -0.5, "top_logprobs": [{"token": "c", "logprob": -9999.0}]}],
}


def test_likelihoods_of_both_engines() -> None:
    never = -math.inf
    (odds,) = [one for one in read({"text": "ab", "logprobs": LISTS}) if isinstance(one, Odds)]
    assert odds.tokens == (TokenOdds("a", never), TokenOdds("b", -0.5, (("b", -0.5), ("c", never))))
    (odds,) = [one for one in read({"text": "b", "logprobs": OBJECTS}) if isinstance(one, Odds)]
    assert odds.tokens == (TokenOdds("b", -0.5, (("c", -9999.0),)),)


def read(choice: dict[str, object]) -> list[object]:
    """The events of a stream with this choice."""
    body = b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\ndata: null\n\ndata: [DONE]\n\n"
    return [*read_whole(COMPLETIONS, body, stream=True)]


def test_offsets_are_counted_through_a_stream() -> None:
    writer = COMPLETIONS.make_writer(Asked(model="m", kind="completion", stream=True, logprobs=1), SETTING)
    never = Odds((TokenOdds("ab", -math.inf),))
    body = writer.write([Begun(), Text("ab"), never], 0.1) + writer.write(
        [
            Text("c"),
            Odds((TokenOdds("c", -1.0, (("c", -1.0), ("d", -2.0), ("e", -3.0))),)),
            Finished("length"),
            Ended(),
        ],
        0.2,
    )
    first, second, last, done, rest = body.split(b"\n\n")
    (choice,) = json.loads(first[6:])["choices"]
    assert choice["text"] == "ab"
    assert choice["logprobs"] == {
        "tokens": ["ab"],
        "token_logprobs": [None],
        "top_logprobs": [None],
        "text_offset": [0],
    }
    (choice,) = json.loads(second[6:])["choices"]
    assert choice["logprobs"]["text_offset"] == [2]
    assert choice["logprobs"]["top_logprobs"] == [{"c": -1.0, "d": -2.0}]
    assert json.loads(last[6:])["choices"] == [{"index": 0, "text": "", "logprobs": None, "finish_reason": "length"}]
    assert (done, rest) == (b"data: [DONE]", b"")


def test_an_answer_as_a_whole() -> None:
    writer = COMPLETIONS.make_writer(Asked(model="m", kind="completion"), SETTING)
    said = [Begun(), Text("a"), Text("b", 1), Finished("stop", 0), Finished("length", 1), Counted(1, 2), Ended()]
    body = json.loads(writer.write(said, 0.1))
    assert (body["object"], body["model"]) == ("text_completion", "public")
    assert [(one["text"], one["finish_reason"]) for one in body["choices"]] == [("a", "stop"), ("b", "length")]
    assert read_whole(COMPLETIONS, b'{"error":{"message":"no","code":400}}') == [Failed("no", 400)]
    assert isinstance(read_whole(COMPLETIONS, b'{"choices":5}')[-1], Failed)


def test_counts_of_several_prompts_are_added_up() -> None:
    usage = b'"usage":{"prompt_tokens":3,"completion_tokens":2}'
    body = b'data: {"choices":[{"text":"a"}],%b}\n\ndata: {"choices":[{"index":1,"text":"b"}],%b}\n\ndata: [DONE]\n\n'
    events = read_whole(COMPLETIONS, body % (usage, usage), stream=True)
    assert [one for one in events if isinstance(one, Counted)] == [Counted(6, 4)]


def test_an_error_inside_a_stream() -> None:
    body = b'data: {"choices":[{"text":"a"}]}\n\ndata: {"error":{"message":"gone"}}\n\ndata: [DONE]\n\n'
    assert read_whole(COMPLETIONS, body, stream=True) == [Begun(), Text("a"), Failed("gone")]
