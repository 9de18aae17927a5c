"""Requests and answers with something wrong: a sentence, or events; never another exception, never a hang."""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import Random

import msgspec
import pytest

from keepwell.plugins.answer_events import Ended, Event, Failed
from keepwell.plugins.asked import Asked
from keepwell.plugins.codec import Codec, Setting, Unreadable, find_losses
from tests.dialects.golden_files import goldens_of, load_codecs, load_goldens
from tests.dialects.mutating import cut, mutate

CODECS = load_codecs()
SETTING = Setting(model="tiny-alpha", id="id-1", created=1_767_225_600.0)
#: Seconds of the processor that one input may take; usual are 0.005 with all that is written of it.
SECONDS = 2.0
EVERYDAY, LONG = 150, 10_000


@pytest.mark.parametrize("path", CODECS)
def test_strange_requests_and_answers(path: str) -> None:
    fuzz(path, EVERYDAY, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("path", CODECS)
def test_ten_thousand_strange_requests_and_answers(path: str) -> None:
    fuzz(path, LONG, seed=2)


def fuzz(path: str, count: int, seed: int) -> None:
    """So many inputs: each a strange request, and a strange answer."""
    random = Random(f"{seed} {path}")
    codec = CODECS[path]
    goldens = goldens_of(path) or list(load_goldens())
    requests, answers = [one.request for one in goldens], [one.answer for one in goldens]
    for number in range(count):
        golden = random.choice(goldens)
        began = time.process_time()
        body = mutate(random, golden.request, requests)
        asked = ask(codec, body)
        answer = mutate(random, golden.answer, answers)
        read(codec, cut(random, answer), asked or Asked(model="m"), stream=golden.streams)
        assert isinstance(codec.read_error(answer), str)
        assert time.process_time() - began < SECONDS, (number, body, answer)


def ask(codec: Codec, body: bytes) -> Asked | None:
    """The request, if it is one; then every format of its kind can write what it says."""
    asked = find_asked(codec, body)
    if isinstance(asked, str):
        assert asked.strip(), body
        return None
    for other in CODECS.values():
        if asked.kind in other.kinds and not find_losses(asked, other).refused:
            try:
                msgspec.json.decode(other.write_request(asked))
            except Exception as error:
                raise AssertionError(f"{other.path!r} cannot write what {codec.path!r} read of {body!r}") from error
    return asked


def find_asked(codec: Codec, body: bytes) -> Asked | str:
    """The request, or what is wrong with it."""
    try:
        return codec.read_request(body)
    except Unreadable as error:
        return str(error)


def read(codec: Codec, pieces: Sequence[bytes], asked: Asked, *, stream: bool) -> None:
    """The events, which every format of the kind can write."""
    reader = codec.make_reader(stream=stream)
    try:
        events = [one for piece in pieces for one in reader.feed(piece)] + reader.end()
    except Exception as error:
        raise AssertionError(f"{codec.path!r} cannot read {b'|'.join(pieces)!r}, stream={stream}") from error
    ends = [one for one in events if isinstance(one, (Ended, Failed))]
    assert len(ends) == 1, (ends, pieces)
    assert events[-1] is ends[0], (events, pieces)
    write(codec, events, asked, pieces, stream=stream)


def write(codec: Codec, events: Sequence[Event], asked: Asked, pieces: Sequence[bytes], *, stream: bool) -> None:
    """Every format that can be asked so takes these events in any order, and what it writes it can read."""
    for other in CODECS.values():
        if not codec.kinds & other.kinds:
            continue
        writer = other.make_writer(msgspec.structs.replace(asked, stream=stream), SETTING)
        reader = other.make_reader(stream=stream)
        try:
            found = [one for event in events for one in reader.feed(writer.write([event], 0.1))] + reader.end()
        except Exception as error:
            raise AssertionError(f"{other.path!r} cannot write {events!r} of {b'|'.join(pieces)!r}") from error
        assert isinstance(found[-1], (Ended, Failed))
