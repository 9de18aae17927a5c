"""A node's log is learned while all is well; beside a fault its new lines are told, with the change before them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from keepwell.app.novelty import CHECK, find_novelty, is_quiet, may_learn, note_lines
from keepwell.core.event import Event
from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import Contribution, Diagnosis, Hypothesis
from keepwell.core.issue import Evidence
from keepwell.core.observation import Observation, Seen
from keepwell.core.ref import engine, node

T = 1_767_225_600.0
BOX, ENGINE = node("box"), engine("box", "e")
WELL = Diagnosis(hypotheses=(), unknown=1.0)
BAD = Finding(check="gpu.errors", subject=BOX, status=Status.CRITICAL, message="bad")
ILL = Diagnosis(hypotheses=(), unknown=1.0, findings=(BAD,))
UPGRADE = Event(
    at=T + 700, kind="package", what="the driver was upgraded 570 -> 580", source="dpkg.log", topic="driver"
)


def cause(confidence: float, **evidence: Any) -> Hypothesis:
    part = Contribution(evidence=Evidence(say="", weight=4.0, **evidence), weight=4.0, quote="", source="")
    return Hypothesis(
        issue="x",
        title="x",
        family="x",
        subject=None,
        confidence=confidence,
        score=0.0,
        supporting=(part,),
        contradicting=(),
        undecided=(),
    )


def stamp(second: int) -> str:
    return datetime.fromtimestamp(T + second, UTC).isoformat()


def ordinary(start: int, count: int) -> list[str]:
    return [f"{stamp(start + n)} GET /api/tags took {n % 7} ms" for n in range(count)]


def look(lines: list[str]) -> Seen:
    return Seen([Observation(subject=ENGINE, name="log.text", value={"lines": tuple(lines)}, at=T, source="log")])


def test_new_lines_are_told_beside_a_fault_with_the_change_before_them(tmp_path: Path) -> None:
    well = ordinary(0, 600)
    assert note_lines(tmp_path, look(well), BOX, WELL, (), now=T + 600) == ()
    sick = [*well, *ordinary(600, 150), f"{stamp(760)} CUDA error 999: driver mismatch"]
    (one,) = note_lines(tmp_path, look(sick), BOX, ILL, (UPGRADE,), now=T + 800)
    assert (one.subject, one.count, one.expected, one.trouble) == (ENGINE, 1, 0, True)
    assert one.since.startswith("the driver was upgraded 570 -> 580 at ")
    (finding,) = find_novelty([one], ILL)
    assert (finding.check, finding.status, finding.subject) == (CHECK, Status.WARNING, ENGINE)
    assert "1 kind of line never seen before here since the driver was upgraded" in finding.message
    assert finding.facts["template"] == "* CUDA error *: driver mismatch"


def test_a_sick_stretch_is_not_learned(tmp_path: Path) -> None:
    note_lines(tmp_path, look(ordinary(0, 600)), BOX, WELL, (), now=T + 600)
    sick = look([*ordinary(0, 600), f"{stamp(700)} GPU lost"])
    for _ in range(2):
        (one,) = note_lines(tmp_path, sick, BOX, ILL, (), now=T + 800)
        assert one.since.startswith("the last healthy look at ")


def test_new_lines_alone_raise_no_alarm_and_are_learned(tmp_path: Path) -> None:
    note_lines(tmp_path, look(ordinary(0, 600)), BOX, WELL, (), now=T + 600)
    fresh = look([*ordinary(0, 600), f"{stamp(700)} warning: a new release says this"])
    news = note_lines(tmp_path, fresh, BOX, WELL, (), now=T + 800)
    assert [one.trouble for one in news] == [True]
    assert list(find_novelty(news, WELL)) == []
    assert note_lines(tmp_path, fresh, BOX, ILL, (), now=T + 900) == ()


def test_secrets_are_masked_before_anything_is_kept(tmp_path: Path) -> None:
    lines = [*ordinary(0, 300), "api_key=hunterhunter is wrong here"]
    note_lines(tmp_path, look(lines), BOX, WELL, (), now=T)
    (path,) = (tmp_path / "baselines").iterdir()
    assert b"GET" in path.read_bytes()
    assert b"hunterhunter" not in path.read_bytes()


def test_keepwells_own_questions_are_no_news(tmp_path: Path) -> None:
    note_lines(tmp_path, look(ordinary(0, 600)), BOX, WELL, (), now=T + 600)
    asked = look([*ordinary(0, 600), 'GET "/?keepwell=1" failed'])
    assert note_lines(tmp_path, asked, BOX, ILL, (), now=T + 700) == ()


def test_a_state_folder_that_is_a_file_costs_only_the_baseline(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("")
    assert note_lines(state, look(ordinary(0, 600)), BOX, WELL, (), now=T) == ()


@pytest.mark.parametrize(
    ("diagnosis", "quiet", "learns"),
    [
        (WELL, True, True),
        (ILL, False, False),
        (replace(ILL, findings=(replace(BAD, status=Status.WARNING),)), False, True),
        (replace(ILL, findings=(replace(BAD, status=Status.WARNING, check="engine.responding"),)), False, False),
        (replace(WELL, hypotheses=(cause(0.9, match=("a line",)),)), False, False),
        (replace(WELL, hypotheses=(cause(0.3, match=("a line",)),)), False, True),
        (replace(WELL, hypotheses=(cause(0.9, check="gpu.link"),)), False, True),
        (replace(WELL, also=(cause(0.9, match=("a line",)),)), False, False),
    ],
)
def test_when_lines_may_be_learned(diagnosis: Diagnosis, quiet: bool, learns: bool) -> None:
    assert is_quiet(diagnosis) == quiet
    assert may_learn(diagnosis) == learns
