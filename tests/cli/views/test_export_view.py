"""What `keepwell export` shows."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from keepwell.app.exporting import ExportReport, export_grafana, export_rules
from keepwell.cli.views.export import AS_IT_IS, render


def shown(report: ExportReport, width: int = 60) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(render(report), soft_wrap=AS_IT_IS)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def run(*words: str, state: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "keepwell", "export", *words]
    environment = {"KEEPWELL_STATE": str(state), "PATH": "/usr/bin"}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_board_stands_as_it_is() -> None:
    report = export_grafana("requests", "")
    assert json.loads(shown(report)) == json.loads(report.text)


def test_files_are_named_and_rows_counted() -> None:
    assert shown(ExportReport(what="csv requests", files=("/a/b.csv",), rows=7)) == "/a/b.csv (7 rows)\n"
    assert shown(ExportReport(what="rules", files=("/a/b.yml",))) == "/a/b.yml\n"


def test_a_list_of_boards_says_how_to_get_them() -> None:
    text = shown(export_grafana("", ""), width=120)
    assert "everything" in text
    assert "keepwell export grafana fleet" in text


def test_without_anything_kept_there_is_a_head_alone(tmp_path: Path) -> None:
    done = run("csv", "series", state=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list(csv.reader(io.StringIO(done.stdout)))) == 1
    assert done.stdout.count("\n") == 1


def test_rules_can_be_piped(tmp_path: Path) -> None:
    done = run("rules", state=tmp_path)
    assert done.stdout == export_rules("").text
    assert max(map(len, done.stdout.splitlines())) > 120


def test_json_needs_a_file(tmp_path: Path) -> None:
    done = run("csv", "requests", "--json", state=tmp_path)
    assert done.returncode == 3
    assert "--out FILE" in done.stdout
