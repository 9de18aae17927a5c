"""The pure parts: evidence and its fence, records of an answer, tools and their arguments, claims."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.app.diagnosing import diagnose_text
from keepwell.app.operation import Caller
from keepwell.app.plain import document
from keepwell.ask.claims import judge_claims
from keepwell.ask.evidence import Evidence, Piece, render_exhibit
from keepwell.ask.prompts import choose_shown, render_question, render_rules
from keepwell.ask.records import DEPTH, RECORD_CHARS, RECORDS, find_words, list_records
from keepwell.ask.spoken import RawClaim
from keepwell.ask.tools import OFFERED, ParamForm, ToolForm, check_call, choose_tools, make_schema

TOOL = ToolForm(
    name="profile",
    what="Tell where time goes.",
    words="slow fast",
    params=(
        ParamForm(name="since", kind="text", what="how far back"),
        ParamForm(name="last", kind="whole", what="how many", minimum=1, maximum=100),
        ParamForm(name="all_", kind="flag", what="all of them"),
        ParamForm(name="kind", kind="text", what="which", choices=("boot", "package")),
    ),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=40,
)


def exhibits(*texts: str) -> Evidence:
    return Evidence().add(Piece(kind="finding", source="disk.space", text=one) for one in texts)


# -- evidence ----------------------------------------------------------------------------------------------------------


@given(st.text())
def test_a_piece_is_one_line_of_json_without_marks_of_templates(text: str) -> None:
    (one,) = exhibits(text)
    line = render_exhibit(one)
    assert "\n" not in line
    assert "<" not in line
    assert all(ord(char) >= 32 for char in line)
    assert json.loads(line).get("text", "") == one.text


@given(st.lists(st.text(max_size=400), max_size=60), st.integers(min_value=0, max_value=12_000))
def test_a_prompt_keeps_to_its_room_and_names_what_it_shows(texts: list[str], room: int) -> None:
    evidence = exhibits(*texts)
    user, ids = render_question("why?", evidence, correction="", last=False, room_chars=room)
    assert len(user) <= max(room, 200)
    shown = [json.loads(line)["id"] for line in user.splitlines() if line.startswith('{"id"')]
    assert tuple(shown) == ids


def test_causes_are_shown_before_findings_and_those_before_records() -> None:
    pieces = [Piece(kind="record", source="series", text=f"{number} " + "x" * 300) for number in range(40)]
    evidence = Evidence().add([*pieces, Piece(kind="cause", source="ranking", text="the disk is full")])
    shown = choose_shown(evidence, "why?", 4500)
    assert "C1" in [one.id for one in shown]
    assert len(shown) < 20


def test_the_rules_hold_nothing_that_was_seen() -> None:
    assert "disk" not in render_rules((), native=True)
    assert "profile" in render_rules((TOOL,), native=False)


# -- records -----------------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=8))
def test_any_document_becomes_few_short_lines(found: dict[str, object]) -> None:
    records = list_records(found, frozenset())
    assert len(records) <= RECORDS
    assert all(len(one) <= RECORD_CHARS + 20 for one in records)


def test_a_deep_or_wide_document_is_cut() -> None:
    deep: object = "end"
    for _ in range(DEPTH * 50):
        deep = {"a": deep}
    assert list_records({"deep": deep}, frozenset()) == []
    wide = {"rows": [{"name": f"series {number}", "value": number} for number in range(50_000)]}
    records = list_records(wide, find_words("what is series 4711?"))
    assert len(records) == RECORDS


def test_sizes_moments_and_what_is_missing_are_told_as_a_person_reads_them() -> None:
    found = {
        "memory_bytes": 25_276_502_016,
        "at": 1_767_225_600.0,
        "gpu": {"missing": "absent", "reason": "no GPU seen"},
        "well": True,
        "none": None,
        "empty": "",
    }
    (record,) = list_records(found, frozenset())
    assert record == "memory_bytes=23.5 GiB, at=2026-01-01 00:00:00 UTC, gpu=absent (no GPU seen), well=yes"


def test_the_lines_with_the_questions_words_are_kept(tmp_path: Path) -> None:
    rows = [{"name": f"thing {number}"} for number in range(100)] + [{"name": "temperature of the card"}]
    records = list_records({"rows": rows}, find_words("why is the temperature so high?"))
    assert records[-1] == "rows: name=temperature of the card"
    assert list_records(document(diagnose_text("no space left on device", Caller(state=tmp_path))), frozenset())


# -- tools -------------------------------------------------------------------------------------------------------------


def test_the_questions_words_choose_a_few_tools() -> None:
    tools = [ToolForm(name=f"tool{number}", what="x", words=word) for number, word in enumerate("abcdefgh")]
    tools += [TOOL, ToolForm(name="changes", what="what changed", words="anything new")]
    chosen = [one.name for one in choose_tools("Why is it so slow?", tools)]
    assert chosen == ["profile", "changes"]
    assert [one.name for one in choose_tools("warum?", tools)] == ["changes"]
    assert len(choose_tools("slow", [TOOL] * 20)) == OFFERED


@pytest.mark.parametrize(
    ("given_", "taken"),
    [
        ({"since": "6h"}, {"since": "6h"}),
        ({"Since": 6}, {"since": "6"}),
        ({"last": "5"}, {"last": 5}),
        ({"last": 5.0}, {"last": 5}),
        ({"last": [7]}, {"last": 7}),
        ({"all": "yes"}, {"all_": True}),
        ({"kind": "BOOT"}, {"kind": "boot"}),
        ({"since": None, "last": ""}, {}),
        ({"nonsense": 1}, {}),
    ],
)
def test_arguments_are_mended(given_: dict[str, object], taken: dict[str, object]) -> None:
    checked = check_call([TOOL], "profile", given_)
    assert (checked.problem, dict(checked.arguments)) == ("", taken)


@pytest.mark.parametrize(
    "given_",
    [
        {"last": 0},
        {"last": 101},
        {"last": True},
        {"last": "many"},
        {"last": "9" * 5000},
        {"all_": "perhaps"},
        {"kind": "rm"},
        {"since": {"a": 1}},
        {"since": ["a", "b"]},
        {"since": "/etc/passwd"},
        {"since": "a/../../b"},
        {"since": "~/x"},
        {"since": "--yes"},
        {"since": "http://x"},
        {"since": "root@host"},
        {"since": "a\nb"},
        {"since": "x" * 200},
        {"since": "\u202e"},
        {"since": "a;b"},
        {"since": "$(x)"},
    ],
)
def test_arguments_that_could_be_anything_else_are_refused(given_: dict[str, object]) -> None:
    checked = check_call([TOOL], "profile", given_)
    assert checked.problem
    assert not checked.tool


@given(st.text(), st.dictionaries(st.text(), JSON, max_size=5))
def test_no_call_gives_anything_but_a_known_tool_with_known_values(name: str, given_: dict[str, object]) -> None:
    checked = check_call([TOOL], name, given_)
    assert checked.tool in ("", "profile")
    assert set(checked.arguments) <= {"since", "last", "all_", "kind"}
    assert all(not isinstance(one, list | dict) for one in checked.arguments.values())


def test_schemas_are_strict() -> None:
    schema = make_schema(TOOL)
    assert schema["additionalProperties"] is False
    assert schema["properties"] == {
        "since": {"type": "string", "description": "how far back"},
        "last": {"type": "integer", "description": "how many", "minimum": 1, "maximum": 100},
        "all_": {"type": "boolean", "description": "all of them"},
        "kind": {"type": "string", "description": "which", "enum": ["boot", "package"]},
    }


# -- claims ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cites", "state"),
    [
        ("The disk is full.", ("F1",), "supported"),
        ("98 % of /models is used.", ("F1",), "supported"),
        ("98% of it is taken", ("F1",), "supported"),
        ("0.98 of it is taken", ("F1",), "supported"),
        ("There are 2.0 GiB left of the disk", ("F2",), "supported"),
        ("Die Platte hat noch 2 GiB.", ("F2",), "supported"),
        ("There are 2 GiB left of the disk", ("F1",), "doubtful"),
        ("It is the weather.", ("F1",), "doubtful"),
        ("The disk is full.", (), "unsupported"),
        ("The disk is full.", ("F7",), "unsupported"),
        ("The disk is full.", ("F7", "F1"), "supported"),
    ],
)
def test_a_claim_is_held_against_what_it_cites(text: str, cites: tuple[str, ...], state: str) -> None:
    evidence = exhibits("98 % of the disk at /models is used", "2147483648 bytes are free on the disk")
    (claim,) = judge_claims([RawClaim(text=text, cites=cites)], evidence, "why?")
    assert claim.state == state
    assert bool(claim.why) == (state != "supported")
    assert set(claim.cites) <= {"F1", "F2"}
