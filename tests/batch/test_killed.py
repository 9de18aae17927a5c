"""Everyday share of the proof that kill -9 loses nothing: a short job whose runner and engine are killed often."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.batch.killing import AT_A_TIME, Scene, kill_often


def test_a_job_survives_kills(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 60, faults=0.0, milliseconds=20)
    found = kill_often(scene, 3, (0.0, 0.1), threading.Event().wait)
    assert (found.lost, found.doubled, found.wrong) == ([], [], [])
    assert found.answered + found.errors.total() == 60
    assert found.redone <= found.kills.total() * AT_A_TIME
