"""`keepwell moved`: what moved, when and how sure, on a screen and as JSON; nothing beyond chance is an answer."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from keepwell.app.moving import rank_moves
from keepwell.app.operation import Caller
from keepwell.core.errors import ConfigurationError

T = 1_767_225_600


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """Ten minutes of five series, a sample a second; one steps after eight minutes."""
    chance = random.Random(5)
    rows = ["time," + ",".join(f"quiet{n}" for n in range(4)) + ",queue"]
    for second in range(600):
        values = [chance.gauss(50, 3) for _ in range(4)]
        rows.append(",".join(f"{one:.3f}" for one in (T + second, *values, chance.gauss(4 + 30 * (second >= 480), 1))))
    path = tmp_path / "measured.csv"
    path.write_text("\n".join(rows))
    return path


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "keepwell", "moved", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_what_moved_is_named_with_its_onset(measured: Path) -> None:
    shown = run(str(measured), "--at", str(T + 480), "--window", "2m")
    assert shown.returncode == 1
    assert "1 series moved beyond chance" in shown.stdout
    assert "First: queue" in shown.stdout
    told = json.loads(run(str(measured), "--at", str(T + 480), "--window", "2m", "--json").stdout)
    assert told["schema"] == "keepwell.moved/1"
    assert [(one["name"], one["onset"]) for one in told["moved"]] == [("queue", T + 480)]


def test_nothing_beyond_chance_is_an_answer(measured: Path) -> None:
    shown = run(str(measured), "--at", str(T + 300), "--window", "1m")
    assert shown.returncode == 0
    assert "Nothing moved beyond chance" in shown.stdout


def test_series_of_several_files_are_judged_together(measured: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    rows = [[T + second, str(second >= 470)] for second in range(600)]
    values = [[at, {"True": "9", "False": "1"}[value]] for at, value in rows]
    other.write_text(json.dumps({"data": {"result": [{"metric": {"__name__": "waiting"}, "values": values}]}}))
    report = rank_moves(Caller(), [str(measured), str(other)], str(T + 475), "2m")
    assert {one.name for one in report.moved} == {"queue", "waiting"}
    assert report.first is not None
    assert report.first.name == "waiting"


@pytest.mark.parametrize(("at", "window"), [("soon", "10m"), (str(T), "ten"), (str(T), "0s")])
def test_what_is_no_time_is_refused(measured: Path, at: str, window: str) -> None:
    with pytest.raises(ConfigurationError):
        rank_moves(Caller(), [str(measured)], at, window)
