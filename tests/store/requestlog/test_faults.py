"""The log on a disk that is full, in a file that is damaged, of another release, or gone."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from keepwell.core.errors import AccessError
from keepwell.store.request_log import Quantiles
from keepwell.store.requestlog.files import RequestFiles
from keepwell.store.requestlog.folding import FOLD_ROWS
from keepwell.store.requestlog.months import all_wal_bytes
from keepwell.store.requestlog.schema import VERSION, open_month
from keepwell.store.requestlog.writing import Writer
from keepwell.testing.request_log_contract import Wall
from keepwell.testing.request_rows import BEGIN, make_values
from keepwell.testing.waiting import eventually

ALL = Quantiles(measure="total", since=0.0, until=2 * BEGIN, by=())

#: Adds rows to a log until its file may grow no more, says what it acknowledged, then makes room and adds one more.
FULL = """
import resource, signal, sys
from pathlib import Path
from keepwell.core.errors import AccessError
from keepwell.store.requestlog.files import RequestFiles
from keepwell.testing.request_rows import BEGIN, make_values
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log, number = RequestFiles(Path(sys.argv[1]), float(BEGIN).__float__), 0
log.add([make_values(0)])
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
while True:
    try:
        log.add([make_values(one) for one in range(number + 1, number + 101)])
    except AccessError as error:
        assert "full" in str(error) or "I/O" in str(error), error
        break
    number += 100
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.add([make_values(number + 1)])
log.tend()
print(number + 1)
"""
#: Adds rows and says after each how many there are.
WRITER = """
import sys
from pathlib import Path
from keepwell.store.requestlog.files import RequestFiles
from keepwell.testing.request_rows import BEGIN, make_values
log, number = RequestFiles(Path(sys.argv[1]), float(BEGIN).__float__), 0
while True:
    log.add([make_values(one) for one in range(number, number + 10)])
    number += 10
    if number % 200 == 0:
        log.tend()
    print(number, flush=True)
