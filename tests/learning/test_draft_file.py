"""The issue file of a draft can be read, loaded and edited, whatever the incident's text was."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.diagnose.catalogue import SHIPPED, Catalogue, load_catalogue
from keepwell.diagnose.issue_file import build_issue, parse_table
from keepwell.diagnose.issue_rules import judge_file
from keepwell.learning.draft_file import LINES, add_case, draft_file, pattern_of, propose_patterns
from keepwell.scan.pattern import check_pattern, matches_line
from keepwell.store.lessons import Lesson
from keepwell.testing.clock import START

TEXT = (
    "INFO 03-11 10:12:13 starting up\n"
    "write /models/x: no space left on device\n"
    "gearbox watchdog: lane 4 of unit 0000:01:00.0 lost its phase lock after 311 ms\n"
)
LESSON = Lesson(
    id="i1",
    at=START,
    cause="riser-cable-loose",
    strength="said",
    title="the card drops off",
    text=TEXT,
    words="the riser cable sat loose",
    fixed_by="reseated it",
    checks=("gpu.nodes",),
)


@cache
def catalogue() -> Catalogue:
    return load_catalogue()


def test_its_evidence_is_what_nothing_known_explains() -> None:
    (pattern,) = propose_patterns(TEXT, catalogue())
    assert matches_line(pattern, TEXT.splitlines()[2].encode())
    assert matches_line(pattern, b"gearbox watchdog: lane 7 of unit 0000:02:00.0 lost its phase lock after 9 ms")
    assert not matches_line(pattern, b"no space left on device")


def test_the_file_is_sound_and_its_check_speaks_both_ways() -> None:
    content = draft_file(LESSON, catalogue()).encode()
    table, problems = judge_file(LESSON.cause, content, "x.toml")
    assert table is not None
    assert [str(one) for one in problems if one.fatal] == []
    issue = build_issue(LESSON.cause, table)
    assert {(one.check, one.status) for one in issue.evidence if one.check} == {
        ("gpu.nodes", "bad"),
        ("gpu.nodes", "ok"),
    }
    assert issue.cases[0].text == TEXT
    assert issue.fixes[0].say == "reseated it"
    assert all(one.origin == "learned" for one in issue.evidence)


def test_a_further_incident_adds_its_case_once_and_keeps_edits() -> None:
    edited = draft_file(LESSON, catalogue()).replace("the riser cable sat loose", "edited by hand")
    second = replace(LESSON, id="i2", text="another one")
    grown = add_case(edited, second)
    assert add_case(grown, second) == grown
    assert add_case(edited, LESSON) == edited
    table, problems = parse_table(grown.encode(), "x.toml")
    assert not problems
    assert table is not None
    assert [one["name"] for one in table["case"]] == ["incident i1", "incident i2"]
    assert "edited by hand" in grown


def test_it_loads_beside_the_shipped_files_unless_left_out(tmp_path: Path) -> None:
    (tmp_path / "riser-cable-loose.toml").write_text(draft_file(LESSON, catalogue()))
    assert "riser-cable-loose" in load_catalogue((SHIPPED, tmp_path)).issues
    assert "riser-cable-loose" not in load_catalogue((SHIPPED, tmp_path), leave_out={"riser-cable-loose"}).issues
    assert "disk-full" in load_catalogue((SHIPPED, tmp_path), leave_out={"disk-full"}).issues


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.characters(exclude_categories=("Cs",)), max_size=120))
def test_any_text_makes_a_file_that_can_be_read(text: str) -> None:
    lesson = replace(LESSON, text=text, words=text, title=text[:40], fixed_by=text)
    table, problems = parse_table(draft_file(lesson, catalogue()).encode(), "x.toml")
    assert not problems
    assert table is not None
    assert build_issue("x", table).cases[:1] == () or table["case"][0]["text"] == text


@settings(max_examples=80, deadline=None)
@given(line=st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=160))
def test_a_pattern_is_sound_and_matches_its_line(line: str) -> None:
    pattern = pattern_of(line)
    if pattern and not check_pattern(pattern):
        assert matches_line(pattern, line.encode())


def test_few_lines_become_evidence() -> None:
    lines = [f"gearbox watchdog {word} lost its phase lock" for word in ("alpha", "beta", "gamma", "delta", "kappa")]
    assert len(propose_patterns("\n".join(lines), catalogue())) <= LINES
