"""The command line as a user meets it: a new process each time, its exit code, its two outputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from keepwell.app.table import operations
from keepwell.store.memory import Memory, RememberedEngine, load_memory, save_memory


def keepwell(*words: str, given: str = "", state: Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "keepwell", *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=folder or state,
        env={**os.environ, "KEEPWELL_STATE": str(state), "NO_COLOR": "1"},
    )


def answer(*words: str, given: str = "", state: Path) -> dict[str, Any]:
    done = keepwell(*words, "--json", given=given, state=state)
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["exit_code"] == done.returncode
    return document


def test_pasted_text_is_explained_with_the_line_quoted_and_a_fix(tmp_path: Path) -> None:
    line = "Error: listen tcp 127.0.0.1:11434: bind: address already in use"
    done = keepwell("diagnose", "--evidence", "-", given=f"started\n{line}\n", state=tmp_path)
    assert done.returncode == 2
    assert line in done.stdout
    assert "standard input:2" in done.stdout
    assert "fix" in done.stdout


def test_a_text_without_a_known_sign_names_no_cause(tmp_path: Path) -> None:
    document = answer("diagnose", "--evidence", "-", given="all is quiet\n", state=tmp_path)
    assert document["hypotheses"] == []
    assert document["exit_code"] == 0
    assert document["schema"] == "keepwell.diagnosis/1"


def test_confidences_and_unknown_add_up_to_one(tmp_path: Path) -> None:
    document = answer("diagnose", "-e", "-", given="write /models/x: no space left on device\n", state=tmp_path)
    total = sum(one["confidence"] for one in document["hypotheses"]) + document["unknown"]
    assert total == pytest.approx(1.0, abs=1e-6)


def test_many_texts_are_answered_line_by_line(tmp_path: Path) -> None:
    rows = [{"id": "full", "evidence": "no space left on device"}, {"id": "none", "evidence": "hello"}]
    given = "".join(json.dumps(row) + "\n" for row in rows)
    done = keepwell("diagnose", "--evidence-jsonl", "-", given=given, state=tmp_path)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [one["id"] for one in answers] == ["full", "none"]
    assert answers[0]["hypotheses"][0]["issue"] == "disk-full"
    assert all(one["issue"] != "unknown" for row in answers for one in row["hypotheses"])


def test_unreadable_input_is_code_three_and_says_which_line(tmp_path: Path) -> None:
    done = keepwell("diagnose", "--evidence-jsonl", "-", given="no json\n", state=tmp_path)
    assert done.returncode == 3
    assert "line 1" in done.stderr


def test_terminal_escapes_in_a_log_are_shown_and_never_sent(tmp_path: Path) -> None:
    given = "\x1b]0;owned\x07\x1b[2Jbind: address already in use \x1b[31m\x07\n"
    done = keepwell("diagnose", "-e", "-", given=given, state=tmp_path)
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("diagnose", "-e", "/no/such/file"), "no such file"),
        (("diagnose", "-e", "/"), "folder"),
        (("diagnose", "--since", "soon"), "no length of time"),
        (("explain", "disk-ful"), "did you mean disk-full"),
        (("issues", "--family", "storag"), "did you mean storage"),
        (("apply", "no-such-run"), "no such run"),
        (("undo",), "no run to work on"),
        (("status", "--config", "/no/such.toml"), "cannot be read"),
        (("diagnose", "--level", "9"), "level"),
        (("diagnos",), "Did you mean"),
    ],
)
def test_a_mistake_is_told_with_what_to_do_and_code_three(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = keepwell(*words, state=tmp_path)
    assert done.returncode == 3
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_as_json_has_its_own_schema(tmp_path: Path) -> None:
    done = keepwell("explain", "nothing-like-it", "--json", state=tmp_path)
    assert json.loads(done.stdout)["schema"] == "keepwell.error/1"
    assert done.returncode == 3


def test_every_mistake_of_a_configuration_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "keepwell.toml"
    path.write_text('[[engine]]\nkind = "olama"\nurl = "http://127.0.0.1:1"\nlgo = "/x"\n')
    done = keepwell("status", "--config", str(path), state=tmp_path)
    assert done.returncode == 3
    assert "ollama" in done.stderr
    assert "log" in done.stderr
    assert ":2" in done.stderr
    assert ":4" in done.stderr


def test_the_catalogue_can_be_listed_and_each_cause_shown(tmp_path: Path) -> None:
    rows = answer("issues", state=tmp_path)["issues"]
    assert len(rows) >= 28
    done = keepwell("explain", rows[0]["id"], state=tmp_path)
    assert done.returncode == 0
    assert "Speaks for it" in done.stdout


def test_there_is_no_run_at_first(tmp_path: Path) -> None:
    assert answer("runs", state=tmp_path)["runs"] == []


def test_help_needs_no_terminal_http_or_protocol_library(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom keepwell.cli.main import build\nbuild()\n"
        "heavy = ('rich.console', 'httpx2', 'mcp', 'pydantic', 'asyncio', 'hyperscan')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_operation_has_a_view_and_a_short_summary() -> None:
    views = Path(__file__).resolve().parents[2] / "src" / "keepwell" / "cli" / "views"
    for one in operations("cli"):
        tells_nothing = one.function.__annotations__["return"] is None
        assert tells_nothing or (views / f"{one.room}.py").exists(), one.name
        assert 0 < len(one.summary) <= 60, one.summary


def test_an_engine_that_is_gone_for_good_can_be_forgotten(tmp_path: Path) -> None:
    gone = RememberedEngine(node="n", kind="openai", url="http://127.0.0.1:9", seen_at=4e9)
    save_memory(tmp_path, Memory(engines=(gone,)))
    wrong = keepwell("forget", "http://127.0.0.1:8", state=tmp_path)
    assert wrong.returncode == 3
    assert "http://127.0.0.1:9" in wrong.stderr
    assert keepwell("forget", "http://127.0.0.1:9/", state=tmp_path).returncode == 0
    assert load_memory(tmp_path).engines == ()


def test_a_terminal_without_utf_8_is_no_crash(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "keepwell", "diagnose", "-e", "-"],
        input="write /m\u00f6dels: no space left on device\n".encode(),
        capture_output=True,
        check=False,
        timeout=100,
        env={**os.environ, "KEEPWELL_STATE": str(tmp_path), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert b"Traceback" not in done.stderr
    assert b"no space left on device" in done.stdout


def test_the_answer_as_a_page_beside_the_text(tmp_path: Path) -> None:
    page = tmp_path / "a page.html"
    line = "Error: listen tcp 127.0.0.1:11434: bind: address already in use"
    done = keepwell("diagnose", "-e", "-", "--html", str(page), given=line, state=tmp_path)
    assert done.returncode == 2
    assert line in done.stdout
    assert line in page.read_text()
    assert f"page: {page.as_uri()}" in done.stderr
    assert [one.name for one in tmp_path.glob("*.part")] == []


def test_a_page_on_standard_output(tmp_path: Path) -> None:
    done = keepwell("explain", "disk-full", "--html", "-", state=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("<!doctype html>")
    assert done.stdout.endswith("</html>\n")


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    done = keepwell("explain", "disk-full", "--html", str(tmp_path / "no" / "x.html"), state=tmp_path)
    assert done.returncode == 3
    assert "the page cannot be written: No such file or directory" in done.stderr
