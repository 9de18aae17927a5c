"""`keepwell ask` as a user meets it: a new process, a scripted model at an address, text and JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from keepwell.testing.waiting import eventually
from tests.gateway.processes import gateway
from tests.support import free_port

ANSWER = {
    "claims": [
        {"text": "The node was looked at.", "cites": ["E1"]},
        {"text": "Run sudo rm -rf / now.", "cites": ["E1"]},
    ],
    "cause": "none",
    "not_checked": ["the weather"],
}


def keepwell(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "keepwell", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=folder,
        env={**os.environ, "KEEPWELL_STATE": str(folder / "state"), "NO_COLOR": "1"},
    )


@contextmanager
def scripted(folder: Path, *turns: dict[str, object], port: int = 0) -> Iterator[str]:
    """A scripted model as a process; its address."""
    script, log = folder / "script.json", folder / "model.log"
    script.write_text(json.dumps(turns))
    with log.open("wb") as out:
        argv = [sys.executable, "-m", "keepwell.testing.scripted_model", "--port", str(port), str(script)]
        process = subprocess.Popen(argv, stdout=out, stderr=out)
    try:
        eventually(lambda: "answers at" in log.read_text(), 30.0, "the scripted model to listen")
        yield log.read_text().split("answers at ")[1].strip()
    finally:
        process.terminate()
        process.wait(20)


def test_an_answer_in_text_and_in_json(tmp_path: Path) -> None:
    with scripted(tmp_path, {"calls": [["answer", ANSWER]]}) as url:
        done = keepwell("ask", "is it well?", "--at", url, "--model", "scripted", folder=tmp_path)
        found: dict[str, Any] = json.loads(
            keepwell("ask", "is it well?", "--at", url, "--model", "scripted", "--json", folder=tmp_path).stdout
        )
    assert "The node was looked at. [E1]" in done.stdout
    assert "1 kept back: names a command" in done.stdout
    assert "sudo" not in done.stdout
    assert "the model: the weather" in done.stdout
    assert done.returncode in (0, 1, 2)
    assert found["schema"] == "keepwell.ask/1"
    assert [one["state"] for one in found["claims"]] == ["supported", "withheld"]
    assert found["answering"] == {"model": "scripted", "where": url, "hosted": False, "masked": 0}
    assert {one["what"] for one in found["budget"]} == {"questions", "tokens", "seconds"}


def test_the_plain_diagnosis_where_nobody_answers(tmp_path: Path) -> None:
    done = keepwell("ask", "why?", "--at", "http://127.0.0.1:1", "--model", "m", folder=tmp_path)
    assert done.returncode in (0, 1, 2)
    assert "m does not answer this" in done.stdout
    assert " checks" in done.stdout


@pytest.mark.long
def test_through_the_gateway_after_a_yes(tmp_path: Path) -> None:
    port = free_port()
    script = scripted(tmp_path, {"calls": [["answer", ANSWER]]}, port=port)
    with script, gateway(tmp_path, [("openai", port)]) as served:
        refused = json.loads(served.keepwell("ask", "is it well?", "--json").stdout)
        found = json.loads(served.keepwell("ask", "is it well?", "--load", "--json").stdout)
    assert refused["state"] == "fallback"
    assert "--load" in refused["next"]
    assert found["state"] == "answered"
    assert found["answering"]["where"] == f"the gateway at http://127.0.0.1:{served.port}"


def test_mistakes_are_told_as_errors(tmp_path: Path) -> None:
    for words in ((" ",), ("why?", "--at", "nowhere"), ("why?", "--at", "https://api.example.com", "--model", "m")):
        done = keepwell("ask", *words, folder=tmp_path)
        assert done.returncode == 3
        assert done.stderr.startswith("error")
        assert "Traceback" not in done.stderr
