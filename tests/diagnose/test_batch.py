"""The batch: one JSON line each, whatever the evidence; an unreadable line is told."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from keepwell.core.issue import Evidence
from keepwell.diagnose.batch import ANSWERED, UNREADABLE, answer_all
from tests.diagnose.made import make_catalogue, make_issue

MADE = make_catalogue(make_issue("broken", Evidence(say="x", weight=6.0, match=("it broke",))))


def answer(*lines: str) -> tuple[int, list[dict[str, object]]]:
    """Exit code and answers."""
    sink = io.StringIO()
    code = answer_all(io.StringIO("".join(f"{line}\n" for line in lines)), sink, MADE)
    return code, [json.loads(line) for line in sink.getvalue().splitlines()]


def test_each_line_is_answered_in_order() -> None:
    code, answers = answer('{"id": "a", "evidence": "it broke"}', "", '{"id": 2, "evidence": "fine", "more": 1}')
    assert code == ANSWERED
    assert [one["id"] for one in answers] == ["a", 2]
    assert answers[1]["hypotheses"] == []
    (first,) = answers[0]["hypotheses"]
    assert first["issue"] == "broken"
    assert 0.8 < first["confidence"] <= 1.0


@pytest.mark.parametrize("line", ["no json", "[1]", '{"id": "a"}', '"x"'])
def test_what_is_no_such_line_is_told(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, answers = answer('{"id": "a", "evidence": ""}', line)
    assert (code, len(answers)) == (UNREADABLE, 1)
    assert "line 2" in capsys.readouterr().err


def test_as_a_program() -> None:
    feed = json.dumps({"id": "x", "evidence": "write /models/blobs/sha256-ab-partial: no space left on device"})
    done = subprocess.run(
        [sys.executable, "-m", "keepwell.diagnose.batch"], input=feed, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["hypotheses"][0]["issue"] == "disk-full"


def test_it_starts_without_the_faces() -> None:
    code = "import sys, keepwell.diagnose.batch; print([m for m in ('rich', 'click', 'mcp') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
