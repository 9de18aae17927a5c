"""The words for loads, lengths and goals: read, written, and refused with what would do."""

from __future__ import annotations

import contextlib
import math
from random import Random
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.bench.goals import meets, parse_goals, render_goals
from keepwell.bench.lengths import Lengths, parse_lengths
from keepwell.bench.load import Load
from keepwell.bench.load_words import describe_load, parse_load, render_load
from tests.bench.made import make_row

RATES = st.integers(1, 9_999_999).map(lambda number: number / 1000)
LOADS = st.one_of(
    st.builds(Load, clients=st.integers(1, 4096)),
    st.builds(Load, shape=st.sampled_from(["constant", "poisson"]), clients=st.just(0), rate=RATES),
    st.builds(Load, shape=st.just("ramp"), clients=st.just(0), rate=RATES, rate_to=RATES),
)


@given(LOADS)
def test_what_is_written_is_read_again(load: Load) -> None:
    """Every load but a replay says all of itself."""
    assert parse_load(render_load(load)).load == load


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "-1", "5/m", "5000000", "poisson:", "poisson:x/s", "ramp:1/s", "ramp:1/s-0/s", "0/s", "sweep:x"),
        *("replay:", "1e3/s", "nan/s", "poisson:99999/s", "8 clients", "٣"),
    ],
)
def test_what_is_no_load_is_refused(text: str) -> None:
    """With the words that are known, or the bounds."""
    with pytest.raises(ValueError, match="is no load"):
        parse_load(text)


@given(st.text(max_size=20))
def test_no_words_break_it(text: str) -> None:
    """ValueError is all that is raised."""
    for parse in (parse_load, parse_lengths, parse_goals):
        with contextlib.suppress(ValueError):
            parse(text)


def test_wishes_beyond_one_stretch() -> None:
    """A sweep, and a replay of a file whose name may have colons."""
    assert parse_load("sweep").sweep == "clients"
    assert parse_load("sweep:rate").sweep == "rate"
    assert parse_load("replay:C:/trace.jsonl").replay == "C:/trace.jsonl"
    assert parse_load("ramp:0-5/s").load.rate == 0.0


def test_a_load_is_said() -> None:
    """In a sentence's words."""
    assert describe_load(Load(seconds=30.0)) == "one at a time, 30 s"
    assert describe_load(Load(shape="constant", rate=0.5, requests=7)) == "0.5 requests a second, evenly, 7 requests"


@pytest.mark.parametrize("text", ["128", "normal:512:64", "lognormal:300:200", "uniform:10:20"])
def test_lengths_come_out_as_asked(text: str) -> None:
    """Mean and deviation of 20,000 drawn."""
    lengths = parse_lengths(text)
    assert str(lengths) == text
    random = Random(3)
    drawn = [lengths.draw(random) for _ in range(20_000)]
    assert fmean(drawn) == pytest.approx(lengths.mean, rel=0.03)
    if lengths.spread in ("normal", "lognormal"):
        assert stdev(drawn) == pytest.approx(lengths.second, rel=0.1)
    if lengths.spread == "uniform":
        assert (min(drawn), max(drawn)) == (10, 20)


@given(st.sampled_from(["normal", "lognormal", "uniform"]), st.integers(1, 5000), st.integers(0, 5000), st.integers())
def test_every_length_is_one(spread: str, first: int, more: int, seed: int) -> None:
    """At least one token, whatever is drawn."""
    second = more + first * (spread == "uniform")
    assert parse_lengths(f"{spread}:{first}:{second}").draw(Random(seed)) >= 1


@pytest.mark.parametrize("text", ["", "0", "normal:5", "uniform:9:3", "normal:-1:2", "other:1:2", "1.5", "9999999999"])
def test_what_is_no_length_is_refused(text: str) -> None:
    """With what would do."""
    with pytest.raises(ValueError, match="is no length"):
        parse_lengths(text)


def test_goals_are_read_and_kept_to() -> None:
    """Also in other units; a limit on what is not known is not kept."""
    goals = parse_goals("ttft=500ms, itl=0.05s")
    assert goals == {"ttft": 0.5, "itl": 0.05}
    assert parse_goals(render_goals(goals)) == goals
    assert meets(make_row(ttft=0.5), goals)
    assert not meets(make_row(ttft=0.51), goals)
    assert not meets(make_row(outcome=4), goals)
    assert not meets(make_row()._replace(first=math.nan), goals)
    assert meets(make_row(tokens=1), parse_goals("tpot=1ms"))


@pytest.mark.parametrize("text", ["ttft", "ttft=5", "tttf=5ms", "ttft=0ms", "ttft=5ms,ttft=6ms", "e2e=-1s"])
def test_what_is_no_goal_is_refused(text: str) -> None:
    """With a sentence."""
    with pytest.raises(ValueError, match="goal"):
        parse_goals(text)


def test_a_length_says_itself() -> None:
    """The inverse of reading it."""
    assert str(Lengths(spread="uniform", first=5, second=9)) == "uniform:5:9"
