"""The conversation by itself: whatever a model says and however long it takes, it ends within its budgets."""

from __future__ import annotations

import json
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.ask.actions import Heard, Look, Query
from keepwell.ask.evidence import Evidence, Piece
from keepwell.ask.json_in_text import find_objects
from keepwell.ask.limits import CHARS_A_TOKEN, Limits
from keepwell.ask.spoken import read_said
from keepwell.ask.talk import Talk, begin, decide, hear, learn
from keepwell.ask.tools import ParamForm, ToolForm
from keepwell.ask.verdict import Verdict
from keepwell.testing.clock import FakeClock

TOOLS = (
    ToolForm(name="numbers", what="List limits.", params=(ParamForm(name="number", kind="text", what="which"),)),
    ToolForm(name="profile", what="Tell where time goes."),
)
EVIDENCE = Evidence().add(
    [
        Piece(kind="cause", source="ranking", text="The disk is full, 98 % sure", name="disk-full"),
        Piece(kind="finding", source="disk.space", text="critical: no space is left"),
    ]
)
LIMITS = Limits(steps=5, tokens=9000, seconds=60.0, looks=4)
#: What models say: anything at all, and pieces that look like what is wanted.
PIECES = st.sampled_from(
    [
        '{"claims": [{"text": "The disk is full", "cites": ["F1"]}], "cause": "C1"}',
        '{"tool": "numbers", "arguments": {"number": "60s"}}',
        '{"tool": "apply"}',
        '{"tool_calls": [{"function": {"name": "profile"}}]}',
        "{'a': 'b',}",
        "[F1]",
        "```json",
        "<think>",
        '{"answer": [[',
        "F1 C1 E9",
        "\x1b[2J",
        "rm -rf /",
    ]
)
SPEECH = st.lists(PIECES | st.text(max_size=60), max_size=6).map(" ".join)
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["answer", "numbers", "profile", "apply", "undo", "engine_stop"]) | st.text(max_size=20), SPEECH
    ),
    max_size=4,
).map(tuple)
HEARD = st.builds(
    Heard,
    text=SPEECH,
    calls=CALLS,
    input_tokens=st.integers(min_value=-1, max_value=5000),
    output_tokens=st.integers(min_value=-1, max_value=5000),
    seconds=st.floats(min_value=0, max_value=100),
    problem=st.sampled_from(["", "it broke off"]),
    refused=st.booleans(),
    lost=st.just(False) | st.booleans(),
)


def drive(talk: Talk, replies: list[Heard], clock: FakeClock) -> tuple[Talk, Verdict, list[Look]]:
    """To its end; what is left unsaid when the replies are used up is nothing at all, at once."""
    looks: list[Look] = []
    for _ in range(200):
        action = decide(talk)
        if isinstance(action, Verdict):
            return talk, action, looks
        if isinstance(action, Look):
            looks.append(action)
            clock.advance(1.0)
            talk = learn(talk, action, [Piece(kind="record", source=action.tool, text="60 s")], 1.0)
            continue
        assert isinstance(action, Query)
        assert 0 < action.seconds <= LIMITS.seconds
        assert 0 < action.max_tokens <= LIMITS.answer_tokens
        heard = replies.pop(0) if replies else Heard()
        clock.advance(heard.seconds)
        talk = hear(talk, heard)
    raise AssertionError("it does not end")


@settings(max_examples=200)
@given(st.lists(HEARD, max_size=12))
def test_whatever_is_said_it_ends_and_only_known_tools_run(replies: list[Heard]) -> None:
    given_ = list(replies)
    clock = FakeClock()
    talk, verdict, looks = drive(begin("why?", TOOLS, EVIDENCE, LIMITS), list(replies), clock)
    assert {one.tool for one in looks} <= {"numbers", "profile"}
    assert len(looks) <= LIMITS.looks
    assert talk.spent.steps <= LIMITS.steps
    longest = max((one.seconds for one in given_), default=0.0)
    assert clock.monotonic() <= LIMITS.seconds + longest + LIMITS.looks
    assert verdict.state in ("answered", "unsupported", "fallback")
    assert bool(verdict.why) == (verdict.state != "answered")
    ids = {one.id for one in talk.evidence}
    assert all(set(one.cites) <= ids for one in verdict.claims)
    assert all(one.cites for one in verdict.claims if one.state in ("supported", "doubtful"))
    assert decide(talk) == verdict


@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_raise(found: bytes) -> None:
    text = found.decode("utf-8", "surrogateescape")
    said = read_said(text, ((text, text),))
    assert said.calls or said.answered or said.problem
    said = read_said(text, ())
    assert said.calls or said.answered or said.problem


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(min_size=1), JSON, min_size=1, max_size=4), st.text(alphabet="abc \n"))
def test_an_object_comes_out_of_prose_as_it_went_in(found: Mapping[str, object], around: str) -> None:
    assert find_objects(f"{around}{json.dumps(found)}{around}") == [found]


@given(
    st.dictionaries(st.sampled_from(["claims", "cause", "tool", "arguments", "answer", "name", "not_checked"]), JSON)
)
def test_answers_with_fields_of_any_kind_are_read(found: Mapping[str, object]) -> None:
    said = read_said(json.dumps(found), ())
    assert said.calls or said.answered or said.problem
    assert len(said.claims) <= 8


def test_the_last_question_offers_no_look() -> None:
    talk = begin("why?", TOOLS, EVIDENCE, Limits(steps=1))
    action = decide(talk)
    assert isinstance(action, Query)
    assert [one.name for one in action.offers] == ["answer"]


def test_only_ids_that_were_shown_can_be_cited_by_the_schema() -> None:
    action = decide(begin("why?", TOOLS, EVIDENCE, LIMITS))
    assert isinstance(action, Query)
    schema = action.offers[-1].schema
    assert json.dumps(schema).count('"C1", "F1"') == 1
    assert '["C1", "none", "unsure"]' in json.dumps(schema)


def test_the_same_conversation_goes_the_same_way() -> None:
    replies = [Heard(text="hm"), Heard(calls=(("profile", "{}"),)), Heard(text="[F1] The disk has no space.")]
    ends = [drive(begin("why?", TOOLS, EVIDENCE, LIMITS), list(replies), FakeClock())[1] for _ in range(2)]
    assert ends[0] == ends[1]
    assert ends[0].state == "answered"


@given(st.integers(min_value=1000, max_value=8000), st.lists(st.text(max_size=300), max_size=60))
def test_a_question_fits_the_room_of_a_prompt(tokens: int, texts: list[str]) -> None:
    evidence = EVIDENCE.add(Piece(kind="record", source="series", text=one) for one in texts)
    action = decide(begin("why?", TOOLS, evidence, Limits(prompt_tokens=tokens)))
    assert isinstance(action, Query)
    offered = sum(len(json.dumps(one.schema)) for one in action.offers[:-1])
    assert len(action.text) + offered <= max(tokens * CHARS_A_TOKEN, 3500)
