"""A thousand kills of runner, engine and gateway over a job of ten thousand lines: none lost, none doubled."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.batch.killing import AT_A_TIME, Scene, kill_often

pytestmark = [pytest.mark.long, pytest.mark.timeout(5400)]


def test_a_thousand_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 10_000, faults=0.01, milliseconds=50, gateway=True, seed=7)
    found = kill_often(scene, 1000, (0.0, 0.15), threading.Event().wait)
    print(found)
    assert found.kills.total() == 1000
    assert (found.lost, found.doubled, found.wrong) == ([], [], [])
    assert found.answered + found.errors.total() == 10_000
    assert found.redone <= found.kills.total() * AT_A_TIME
