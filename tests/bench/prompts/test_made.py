"""Made requests: as long as wished, the same again within a run, and beginning differently."""

from __future__ import annotations

from itertools import islice
from typing import cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.bench.lengths import Lengths, parse_lengths
from keepwell.bench.load import Prompt
from keepwell.bench.prompts.made import Form, Size, Workload, make_prompts, render_text
from keepwell.bench.prompts.words import LONG, SHORT, WORDS, Pace, fit_pace, make_learning, make_text
from keepwell.plugins.asked import Asked
from keepwell.plugins.codec import Codec
from keepwell.plugins.dialect import Dialect
from keepwell.plugins.registry import load_all


def find_codecs() -> dict[str, Codec]:
    """Of every path."""
    found: dict[str, Codec] = {}
    for dialect in cast("dict[str, Dialect]", load_all("dialects")).values():
        for endpoint in dialect.endpoints:
            if endpoint.codec is not None:
                found.setdefault(endpoint.path.decode(), endpoint.codec)
    return found


def make_form(path: str = "/v1/chat/completions") -> Form:
    """How requests of a model "m" are written at this path."""
    codec = find_codecs()[path]
    kind = next(iter(codec.kinds))
    stream = kind != "embed"
    asked = Asked(model="m", kind=kind, stream=stream, counts=stream or None, temperature=0.0)
    return Form(path=path, codec=codec, asked=asked)


def read(prompt: Prompt) -> dict[str, object]:
    """Its body."""
    return msgspec.json.decode(prompt.body, type=dict[str, object])


def test_words_are_all_different() -> None:
    """Seven bits each."""
    assert len(set(WORDS)) == len(WORDS) == 128


@given(st.floats(0.6, 7.9), st.integers(0, 40))
def test_the_pace_of_an_engine_is_found(per_word: float, around: int) -> None:
    """From what it counts for two texts; the length asked for comes out within a word."""
    counted = [round(words * per_word) + around for words in (SHORT, LONG)]
    pace = fit_pace(*counted)
    assert pace.counted
    words = pace.find_words(500)
    assert abs(words * per_word + around - 500) <= per_word + 2 + 500 / LONG


@pytest.mark.parametrize("counted", [(0, 0), (16, 16), (-1, -1), (100, 5000)])
def test_counts_that_make_no_sense_are_not_used(counted: tuple[int, int]) -> None:
    """As of an engine that leaves out what its cache held."""
    assert not fit_pace(*counted).counted


def test_requests_have_the_engine_s_own_form() -> None:
    """With another text, as many tokens of answer, streamed with counts."""
    prompt = next(make_prompts(make_form(), Workload(input=Lengths(first=20), output=Lengths(first=7))))
    body = read(prompt)
    assert body["model"] == "m"
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert body["max_tokens"] == 7
    (message,) = cast("list[dict[str, str]]", body["messages"])
    assert len(message["content"].split()) == 20
    assert (prompt.input_tokens, prompt.output_tokens, prompt.follow) == (20, 7, None)


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/api/chat", "/api/embed"]
)
def test_every_format_is_written(path: str) -> None:
    """Embeddings are not streamed and want no answer's length."""
    form = make_form(path)
    prompt = next(make_prompts(form, Workload(turns=3)))
    asked = form.codec.read_request(prompt.body)
    assert asked.stream == (asked.kind != "embed")
    texts = [*asked.prompts, *(one.text for one in asked.messages)]
    assert len(texts[0].split()) == 128


def test_beginnings_differ_and_lengths_come_again() -> None:
    """Another nonce is other words of the same lengths; the same is the same."""
    workload = Workload(input=parse_lengths("uniform:5:50"), nonce="a")
    one = [render(prompt) for prompt in islice(make_prompts(make_form(), workload), 50)]
    again = [render(prompt) for prompt in islice(make_prompts(make_form(), workload), 50)]
    other = [
        render(prompt) for prompt in islice(make_prompts(make_form(), Workload(input=workload.input, nonce="b")), 50)
    ]
    assert one == again
    assert [len(text.split()) for text in one] == [len(text.split()) for text in other]
    assert len({" ".join(text.split()[:5]) for text in [*one, *other]}) == 100


def test_a_shared_prefix_is_shared_and_part_of_the_length() -> None:
    """The rest is each request's own."""
    workload = Workload(input=Lengths(first=50), shared_tokens=30, nonce="n")
    first, second = (render(one).split() for one in islice(make_prompts(make_form(), workload), 2))
    assert len(first) == len(second) == 50
    assert first[:30] == second[:30]
    assert first[30:34] != second[30:34]


def test_turns_hold_what_was_said_before() -> None:
    """The answer that the model gave is part of the next request, whatever it was."""
    talk = next(make_prompts(make_form(), Workload(input=Lengths(first=5), turns=3)))
    assert talk.follow is not None
    event = b'data: {"choices": [{"index": 0, "delta": {"content": "%b"}}]}\n\n'
    second = talk.follow(event % b"four " + event % b"and six" + b"data: [DONE]\n\n")
    assert second is not None
    assert [one["role"] for one in _messages(second)] == ["user", "assistant", "user"]
    assert _messages(second)[1]["content"] == "four and six"
    assert _messages(second)[0] == _messages(talk)[0]
    assert second.follow is not None
    third = second.follow(b"no answer at all")
    assert third is not None
    assert len(_messages(third)) == 5
    assert third.follow is None


@given(
    st.integers(1, 400),
    st.lists(st.tuples(st.text(max_size=5), st.integers(0, 300)), max_size=4),
    st.floats(0.5, 4.0),
    st.integers(0, 30),
)
@settings(max_examples=60)
def test_every_size_is_a_text(tokens: int, shared: list[tuple[str, int]], per_word: float, around: int) -> None:
    """Of as many words as its tokens are, whatever it shares."""
    pace = Pace(per_word=per_word, around=around)
    size = Size(seed="s", input_tokens=tokens, output_tokens=1, shared=tuple(shared))
    text = render_text(Workload(pace=pace), size)
    assert len(text.split()) == pace.find_words(tokens)


def test_the_texts_by_which_it_is_learned_hold_every_word_as_often() -> None:
    """Once and twice; and begin differently."""
    short, long = make_learning("a")
    assert sorted(short.split()) == sorted(WORDS)
    assert sorted(long.split()) == sorted([*WORDS, *WORDS])
    assert short.split()[:4] != long.split()[:4]


def test_a_text_is_its_seed_s() -> None:
    """And as long as asked for."""
    assert make_text("a", 9) == make_text("a", 9) != make_text("b", 9)
    assert make_text("a", 0) == ""


def render(prompt: Prompt) -> str:
    """The text of its last message."""
    return cast("str", _messages(prompt)[-1]["content"])


def _messages(prompt: Prompt) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", read(prompt)["messages"])
