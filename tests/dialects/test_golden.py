"""What real engines answered is read whole, in any pieces, and written again without a loss."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.plugins.answer_events import Begun, Ended, Event, Failed
from keepwell.plugins.codec import Codec, Setting, read_whole
from tests.dialects.folding import Folded, fold, merge
from tests.dialects.golden_files import Golden, load_codecs, load_goldens

CODECS = load_codecs()
SPOKEN = [one for one in load_goldens() if one.path in CODECS]
#: Empty requests, which Ollama takes for a wish to load the model.
EMPTY = ("nothing", "noprompt")
GOOD = [one for one in SPOKEN if one.good and not one.name.endswith(EMPTY)]
BAD = [one for one in SPOKEN if not one.good]
EMPTY_ONES = [one for one in SPOKEN if one.name.endswith(EMPTY) and one.good]


def codec_of(golden: Golden) -> Codec:
    """The codec of its path."""
    return CODECS[golden.path]


def read(golden: Golden, cuts: list[int] | None = None) -> list[Event]:
    """Its events, the body cut at these places."""
    reader = codec_of(golden).make_reader(stream=golden.streams)
    places = sorted({0, len(golden.answer), *(cuts or [])})
    found = [one for at, to in pairwise(places) for one in reader.feed(golden.answer[at:to])]
    return [*found, *reader.end()]


def test_every_engine_was_recorded() -> None:
    found = {one.engine for one in load_goldens()}
    assert found == {"ollama", "llamacpp", "vllm"}
    assert len(load_goldens()) >= 200


@pytest.mark.parametrize("golden", GOOD, ids=lambda one: one.id)
def test_an_answer_is_read(golden: Golden) -> None:
    events = read(golden)
    assert isinstance(events[0], Begun), events[:3]
    assert isinstance(events[-1], Ended), events[-3:]
    assert not [one for one in events if isinstance(one, Failed)], events
    said = fold(events)
    assert said.ended == 1
    assert len(said.begun) == 1
    assert len(said.counted) <= 1
    if said.vectors:
        (vectors,) = said.vectors
        assert {len(one) for one in vectors.vectors} in ({32}, {256})
        return
    assert said.finished, events
    if "call" in golden.name.split("-"):
        assert {one.reason for one in said.finished.values()} == {"tools"}
        called = [(name, json.loads(arguments)) for _, name, arguments in said.calls.values()]
        assert called == [("weather", {"city": "Paris"}), ("hour", {"zone": "CET"})]
        assert len({id for id, _, _ in said.calls.values()}) == 2
    elif "think" in golden.name.split("-") and said.thoughts:
        assert said.thoughts[0].split() == ["How", "far?"]
        assert said.texts[0].strip() == "To three."
    elif golden.id.startswith("llamacpp/v1-responses-schema"):
        assert said.texts[0].startswith(" alpha 0001")  # this release does not read text.format
    elif golden.id.startswith("vllm/v1-") and "schema" in golden.name and said.finished[0].reason == "length":
        assert not said.texts[0].strip("{ \t\n")  # blanks for ever, which JSON lets it write
    elif "schema" in golden.name:
        assert json.loads(said.texts[0]) == {"city": "Paris"}
    elif any(word in golden.name for word in ("text", "end", "counted", "odds", "list", "several", "raw")):
        assert all(one.startswith(" alpha 0001") for one in said.texts.values()), said.texts


@pytest.mark.parametrize("golden", EMPTY_ONES, ids=lambda one: one.id)
def test_an_answer_to_nothing_is_read(golden: Golden) -> None:
    events = read(golden)
    assert isinstance(events[-1], Ended), events
    assert not fold(events).texts


@pytest.mark.parametrize("golden", GOOD, ids=lambda one: one.id)
@given(data=st.data())
@settings(max_examples=4)
def test_any_pieces_are_the_same_events(golden: Golden, data: st.DataObject) -> None:
    most = len(golden.answer)
    cuts = data.draw(st.lists(st.integers(1, most - 1), max_size=40, unique=True))
    assert merge(read(golden, cuts)) == merge(read(golden))


@pytest.mark.parametrize("golden", GOOD, ids=lambda one: one.id)
def test_byte_by_byte(golden: Golden) -> None:
    assert merge(read(golden, list(range(len(golden.answer))))) == merge(read(golden))


@pytest.mark.parametrize("golden", GOOD, ids=lambda one: one.id)
def test_what_is_written_is_what_was_read(golden: Golden) -> None:
    codec = codec_of(golden)
    asked = codec.read_request(golden.request)
    events = read(golden)
    begun = next(one for one in events if isinstance(one, Begun))
    setting = Setting(model=begun.model, id=begun.id, created=begun.created)
    asked = msgspec.structs.replace(asked, stream=golden.streams, counts=True, encoding="float")
    writer = codec.make_writer(asked, setting)
    body = b"".join(writer.write([one], 0.5) for one in events)
    again = read_whole(codec, body, stream=golden.streams)
    before, after = told(fold(events), golden), told(fold(again), golden)
    assert after == before


@pytest.mark.parametrize("golden", BAD, ids=lambda one: one.id)
def test_an_error_is_a_sentence(golden: Golden) -> None:
    said = codec_of(golden).read_error(golden.answer)
    assert isinstance(said, str)
    if golden.answer.lstrip().startswith(b"{"):
        assert said
        assert said in json.dumps(json.loads(golden.answer), ensure_ascii=False).replace('\\"', '"').replace(
            "\\n", "\n"
        ).replace("\\\\", "\\")


@pytest.mark.parametrize("golden", GOOD, ids=lambda one: one.id)
def test_a_request_is_read_and_written_again(golden: Golden) -> None:
    codec = codec_of(golden)
    asked = codec.read_request(golden.request)
    assert codec.read_request(codec.write_request(asked)) == asked


def told(said: Folded, golden: Golden) -> dict[str, object]:
    """What has to be the same: all but the identity of the answer, which is the gateway's, and what was made up."""
    found = asdict(said)
    found["begun"] = [one.model for one in said.begun]
    return found
