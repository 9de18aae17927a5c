"""Whatever can be said in /v1/responses comes back as it was, in any pieces; garbage is refused and crashes nothing."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.dialects.openai.responses import RESPONSES
from keepwell.plugins.answer_events import Ended, Event, Failed
from keepwell.plugins.asked import Asked
from keepwell.plugins.codec import Setting
from tests.dialects.drawn import ANY_EVENTS, answers, chats, check_answer, check_request, read_cut, retyped, spoiled
from tests.dialects.folding import fold
from tests.dialects.golden_files import goldens_of

SETTING = Setting(model="tiny", id="7", created=1.0)
CHATS = chats(RESPONSES.carries | {"shape"}, (None, False, "low", "medium", "high"), named=True)
CUTS = st.lists(st.integers(0, 10**6), max_size=12)
GOLDEN = goldens_of("/v1/responses")


@given(CHATS)
@settings(max_examples=40)
def test_a_request_comes_back(asked: Asked) -> None:
    assert RESPONSES.read_request(RESPONSES.write_request(asked)) == asked


@given(answers(odds=True), CUTS, st.booleans())
@settings(max_examples=40)
def test_an_answer_comes_back(events: list[Event], cuts: list[int], stream: bool) -> None:
    writer = RESPONSES.make_writer(Asked(model="m", stream=stream, logprobs=2), SETTING)
    body = b"".join(writer.write([one], 0.5) for one in events)
    found = read_cut(RESPONSES, body, cuts, stream=stream)
    assert isinstance(found[-1], Ended)
    assert replace(fold(found), begun=[]) == replace(fold(events), begun=[])


@given(ANY_EVENTS, st.booleans())
@settings(max_examples=40)
def test_any_events_are_written_validly(events: list[Event], stream: bool) -> None:
    body = RESPONSES.make_writer(Asked(model="m", stream=stream, logprobs=2), SETTING).write(events, 0.5)
    if stream:
        for one in body.split(b"\n\n")[:-1]:
            assert isinstance(json.loads(one.split(b"\ndata: ")[1]), dict)
    elif body:
        assert isinstance(json.loads(body), dict)
    over = next((one for one in events if isinstance(one, (Ended, Failed))), None)
    if over is not None:
        assert isinstance(read_cut(RESPONSES, body, [], stream=stream)[-1], type(over))


BODIES = [one.answer for one in GOLDEN]
REQUESTS = [one.request for one in GOLDEN]
ANSWERS = (
    st.binary(max_size=60) | spoiled(BODIES) | retyped([json.loads(one.answer) for one in GOLDEN if not one.streams])
)
ASKED = st.binary(max_size=60) | spoiled(REQUESTS) | retyped([json.loads(one) for one in REQUESTS])


@given(ASKED, ANSWERS, CUTS, st.booleans())
@settings(max_examples=100)
def test_garbage_is_refused(asked: bytes, answer: bytes, cuts: list[int], stream: bool) -> None:
    check_request(RESPONSES, asked)
    check_answer(RESPONSES, answer, cuts, stream=stream)
