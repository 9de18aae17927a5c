"""The record: every request is in it, waits for it, or is counted as lost; nothing that goes wrong stops anything."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from keepwell.gateway.record import recorder as recorder_module
from keepwell.gateway.record.bodies import WAITING as BODIES_WAITING
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.record.recorder import Recorder
from keepwell.plugins.dialect import Usage
from keepwell.store.requests import (
    COLUMNS,
    NAME_CHARACTERS,
    ROWS_KEPT,
    Wanted,
    add_rows,
    load_next_id,
    load_spent,
    open_record,
    read_rows,
)


def facts(number: int, **more: object) -> Facts:
    made = Facts(number, 100.0)
    made.started, made.first, made.last, made.ended = 100.5, 101.0, 103.0, 103.5
    made.key, made.asked, made.stream, made.usage = "ada", "m", True, Usage(7, 5)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_each_column_holds_what_was_measured(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r" / "requests.db")
    words = ("path", "dialect", "route", "asked", "answered", "replica", "proof", "digest", "device")
    numbers = {"status": 207, "retries": 2, "bytes_in": 11, "bytes_out": 12, "changed_options": 3}
    usage = Usage(7, 5, 4, 9.0, 0.25, 2.0)
    upper = {word: word.upper() for word in words}
    recorder.put(facts(1, **upper, **numbers, error="cut", usage=usage, stalled=0.125, cold=1))
    recorder.close()
    ((_, row),) = read_rows(tmp_path / "r" / "requests.db")
    times = {"queue_seconds": 0.5, "first_byte_seconds": 1.0, "total_seconds": 3.5, "output_token_seconds": 0.5}
    tokens = {"input_tokens": 7, "output_tokens": 5, "cached_tokens": 4}
    others = {"id": 1, "key": "ada", "outcome": "cut", "stream": True, "energy_joules": -1.0, "cost": -1.0}
    parts = {"load_seconds": 9.0, "prefill_seconds": 0.25, "decode_seconds": 2.0, "stalled_seconds": 0.125, "cold": 1}
    expected = {**upper, **numbers, **times, **tokens, **others, **parts}
    found = asdict(row)
    assert abs(found.pop("at") - (time.time() - time.monotonic() + 100.0)) < 5
    assert found == expected
    assert (tmp_path / "r" / "requests.db").stat().st_mode & 0o777 == 0o600


def test_what_did_not_happen_is_no_number(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "requests.db")
    recorder.put(facts(1, started=0.0, first=0.0, usage=Usage()))
    recorder.close()
    ((_, row),) = read_rows(tmp_path / "requests.db")
    assert (row.queue_seconds, row.first_byte_seconds, row.output_token_seconds, row.output_tokens) == (-1, -1, -1, -1)


def test_the_newest_come_last_and_only_those_after_one(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "requests.db")
    for number in range(30):
        recorder.put(facts(number))
    recorder.close()
    found = read_rows(tmp_path / "requests.db", last=5)
    assert [row.id for _, row in found] == [25, 26, 27, 28, 29]
    assert read_rows(tmp_path / "requests.db", after=found[-1][0]) == []
    assert load_next_id(tmp_path / "requests.db") > 29
    assert load_next_id(tmp_path / "none.db") == 0


def test_rows_are_found_by_key_route_failure_and_time(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "requests.db")
    recorder.put(facts(1, key="bob", route="m"))
    recorder.put(facts(2, route="n", asked="alias"))
    recorder.put(facts(3, error="replica_cut", status=200))
    recorder.put(facts(4, status=429, began=500.0))
    recorder.close()

    def ids(wanted: Wanted) -> list[int]:
        return [row.id for _, row in read_rows(tmp_path / "requests.db", wanted=wanted)]

    assert ids(Wanted(key="bob")) == [1]
    assert ids(Wanted(route="n")) == ids(Wanted(route="alias")) == [2]
    assert ids(Wanted(failed=True)) == [3, 4]
    assert ids(Wanted(since=time.time() - time.monotonic() + 400.0)) == [4]
    assert ids(Wanted(key="' OR 1=1 --")) == []


def test_tokens_of_a_day_are_kept_by_key(tmp_path: Path) -> None:
    now = time.monotonic()
    for _ in range(2):
        recorder = Recorder(tmp_path / "requests.db")
        recorder.put(facts(1, ended=now))
        recorder.put(facts(2, ended=now, key="bob", usage=Usage(), stream_parts=3))
        recorder.put(facts(3, ended=now, key=""))
        recorder.close()
    assert load_spent(tmp_path / "requests.db", time.time()) == {"ada": 24, "bob": 6}
    assert load_spent(tmp_path / "requests.db", time.time() + 2 * 86400) == {}
    assert load_spent(tmp_path / "none.db", time.time()) == {}


def test_a_locked_record_is_written_later(tmp_path: Path) -> None:
    path = tmp_path / "requests.db"
    recorder = Recorder(path)
    recorder.put(facts(1))
    recorder.write()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    recorder.put(facts(2))
    recorder.write()
    assert (recorder.lost, "locked" in recorder.why) == (0, True)
    assert recorder.measures().unwritten == 1
    other.execute("ROLLBACK")
    other.close()
    recorder.put(facts(3))
    recorder.write()
    assert [row.id for _, row in read_rows(path)] == [1, 2, 3]
    assert (recorder.lost, recorder.why, recorder.measures().unwritten) == (0, "", 0)
    assert load_spent(path, time.time() - time.monotonic() + 103.5) == {"ada": 36}
    recorder.close()


def test_a_record_that_is_away_or_another_file_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "requests.db"
    recorder = Recorder(path)
    recorder.put(facts(1))
    recorder.write()
    path.rename(tmp_path / "kept.db")
    recorder.put(facts(2))
    recorder.write()
    assert [row.id for _, row in read_rows(path)] == [2]
    assert recorder.lost == 0
    recorder.close()


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to be one" * 100, b"SQLite format 3\0" + b"\xff" * 8000]
)
def test_a_damaged_record_is_put_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "requests.db"
    path.write_bytes(content)
    recorder = Recorder(path)
    recorder.put(facts(1))
    recorder.write()
    recorder.write()
    assert [row.id for _, row in read_rows(path)] == [1]
    (aside,) = tmp_path.glob("requests.db.damaged-*")
    assert aside.read_bytes() == content
    assert recorder.lost == 0
    recorder.close()


def test_a_record_that_is_just_being_made_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "requests.db"
    path.touch()
    assert read_rows(path) == []
    assert load_next_id(path) == 0


def test_rows_without_the_newest_fields_are_read(tmp_path: Path) -> None:
    path = tmp_path / "requests.db"
    recorder = Recorder(path)
    recorder.put(facts(1, bytes_in=5))
    recorder.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        (text,) = old.execute("SELECT rows FROM batch").fetchone()
        old.execute("UPDATE batch SET rows = ?", (json.dumps([json.loads(text)[0][:26]]),))
    ((_, row),) = read_rows(path)
    assert (row.id, row.bytes_in, row.energy_joules) == (1, 5, -1.0)


def test_each_row_can_be_asked_for_in_sql(tmp_path: Path) -> None:
    path = tmp_path / "requests.db"
    recorder = Recorder(path)
    for number in range(5):
        recorder.put(facts(number, route="m" * number))
        recorder.write()
    recorder.close()
    with closing(sqlite3.connect(path)) as asked:
        found = asked.execute("SELECT row, id, route, output_tokens FROM request WHERE id > 2 ORDER BY row").fetchall()
    assert found == [(4, 3, "mmm", 5), (5, 4, "mmmm", 5)]


def test_the_oldest_rows_go(tmp_path: Path) -> None:
    path = tmp_path / "requests.db"
    connection = open_record(path)
    row = tuple(range(len(COLUMNS)))
    for start in range(0, ROWS_KEPT, ROWS_KEPT // 4):
        connection.execute("INSERT INTO batch VALUES (?, ?, 0, '[]')", (start + 1, ROWS_KEPT // 4))
    add_rows(connection, [row] * 10, {})
    assert connection.execute("SELECT count(*) FROM batch").fetchone() == (5,)
    add_rows(connection, [row] * (ROWS_KEPT // 4), {})
    (first,) = connection.execute("SELECT min(first) FROM batch").fetchone()
    assert first == ROWS_KEPT // 4 + 1
    connection.close()


@pytest.mark.parametrize("name", ["\ud800", "\x00", "'; DROP TABLE batch; --", "\u2028", '"]]', "x" * 100_000])
def test_any_name_may_be_asked_for(tmp_path: Path, name: str) -> None:
    path = tmp_path / "requests.db"
    recorder = Recorder(path)
    recorder.put(facts(1, asked=name))
    recorder.close()
    ((_, row),) = read_rows(path)
    assert row.asked == name.encode("utf-8", "replace").decode()[:NAME_CHARACTERS]


def test_what_cannot_be_written_is_counted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recorder = Recorder(tmp_path / "file" / "requests.db")
    recorder.put(facts(1))
    recorder.write()
    assert recorder.lost == 0
    assert "file" in recorder.why
    recorder.close()
    assert recorder.lost == 1


def test_too_many_at_once_are_counted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recorder = Recorder(tmp_path / "file" / "requests.db")
    one = facts(0)
    for _ in range(recorder_module.WAITING + 3):
        recorder.put(one)
    assert recorder.lost == 3
    recorder.write()
    for number in range(5):
        recorder.put(facts(number))
    assert recorder.measures().lost == 8, "the oldest went"
    assert recorder.measures().unwritten == recorder_module.WAITING


def test_where_the_disk_stands_still_bodies_go_first_and_rows_last(tmp_path: Path) -> None:
    """Nobody writes: as while a write does not return."""
    recorder = Recorder(tmp_path / "requests.db")
    for number in range(BODIES_WAITING + 500):
        recorder.put(facts(number, route="m", bodies=(b"asked", b"answered")))
    assert (recorder.lost, recorder.bodies.lost) == (0, 500)
    recorder.close()
    assert len(read_rows(tmp_path / "requests.db", last=10_000)) == BODIES_WAITING + 500
