"""Samples on the way from an agent: whatever is asked when, nothing is lost, doubled or mixed up."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.observation import Missing, absent
from keepwell.core.series import Batch, SeriesKey
from keepwell.telemetry import wire
from keepwell.telemetry.rounds import Sample
from keepwell.telemetry.wire import FRAMES, BrokenSamples, Heard, Reader, Writer, parse_heard, render_heard

SUBJECTS = ("node:far", "device:far/0", "mount:far//var/lib", "model:far/engine/a/b:c")
KEYS = [
    SeriesKey(metric, subject, labels)
    for metric in ("host.load", "host.cores")
    for subject in SUBJECTS
    for labels in ((), (("minutes", "1"),))
]
numbers = st.one_of(
    st.floats(allow_nan=False), st.integers(0, 2**53), st.just(absent("not here")), st.sampled_from([0.0, 1.0])
)
parts = st.lists(
    st.tuples(
        st.sampled_from(["cpu", "gpu", ""]),
        st.lists(st.tuples(st.sampled_from(KEYS), numbers), max_size=6),
    ),
    max_size=3,
    unique_by=lambda part: part[0],
)


def renamed(batches: list[Batch]) -> list[tuple[float, list[tuple[SeriesKey, float | Missing]]]]:
    """Batches with the name of the node as the agent has it."""
    return [
        (
            one.at,
            [(key._replace(subject=key.subject.replace(":near", ":far", 1)), value) for key, value in one.readings],
        )
        for one in batches
    ]


@settings(max_examples=150)
@given(st.lists(st.tuples(parts, st.booleans()), max_size=30))
def test_who_asks_often_enough_gets_every_sample_once(
    story: list[tuple[list[tuple[str, list[tuple[SeriesKey, float | Missing]]]], bool]],
) -> None:
    writer, reader = Writer(7), Reader("near")
    made: list[tuple[float, list[tuple[SeriesKey, float | Missing]]]] = []
    got: list[Batch] = []
    reader.parse(writer.render(reader.heard))
    for number, (sample, asked) in enumerate(story, start=1):
        writer.add(Sample(float(number), sample))
        made.append((float(number), [one for _, part in sample for one in part]))
        if asked:
            got += reader.parse(writer.render(reader.heard))
    got += reader.parse(writer.render(reader.heard))
    assert renamed(got) == made


def sample(at: float, *values: float, name: str = "cpu") -> Sample:
    return Sample(at, [(name, list(zip(KEYS, values, strict=False)))])


def test_who_is_new_gets_the_newest_of_everything() -> None:
    writer = Writer(7)
    writer.add(sample(1.0, 5.0, name="slow"))
    for at in (2.0, 3.0):
        writer.add(sample(at, at, 9.0))
    batches = Reader("far").parse(writer.render(Heard()))
    assert [(one.at, [value for _, value in one.readings]) for one in batches] == [(1.0, [5.0]), (3.0, [3.0, 9.0])]


def test_who_was_away_for_long_gets_the_newest_and_goes_on() -> None:
    writer, reader = Writer(7), Reader("far")
    writer.add(sample(0.0, 1.0))
    reader.parse(writer.render(reader.heard))
    for at in range(1, FRAMES + 10):
        writer.add(sample(float(at), float(at), 4.0))
    (newest,) = reader.parse(writer.render(reader.heard))
    assert (newest.at, len(newest.readings)) == (FRAMES + 9.0, 2)
    writer.add(sample(1000.0, 0.5, 4.0))
    (after,) = reader.parse(writer.render(reader.heard))
    assert [value for _, value in after.readings] == [0.5, 4.0]


def test_a_lost_answer_loses_nothing() -> None:
    writer, reader = Writer(7), Reader("far")
    writer.add(sample(1.0, 1.0))
    reader.parse(writer.render(reader.heard))
    writer.add(sample(2.0, 2.0))
    writer.render(reader.heard)  # and the line is cut
    writer.add(sample(3.0, 3.0))
    assert [one.at for one in reader.parse(writer.render(reader.heard))] == [2.0, 3.0]


def test_an_agent_that_began_anew_is_heard_from_its_beginning() -> None:
    reader = Reader("far")
    old, new = Writer(7), Writer(8)
    old.add(sample(1.0, 1.0, 2.0))
    reader.parse(old.render(reader.heard))
    new.add(Sample(2.0, [("gpu", [(KEYS[-1], 3.0)])]))
    (batch,) = reader.parse(new.render(reader.heard))
    assert batch.readings == [(KEYS[-1], 3.0)]


def test_names_of_things_that_are_gone_do_not_gather() -> None:
    writer, reader = Writer(7), Reader("far")
    for number in range(wire.KEYS // 100 + 3):
        keys = [SeriesKey("host.load", f"container:far/c{number}-{place}") for place in range(100)]
        writer.add(Sample(float(number), [("containers", [(key, 1.0) for key in keys])]))
        batches = reader.parse(writer.render(reader.heard))
        assert [key for key, _ in batches[-1].readings] == keys
    assert reader.heard.session == 8
    assert reader.heard.keys < 1000


def test_what_does_not_change_costs_next_to_nothing() -> None:
    writer, reader = Writer(7), Reader("far")
    writer.add(sample(1.0, *range(16)))
    first = writer.render(reader.heard)
    reader.parse(first)
    writer.add(sample(2.0, *range(15), 99.0))
    second = writer.render(reader.heard)
    assert len(second) < 40 < len(first)
    assert len(reader.parse(second)[0].readings) == 16


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_way(content: bytes) -> None:
    with pytest.raises(BrokenSamples):
        Reader("far").parse(b"\xc1" + content)


@settings(max_examples=100)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_damaged_answers_are_read_or_refused_and_the_next_is_whole(seed: int, flips: int) -> None:
    chance = random.Random(seed)
    writer, reader = Writer(7), Reader("far")
    writer.add(sample(1.0, 1.0, 2.0, 3.0))
    reader.parse(writer.render(reader.heard))
    writer.add(sample(2.0, 2.0, 2.0, 3.5))
    content = bytearray(writer.render(reader.heard))
    for _ in range(flips):
        content[chance.randrange(len(content))] = chance.randrange(256)
    try:
        reader.parse(bytes(content))
    except BrokenSamples:
        assert reader.heard == Heard()
        (batch,) = reader.parse(writer.render(reader.heard))
        assert [value for _, value in batch.readings] == [2.0, 2.0, 3.5]


@pytest.mark.parametrize(
    "answer",
    [
        (7, 0, [("host.load", "nothing", None, ())], [(1, [0])], [(1, 1.0, [(1, None, [1.0])])]),
        (7, 0, [("host.load", "node", "\x1b[2J", ())], [], []),
        (7, 3, [], [], []),
        (7, 0, [], [(1, [5])], []),
        (7, 0, [], [], [(1, 1.0, [(4, None, [])])]),
        (7, 0, [("host.load", "node", None, ())], [(1, [0])], [(1, 1.0, [(1, None, [1.0, 2.0])])]),
        (7, 0, [("host.load", "node", None, ())], [(1, [0])], [(1, 1.0, [(1, [0, 1], [1.0])])]),
    ],
)
def test_what_does_not_fit_together_is_refused(answer: object) -> None:
    reader = Reader("far")
    with pytest.raises(BrokenSamples):
        reader.parse(msgspec.msgpack.encode(answer))
    assert reader.heard == Heard()


def test_what_was_heard_goes_there_and_back() -> None:
    assert parse_heard(render_heard(Heard(7, 3, 2, 9))) == Heard(7, 3, 2, 9)
    assert parse_heard({"session": "x", "keys": -1, "layout": True, "frame": 2.0}) == Heard()
