"""`keepwell issues evaluate` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .test_command_line import keepwell

ROWS = [
    {"id": "a", "evidence": "listen tcp 127.0.0.1:11434: bind: address already in use", "cause": "port-unavailable"},
    {"id": "b", "evidence": "write /models/blobs/x: no space left on device", "cause": "disk-full"},
    {"id": "c", "evidence": "the umbrella is blue", "cause": "disk-full", "strict": False},
]


@pytest.fixture
def incidents(tmp_path: Path) -> Path:
    path = tmp_path / "incidents.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in ROWS))
    return path


def test_figures_and_diagram_are_written(incidents: Path, tmp_path: Path) -> None:
    svg, page = tmp_path / "r.svg", tmp_path / "r.html"
    words = ("issues", "evaluate", str(incidents), "--svg", str(svg), "--html", str(page), "--json")
    ran = keepwell(*words, state=tmp_path)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["schema"] == "keepwell.evaluation/1"
    assert told["incidents"] == 3
    shipped = told["ways"][0]["figures"]
    assert (shipped["top1"]["hits"], shipped["top1"]["of"]) == (2, 2)
    assert svg.read_text().startswith("<svg")
    assert "<svg" in page.read_text()


def test_a_screen_shows_a_line_for_each_way(incidents: Path, tmp_path: Path) -> None:
    ran = keepwell("issues", "evaluate", str(incidents), state=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "as shipped" in ran.stdout
    assert "most frequent cause" in ran.stdout
    assert "2 of 3 incidents counted" in ran.stdout


def test_a_file_that_holds_none_is_named(tmp_path: Path) -> None:
    ran = keepwell("issues", "evaluate", str(tmp_path / "none.jsonl"), state=tmp_path)
    assert ran.returncode == 3
    assert "none.jsonl" in ran.stderr
    assert keepwell("issues", "evaluate", state=tmp_path).returncode == 3
