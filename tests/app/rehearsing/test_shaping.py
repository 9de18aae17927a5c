"""A request as it is played: what has to be is changed, and nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given as each
from hypothesis import settings
from hypothesis import strategies as st

from keepwell.app.rehearsing.given import SEED, Given, make_built_in
from keepwell.app.rehearsing.playing import find_codecs
from keepwell.app.rehearsing.shaping import TOKENS, carry, shape
from keepwell.plugins.codec import Unreadable

CODECS = find_codecs()
VALUES = st.integers(0, 3) | st.dictionaries(st.sampled_from("ab"), st.integers(0, 3), max_size=2)
OBJECTS = st.dictionaries(st.sampled_from("xyz"), VALUES, max_size=3)


def shaped(path: str, **body: object) -> dict[str, object]:
    """What is sent."""
    found: dict[str, object] = json.loads(shape(Given(path=path, body=body, name="x"), CODECS[path], "the-route"))
    return found


@settings(max_examples=100)
@each(OBJECTS, OBJECTS)
def test_what_changed_is_carried_whole_into_the_same_body(before: dict[str, object], after: dict[str, object]) -> None:
    assert carry(before, before, after) == after
    more = {**before, "own": 1}
    assert carry(more, before, after) == {**after, "own": 1}


@settings(max_examples=60)
@each(OBJECTS, OBJECTS)
def test_what_did_not_change_is_left_as_the_client_wrote_it(body: dict[str, object], same: dict[str, object]) -> None:
    assert carry(body, same, same) == body


def test_a_chat_of_the_usual_format_is_asked_at_temperature_0_and_streamed() -> None:
    found = shaped("/v1/chat/completions", messages=[{"role": "user", "content": "hi"}], temperature=1.5, own_field=3)
    assert (found["model"], found["temperature"], found["seed"], found["stream"]) == ("the-route", 0.0, SEED, True)
    assert found["own_field"] == 3
    assert TOKENS in (found.get("max_tokens"), found.get("max_completion_tokens"))


def test_a_chat_with_options_keeps_the_others() -> None:
    options = {"num_ctx": 512, "temperature": 0.9, "num_predict": 5, "mirostat": 1}
    found = shaped("/api/chat", messages=[{"role": "user", "content": "hi"}], options=options, keep_alive="5m")
    assert found["options"] == {**options, "temperature": 0.0, "seed": SEED}
    assert (found["keep_alive"], found.get("stream", True)) == ("5m", True)


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/v1/chat/completions"])
def test_what_asks_for_nothing_or_cannot_be_read_is_told(path: str) -> None:
    for body in ({"messages": []}, {"messages": 5}, {"prompt": 7}):
        with pytest.raises(Unreadable):
            shaped(path, **body)


def test_keepwells_own_requests_can_be_played() -> None:
    for one in make_built_in().given:
        assert json.loads(shape(one, CODECS[one.path], "m"))["messages"] == one.body["messages"]
