"""Answers read, compared and judged."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.rehearsing.comparing import ALIKE, FIRST, SECOND, Played, compare, count_common, sum_up
from keepwell.app.rehearsing.hearing import Heard, hear
from keepwell.app.rehearsing.playing import find_codecs
from keepwell.app.rehearsing.verdict import Wanted, conclude, judge
from keepwell.transport.base import Piece, Streamed

CODEC = find_codecs()["/v1/chat/completions"]
WELL = Heard(
    first_seconds=0.1,
    token_seconds=0.01,
    total_seconds=1.0,
    input_tokens=10,
    output_tokens=5,
    text=" The sky is blue, as everybody knows.",
    replica="box/0",
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def changed(**more: Any) -> Heard:
    """An answer like the usual one."""
    return replace(WELL, **more)


def verdicts(*played: Played, wanted: Wanted | None = None) -> tuple[str, dict[str, str]]:
    """The verdict, and what each rule says."""
    first, second = sum_up("a", played, FIRST), sum_up("b", played, SECOND)
    rules = judge(first, second, [compare(one) for one in played], wanted or Wanted())
    return conclude(rules), {one.name: one.said for one in rules if one.said != "go"}


def pairs(first: Heard, second: Heard, count: int = 25) -> list[Played]:
    """So many requests with these answers."""
    return [Played(name=f"request {number}", first=first, second=second) for number in range(count)]


def test_the_same_answers_are_a_go() -> None:
    assert verdicts(*pairs(WELL, changed(replica="box/1", text="The sky is blue, as everybody knows."))) == ("go", {})


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"problem": "http_502", "said": "x"}, "errors"),
        ({"first_seconds": 0.5}, "first byte"),
        ({"token_seconds": 0.05}, "token"),
        ({"text": "No."}, "text at temperature 0"),
        ({"input_tokens": 3}, "prompt tokens"),
        ({"output_tokens": 50}, "answer tokens"),
    ],
)
def test_each_rule_can_say_no(more: dict[str, object], rule: str) -> None:
    good, bad = pairs(WELL, WELL), pairs(WELL, changed(**more))
    said, found = verdicts(*bad)
    assert said == "no-go"
    assert found[rule] == "no-go"
    assert verdicts(*good, *good)[0] == "go"


def test_lost_fields_are_told_and_do_not_decide() -> None:
    assert verdicts(*pairs(WELL, changed(dropped=("keep_alive",)))) == ("go", {"lost fields": "note"})
    assert verdicts(*pairs(changed(dropped=("keep_alive",)), changed(dropped=("keep_alive",)))) == ("go", {})


def test_too_little_is_no_verdict() -> None:
    assert verdicts(*pairs(WELL, WELL, 3))[0] == "undecided"
    assert verdicts()[0] == "undecided"


@settings(max_examples=80)
@given(TEXTS, TEXTS, TEXTS)
def test_texts_begin_alike_for_as_long_as_they_do(begin: str, one: str, other: str) -> None:
    common = count_common(begin + one, begin + other)
    assert common >= len(begin)
    assert (begin + one)[:common] == (begin + other)[:common]
    found = compare(Played(name="x", first=changed(text=begin + one), second=changed(text=begin + other)))
    assert (found.likeness == "equal") == ((begin + one).strip() == (begin + other).strip())
    assert "\x1b" not in found.first + found.second


def test_a_beginning_of_a_few_characters_is_not_alike() -> None:
    short = compare(Played(name="x", first=changed(text="The sky"), second=changed(text="The sea")))
    assert (short.likeness, short.common, short.alike) == ("same beginning", 5, False)
    long = "x" * ALIKE
    assert compare(Played(name="x", first=changed(text=long + "a"), second=changed(text=long + "b"))).alike
    assert compare(Played(name="x", first=changed(problem="empty"), second=WELL)).likeness == "unknown"


def streamed(*pieces: bytes, status: int = 200, whole: bool = True, kind: str = "text/event-stream") -> Streamed:
    """An answer whose parts came a tenth of a second apart."""
    return Streamed(
        status=status,
        headers={
            "content-type": kind,
            "x-keepwell-dropped": "keep_alive, options.mirostat",
            "x-keepwell-replica": "b/1",
        },
        pieces=tuple(Piece(seconds=0.1 * (place + 1), data=one) for place, one in enumerate(pieces)),
        whole=whole,
        problem="cut" * (not whole),
        seconds=0.1 * len(pieces),
    )


def event(**more: object) -> bytes:
    """One event of the usual format."""
    row = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], **more}
    return b"data: %b\n\n" % json.dumps(row).encode()


def delta(text: str, finish: str | None = None) -> bytes:
    """A piece of an answer."""
    return event(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": finish}])


USAGE = event(usage={"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10})


def test_an_answer_is_read_with_its_times() -> None:
    found = hear(streamed(delta("one"), delta(" two"), delta(" three", "stop"), USAGE, b"data: [DONE]\n\n"), CODEC)
    assert (found.problem, found.text, found.finish) == ("", "one two three", "stop")
    assert (found.input_tokens, found.output_tokens) == (7, 3)
    assert found.first_seconds == pytest.approx(0.1)
    assert found.token_seconds == pytest.approx(0.1)
    assert found.total_seconds == pytest.approx(0.5)
    assert (found.dropped, found.replica) == (("keep_alive", "options.mirostat"), "b/1")


def test_what_went_wrong_has_a_word() -> None:
    refused = hear(streamed(b'{"error":{"message":"no such thing"}}', status=400, kind="application/json"), CODEC)
    assert (refused.problem, refused.said) == ("http_400", "no such thing")
    assert hear(streamed(delta("one"), whole=False), CODEC).problem == "broken_off"
    assert hear(streamed(delta("one")), CODEC).problem in ("broken_off", "error_in_stream")
    assert hear(streamed(b'data: {"error":{"message":"died"}}\n\n'), CODEC).problem == "error_in_stream"
    assert hear(streamed(delta("", "stop"), b"data: [DONE]\n\n"), CODEC).problem == "empty"


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=30), max_size=5), st.sampled_from([200, 404, 500]), st.booleans())
def test_any_bytes_are_an_answer_or_a_problem(pieces: list[bytes], status: int, whole: bool) -> None:
    found = hear(streamed(*pieces, status=status, whole=whole), CODEC)
    assert found.problem
