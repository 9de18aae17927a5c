"""What engines told of themselves: kept once, not for ever, and never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.core.event import Event
from keepwell.store.engine_events import AGE_SECONDS, EVENTS, FOLDER_NAME, keep_events, load_events

NOW = 1_800_000_000.0


def event(at: float, what: str = "died") -> Event:
    """One of an engine."""
    return Event(at=at, kind="model", what=what, source="log", topic="engine")


def test_events_are_kept_in_order_and_once(tmp_path: Path) -> None:
    keep_events(tmp_path, "a/b", [event(NOW), event(NOW - 5)], NOW)
    keep_events(tmp_path, "a/b", [event(NOW), event(NOW - 9, "other")], NOW)
    assert [one.at for one in load_events(tmp_path, "a/b")] == [NOW - 9, NOW - 5, NOW]
    assert load_events(tmp_path, "c") == ()
    assert [path.name for path in (tmp_path / FOLDER_NAME).iterdir()] == ["a%2Fb.json"]


def test_old_and_too_many_events_are_let_go(tmp_path: Path) -> None:
    keep_events(tmp_path, "a", [event(NOW - AGE_SECONDS)], NOW - AGE_SECONDS)
    keep_events(tmp_path, "a", [event(NOW + number) for number in range(EVENTS + 3)], NOW + 1)
    kept = load_events(tmp_path, "a")
    assert len(kept) == EVENTS
    assert kept[0].at == NOW + 3


@pytest.mark.parametrize("content", [b"", b"{}", b'{"schema":"x","events":[]}', b"[" * 100_000])
def test_a_damaged_file_reads_as_empty_and_is_written_anew(content: bytes, tmp_path: Path) -> None:
    keep_events(tmp_path, "a", [event(NOW)], NOW)
    (path,) = (tmp_path / FOLDER_NAME).iterdir()
    path.write_bytes(content)
    assert load_events(tmp_path, "a") == ()
    keep_events(tmp_path, "a", [event(NOW)], NOW)
    assert len(load_events(tmp_path, "a")) == 1
