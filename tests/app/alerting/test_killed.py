"""kill -9 at any moment loses no message and invents none; at worst the one that was under way comes twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from keepwell.store.alert_state import load_alerts
from keepwell.testing.receivers import Inbox, http_receiver
from keepwell.testing.waiting import eventually
from tests.support import REPOSITORY

CONFIG = """
[alerts]
hold = "20s"
clear = "20s"
group = "20s"
repeat = "10d"
explain = false
[[notify]]
name = "hook"
address = {{file = "{address}"}}
"""


@contextmanager
def _driven(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.app.alerting.driven", "state", "keepwell.toml", "findings"]
    arguments = [*command[:3], *(str(folder / name) for name in command[3:])]
    child = subprocess.Popen(arguments, cwd=REPOSITORY, start_new_session=True)
    try:
        yield child
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)


def _wish(folder: Path, subjects: list[str]) -> None:
    """What is wrong from now on, in one piece."""
    beside = folder / "findings.new"
    beside.write_text("\n".join(subjects))
    beside.rename(folder / "findings")


def _titles(inbox: Inbox) -> list[str]:
    return [str(one.said["title"]) for one in inbox.messages]


@pytest.mark.parametrize("kills", [1, pytest.param(12, marks=pytest.mark.long)])
def test_no_message_is_lost_and_no_recovery_is_invented(tmp_path: Path, kills: int) -> None:
    chance = random.Random(kills)
    with http_receiver() as inbox:
        (tmp_path / "address").write_text(f"json://127.0.0.1:{inbox.port}/hook")
        (tmp_path / "keepwell.toml").write_text(CONFIG.format(address=tmp_path / "address"))
        for turn in range(kills):
            subject = f"engine:a/x:{turn}"
            _wish(tmp_path, [subject])
            with _driven(tmp_path) as child:
                moments = chance.uniform(0.0, 1.2)
                with suppress(subprocess.TimeoutExpired):
                    child.wait(1.0 + moments)
            # the next one finds the same, tells it if that was not done, and tells its end
            with _driven(tmp_path):
                name = f"{subject}: engine.running is wrong"
                eventually(lambda name=name: name in _titles(inbox), 30.0, f"{name} is told")
                _wish(tmp_path, [])
                over = f"Well again: {name}"
                eventually(lambda over=over: over in _titles(inbox), 30.0, f"{over} is told")
                eventually(lambda: not load_alerts(tmp_path / "state").letters, 30.0, "it is written down")
        titles = _titles(inbox)
    counted = Counter(titles)
    assert len(counted) == 2 * kills
    assert max(counted.values()) <= 2
    assert sum(counted.values()) <= 3 * kills
    for title in counted:
        if title.startswith("Well again: "):
            assert titles.index(title.removeprefix("Well again: ")) < titles.index(title)