"""


@pytest.fixture
def log(tmp_path: Path) -> RequestFiles:
    return RequestFiles(tmp_path, Wall())


def ids(log: RequestFiles) -> list[int]:
    return [row.id for _, row in log.after(0, 10**6)]


def month(folder: Path) -> Path:
    (path,) = folder.glob("????-??.db")
    return path


def test_a_full_disk_refuses_whole_batches_and_keeps_all_that_was_acknowledged(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert told.returncode == 0, told.stderr
    log = RequestFiles(tmp_path, Wall())
    assert ids(log) == list(range(int(told.stdout) + 1))
    assert log.quantiles(ALL)[0].count == int(told.stdout) + 1
    log.close()


def test_a_writer_that_is_killed_lost_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    for turn in range(3):
        folder = tmp_path / str(turn)
        out = tmp_path / f"{turn}.out"
        with out.open("w") as file:
            writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=file)
        try:
            eventually(lambda out=out, turn=turn: out.read_text().count("\n") > 15 + 30 * turn, what="it writes")
        finally:
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
        acknowledged = int(out.read_text().rpartition("\n")[0].split("\n")[-1])
        log = RequestFiles(folder, Wall())
        found = ids(log)
        assert found == list(range(len(found)))
        assert len(found) in (acknowledged, acknowledged + 10)
        assert log.quantiles(ALL)[0].count == len(found)
        log.add([make_values(len(found))])
        log.tend()
        assert log.quantiles(ALL)[0].count == len(found) + 1
        log.close()


def test_a_damaged_file_is_put_aside(tmp_path: Path, log: RequestFiles) -> None:
    log.add([make_values(1)])
    log.close()
    path = month(tmp_path)
    path.write_bytes(b"no database at all, but long enough to be one" * 100)
    with pytest.raises(AccessError, match="not a database"):
        log.add([make_values(2)])
    log.add([make_values(3)])
    assert ids(log) == [3]
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1
    log.close()


def test_damaged_sketches_cost_no_row(tmp_path: Path) -> None:
    """Rows are written, and only once, also where they cannot be put into sketches."""
    log = RequestFiles(tmp_path, Wall())
    log.add([make_values(1)])
    log.tend()
    with closing(sqlite3.connect(month(tmp_path), isolation_level=None)) as other:
        other.execute("UPDATE hour SET sketch = x'030000'")
        other.execute("UPDATE route_hour SET sketch = x'030000'")
    many = [make_values(2)] * FOLD_ROWS
    log.add(many)
    assert log.last_number() == FOLD_ROWS + 1
    with pytest.raises(AccessError, match="damaged"):
        log.tend()
    with pytest.raises(AccessError, match="damaged"):
        log.quantiles(ALL)
    log.close()


def test_a_file_that_is_gone_is_made_again(tmp_path: Path, log: RequestFiles) -> None:
    log.add([make_values(1)])
    month(tmp_path).rename(tmp_path / "kept")
    log.add([make_values(2)])
    assert ids(log) == [2]
    log.close()


def test_a_file_that_is_being_made_holds_nothing(tmp_path: Path, log: RequestFiles) -> None:
    (tmp_path / "2020-01.db").touch()
    assert (ids(log), log.newest(), log.quantiles(ALL), list(log.between(0, BEGIN))) == ([], [], [], [])
    log.add([make_values(1)])
    assert ids(log) == [1]
    log.close()


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    log = RequestFiles(tmp_path / "below", Wall())
    log.add([make_values(1)])
    assert month(tmp_path / "below").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "below").stat().st_mode & 0o777 == 0o700
    log.close()


def test_a_file_of_a_newer_release_is_not_touched(tmp_path: Path, log: RequestFiles) -> None:
    log.add([make_values(1)])
    log.close()
    with closing(sqlite3.connect(month(tmp_path), isolation_level=None)) as newer:
        newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    for ask in (log.last_number, log.newest, lambda: log.add([make_values(2)])):
        with pytest.raises(AccessError, match="newer keepwell"):
            ask()
    with closing(sqlite3.connect(month(tmp_path), isolation_level=None)) as newer:
        assert newer.execute("SELECT count(*) FROM request").fetchone() == (1,)


def test_the_first_schema_is_as_it_was_released(tmp_path: Path) -> None:
    """It never changes: later ones are steps from it."""
    with closing(open_month(tmp_path / "2027-01.db", 0)) as made:
        found = made.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").fetchall()
        assert made.execute("PRAGMA user_version").fetchone() == (VERSION,)
    released = Path(__file__).with_name("schema_1.sql")
    assert "".join(f"{sql};\n" for (sql,) in found) == released.read_text(encoding="utf-8")


def test_a_file_of_the_first_schema_is_read_and_written(tmp_path: Path) -> None:
    """Made by its text alone, as an earlier release would have."""
    path = tmp_path / "2027-01.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.executescript(Path(__file__).with_name("schema_1.sql").read_text(encoding="utf-8"))
        old.execute("INSERT INTO about VALUES ('floor', 6), ('folded', 6), ('minutes', 0)")
        old.execute("PRAGMA user_version = 1")
        old.execute(
            "INSERT INTO kind (kind, key, route, replica, outcome, status) VALUES (1, 'ada', 'm', 'r', '', 200)"
        )
        old.execute("INSERT INTO request (number, kind, id, at, total_seconds) VALUES (7, 1, 42, 1800000000000000, 5)")
        old.execute("INSERT INTO zone VALUES (0, 1800000000000000, 1800000000000000)")
    log = RequestFiles(tmp_path, Wall())
    log.add([make_values(1)])
    log.tend()
    assert [(number, row.id) for number, row in log.after(0, 9)] == [(7, 42), (8, 1)]
    assert log.quantiles(ALL)[0].count == 2
    log.close()


def test_the_write_ahead_log_is_emptied_and_told(tmp_path: Path, log: RequestFiles) -> None:
    log.add([make_values(one) for one in range(2000)])
    grown = all_wal_bytes(tmp_path)
    assert grown > 100_000
    reader = sqlite3.connect(month(tmp_path), isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM request").fetchone()
    log.add([make_values(one) for one in range(2000)])
    log.tend()
    log.add([make_values(1)])
    assert all_wal_bytes(tmp_path) > grown, "a reader that does not let go keeps it"
    reader.close()
    log.tend()
    log.add([make_values(1)])
    log.close()
    assert all_wal_bytes(tmp_path) == 0


def test_rows_are_readable_by_hand(tmp_path: Path, log: RequestFiles) -> None:
    log.add([make_values(one, route="m" * one) for one in range(3)])
    log.close()
    with closing(sqlite3.connect(month(tmp_path))) as asked:
        found = asked.execute("SELECT number, id, route, at, cached_tokens FROM requests WHERE id > 0").fetchall()
    assert found == [(2, 1, "m", BEGIN + 1, -1), (3, 2, "mm", BEGIN + 2, -1)]


def test_one_is_found_by_an_index(tmp_path: Path, log: RequestFiles) -> None:
    log.add([make_values(1)])
    with closing(sqlite3.connect(month(tmp_path))) as asked:
        plan = asked.execute("EXPLAIN QUERY PLAN SELECT * FROM requests WHERE id = 1").fetchall()
    assert "USING INDEX request_id" in str(plan)
    log.close()


@pytest.mark.long
def test_many_kinds_are_kept_in_little_memory(tmp_path: Path, log: RequestFiles) -> None:
    writer = Writer(tmp_path, Wall(), 1.0)
    for start in range(0, 24_000, 8_000):
        writer.add([make_values(one, asked=f"n{one}") for one in range(start, start + 8_000)], None)
    writer.add([make_values(1, asked="n1")], None)
    writer.close()
    assert log.newest(last=1)[0][1].asked == "n1"
    assert len(ids(log)) == 24_001
