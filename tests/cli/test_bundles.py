"""`keepwell collect` and `keepwell bundle` as a person runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from keepwell.transport.recorded.bundle import FORMAT, VERSION, Manifest, render_bundle, save_bundle
from keepwell.transport.recorded.tape import Tape, TapeFile


def _keepwell(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state"), "KEEPWELL_STATE": str(folder / "state")}
    return subprocess.run(
        [sys.executable, "-m", "keepwell", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip


def _json(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle whose texts try to drive the reader's terminal."""
    manifest = Manifest(
        format=FORMAT, version=VERSION, keepwell="\x1b[2J0.1", node="gpu01", recorded_at=1_767_225_600.0, level=1
    )
    tape = Tape(
        name="gpu01", files={"/var/log/x": TapeFile(pieces=((0, b"\x1b]0;owned\x07 said\r\nline two\n" * 400),))}
    )
    path = tmp_path / "node.kwb"
    save_bundle(render_bundle(manifest, tape, {"findings.json": b"[]"}), path)
    return path


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    ran = _keepwell(tmp_path, "collect", "--dry-run", "--level", "1")
    assert ran.returncode == 0, ran.stderr
    assert "Nothing was written" in ran.stdout
    assert list(tmp_path.glob("*.kwb")) == []


def test_collected_shown_and_diagnosed(tmp_path: Path) -> None:
    made = _keepwell(tmp_path, "collect", "--out", "here.kwb", "--level", "1", "--json")
    assert made.returncode == 0, made.stderr
    report = _json(made)
    assert (report["schema"], report["path"], report["made"]) == ("keepwell.bundle/1", "here.kwb", True)
    assert (tmp_path / "here.kwb").stat().st_mode & 0o777 == 0o600
    assert _json(_keepwell(tmp_path, "bundle", "show", "here.kwb", "--json"))["members"] == report["members"]
    told = _keepwell(tmp_path, "diagnose", "here.kwb", "--json")
    assert _json(told)["schema"] == "keepwell.diagnosis/1", told.stderr


def test_nothing_in_a_bundle_reaches_the_terminal(tmp_path: Path, bundle: Path) -> None:
    for arguments in (["show", str(bundle)], ["show", str(bundle), "--file", "/var/log/x"]):
        ran = _keepwell(tmp_path, "bundle", *arguments)
        assert ran.returncode == 0, ran.stderr
        assert not set(ran.stdout) & {"\x1b", "\x07", "\r"}
    assert "line two" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bundle", "burn", "x.kwb"], "show, diff or redact"),
        (["bundle", "diff", "x.kwb"], "takes 2 file(s)"),
        (["bundle", "show", "none.kwb"], "there is no such file"),
        (["diagnose", "none.kwb"], "there is no such file"),
        (["collect", "none.kwb"], "is a bundle already"),
        (["collect", "--out", "no/such/folder.kwb", "--level", "1"], "cannot be written"),
    ],
)
def test_errors_say_what_to_do(tmp_path: Path, arguments: list[str], said: str) -> None:
    ran = _keepwell(tmp_path, *arguments)
    assert ran.returncode == 3
    assert said in ran.stderr + ran.stdout
    assert "Traceback" not in ran.stderr
