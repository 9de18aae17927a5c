"""The record: every request is in it or counted as lost."""

from __future__ import annotations

from pathlib import Path

from keepwell.gateway import recorder as recorder_module
from keepwell.gateway.facts import Facts
from keepwell.gateway.recorder import Recorder
from keepwell.plugins.dialect import Usage
from keepwell.store.requests import read_rows


def facts(number: int) -> Facts:
    made = Facts(number, 100.0)
    made.started, made.first, made.last, made.ended = 100.5, 101.0, 103.0, 103.5
    made.key, made.asked, made.stream, made.usage = "ada", "m", True, Usage(7, 5)
    return made


def test_a_row_holds_what_was_measured(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r" / "requests.db")
    recorder.put(facts(1))
    recorder.close()
    ((_, row),) = read_rows(tmp_path / "r" / "requests.db")
    assert (row.queue_seconds, row.first_byte_seconds, row.total_seconds) == (0.5, 1.0, 3.5)
    assert row.output_token_seconds == 0.5
    assert (row.input_tokens, row.output_tokens, row.cached_tokens) == (7, 5, -1)
    assert (tmp_path / "r" / "requests.db").stat().st_mode & 0o777 == 0o600


def test_the_newest_come_last_and_only_those_after_one(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "requests.db")
    for number in range(30):
        recorder.put(facts(number))
    recorder.close()
    found = read_rows(tmp_path / "requests.db", last=5)
    assert [row.id for _, row in found] == [25, 26, 27, 28, 29]
    assert read_rows(tmp_path / "requests.db", after=found[-1][0]) == []


def test_what_cannot_be_written_is_counted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recorder = Recorder(tmp_path / "file" / "requests.db")
    recorder.put(facts(1))
    recorder.write()
    assert recorder.lost == 1
    assert "file" in recorder.why


def test_too_many_at_once_are_counted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "requests.db")
    for number in range(recorder_module.WAITING + 3):
        recorder.put(facts(number))
    assert recorder.lost == 3
    recorder._waiting.clear()
