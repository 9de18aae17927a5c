"""What is kept of a look, and what the next one tells."""

from __future__ import annotations

from pathlib import Path

from keepwell.app.remembering import QUIET_SECONDS, keep_look, recall_changes
from keepwell.core.observation import Observation, Seen
from keepwell.core.ref import node
from keepwell.store.sights import load_sights

BOX = node("box")


def seen(digest: str, at: float = 0.0) -> Seen:
    row = {"path": "/e.env", "digest": digest, "modified_at": at, "lines": (f"A={digest}",)}
    return Seen([Observation(subject=BOX, name="host.files", value=(row,), at=1.0, source="s")])


def _last(folder: Path) -> float:
    last = load_sights(folder, "box").last
    assert last is not None
    return last.at


def test_a_change_is_told_once_and_remembered(tmp_path: Path) -> None:
    assert keep_look(tmp_path, seen("1"), BOX, 1000.0) == ()
    (event,) = keep_look(tmp_path, seen("2", 1500.0), BOX, 2000.0)
    assert (event.was, event.now, event.at) == ("A=1", "A=2", 1500.0)
    assert keep_look(tmp_path, seen("2", 1500.0), BOX, 3000.0) == ()
    assert recall_changes(tmp_path, BOX) == (event,)
    assert recall_changes(tmp_path, node("other")) == ()


def test_a_live_screen_does_not_write_every_time(tmp_path: Path) -> None:
    keep_look(tmp_path, seen("1"), BOX, 1000.0)
    keep_look(tmp_path, seen("1"), BOX, 1000.0 + QUIET_SECONDS / 2)
    assert _last(tmp_path) == 1000.0
    keep_look(tmp_path, seen("1"), BOX, 1000.0 + 2 * QUIET_SECONDS)
    assert _last(tmp_path) > 1000.0


def test_a_state_folder_that_cannot_be_written_costs_the_memory_only(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert keep_look(blocked / "state", seen("1"), BOX, 1000.0) == ()
