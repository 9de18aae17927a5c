"""The store of series: what goes in comes out, through folding, other processes, kill -9, damage and a full disk."""

from __future__ import annotations

import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import AccessError
from keepwell.core.series import Point, SeriesKey
from keepwell.store.series_blocks import Block, Row, parse_hour, render_block, render_hour
from keepwell.store.series_files import DAYS, LATE_SECONDS, SeriesFiles
from keepwell.store.series_log import HOUR, MINUTE, SeriesLog
from keepwell.store.series_sketch import make_sketch

#: 2027-03-31 22:00 UTC: two hours before the end of a day that is the end of a month.
BEGIN = 1806530400.0
KEY = SeriesKey("host.load_ratio", "node:one")
GPU = SeriesKey("device.power_watts", "device:one/0", (("kind", "board"),))
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


def make_points(begin: float, count: int, base: float = 1.0) -> list[Point]:
    return [
        Point(begin + MINUTE * i, base + i, base + i - 0.5, base + i + 0.5, base + i + 0.25, 60) for i in range(count)
    ]


def fill(log: SeriesFiles, begin: float, minutes: int) -> None:
    for one, other in zip(make_points(begin, minutes), make_points(begin, minutes, 200.0), strict=True):
        log.add([(KEY, one), (GPU, other)], {KEY: make_sketch([one.mean] * 60)})


def test_it_is_a_series_log(tmp_path: Path) -> None:
    assert isinstance(SeriesFiles(tmp_path), SeriesLog)


def test_minutes_come_back_before_and_after_they_are_folded(tmp_path: Path) -> None:
    log = SeriesFiles(tmp_path)
    fill(log, BEGIN, 150)  # into the next day and month
    before = log.points(KEY, BEGIN, BEGIN + 150 * MINUTE)
    assert before == tuple(make_points(BEGIN, 150))
    assert log.fold(BEGIN + 2 * HOUR + LATE_SECONDS) == 2
    assert log.points(KEY, BEGIN, BEGIN + 150 * MINUTE) == before
    assert log.points(GPU, BEGIN + MINUTE, BEGIN + 3 * MINUTE) == tuple(make_points(BEGIN, 3, 200.0)[1:])
    assert log.fold(BEGIN + 2 * HOUR + LATE_SECONDS) == 0
    log.close()


def test_hours_are_the_same_whether_folded_or_not(tmp_path: Path) -> None:
    log = SeriesFiles(tmp_path)
    fill(log, BEGIN, 130)
    before = log.points(KEY, BEGIN, BEGIN + DAYS * HOUR, HOUR)
    log.fold(BEGIN + 2 * HOUR + LATE_SECONDS)
    after = log.points(KEY, BEGIN, BEGIN + DAYS * HOUR, HOUR)
    assert before == after
    assert before[0] == Point(BEGIN, 30.5, 0.5, 60.5, 60.25, 3600)
    assert [one.at for one in before] == [BEGIN, BEGIN + HOUR, BEGIN + 2 * HOUR]


def test_quantiles_of_hours_are_those_of_the_samples(tmp_path: Path) -> None:
    log = SeriesFiles(tmp_path)
    fill(log, BEGIN, 90)
    for _ in range(2):
        low, middle, high = log.quantiles(KEY, BEGIN, BEGIN + 2 * HOUR, (0.0, 0.5, 1.0))
        assert (low, middle, high) == pytest.approx((1.0, 45.5, 90.0), rel=0.025)
        log.fold(BEGIN + 2 * HOUR + LATE_SECONDS)
    assert log.quantiles(GPU, BEGIN, BEGIN + HOUR, (0.5,)) == ()


def test_late_minutes_join_an_hour_that_was_folded(tmp_path: Path) -> None:
    log = SeriesFiles(tmp_path)
    fill(log, BEGIN, 30)
    log.fold(BEGIN + HOUR + LATE_SECONDS)
    fill(log, BEGIN + 30 * MINUTE, 30)
    log.fold(BEGIN + HOUR + LATE_SECONDS)
    assert len(log.points(KEY, BEGIN, BEGIN + HOUR)) == 60
    (hour,) = log.points(KEY, BEGIN, BEGIN + HOUR, HOUR)
    assert hour.samples == 3600
    assert log.quantiles(KEY, BEGIN, BEGIN + HOUR, (1.0,)) == pytest.approx((30.0,), rel=0.01)


def test_another_process_reads_while_this_one_writes(tmp_path: Path) -> None:
    log = SeriesFiles(tmp_path)
    fill(log, BEGIN, 2)
    reader = SeriesFiles(tmp_path)
    assert reader.keys() == (GPU, KEY)
    fill(log, BEGIN + 2 * MINUTE, 2)
    assert len(reader.points(KEY, BEGIN, BEGIN + HOUR)) == 4
    assert reader.keys(metric="device.power_watts") == (GPU,)
    assert reader.keys(subject="node:one") == (GPU, KEY)
    assert reader.keys(subject="device:one/0") == (GPU,)
    assert reader.keys(subject="node:on") == ()


def test_reading_makes_no_files(tmp_path: Path) -> None:
    log = SeriesFiles(tmp_path / "none")
    assert log.points(KEY, BEGIN, BEGIN + 40 * 24 * HOUR) == ()
    assert log.keys() == ()
    assert not (tmp_path / "none").exists()


def test_old_files_are_unlinked(tmp_path: Path) -> None:
    log = SeriesFiles(tmp_path)
    fill(log, BEGIN, 1)
    log.fold(BEGIN + DAYS * 24 * HOUR)
    assert sorted(one.suffix for one in tmp_path.iterdir()).count(".db") == 2
    log.drop(BEGIN + (DAYS + 1) * 24 * HOUR)
    assert [one.name for one in tmp_path.glob("*.db")] == ["hours-2027-03.db"]
    assert len(log.points(KEY, BEGIN, BEGIN + HOUR, HOUR)) == 1
    log.drop(BEGIN + 396 * 24 * HOUR)
    assert len(log.points(KEY, BEGIN, BEGIN + HOUR, HOUR)) == 1
    log.drop(BEGIN + 430 * 24 * HOUR)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_put_aside_and_begun_anew(tmp_path: Path) -> None:
    log = SeriesFiles(tmp_path)
    fill(log, BEGIN, 1)
    log.close()
    path = next(tmp_path.glob("minutes-*.db"))
    path.write_bytes(b"no database at all " * 500)
    fill(log, BEGIN + MINUTE, 1)
    assert [one.at for one in log.points(KEY, BEGIN, BEGIN + HOUR)] == [BEGIN + MINUTE]
    assert len(list(tmp_path.glob("*.damaged"))) == 1


WRITER = """
import sys
from keepwell.core.series import Point, SeriesKey
from keepwell.store.series_files import SeriesFiles
log = SeriesFiles(__import__("pathlib").Path(sys.argv[1]))
keys = [SeriesKey("host.load_ratio", f"node:n{i}") for i in range(40)]
minute = 0
while True:
    at = 1806530400.0 + 60 * minute
    log.add([(key, Point(at, 1.0, 0.0, 2.0, 1.5, 60)) for key in keys])
    print(minute, flush=True)
    minute += 1
    if minute % 60 == 0:
        log.fold(at + 3600)
"""


def test_kill_9_loses_nothing_that_was_added(tmp_path: Path) -> None:
    for turn in range(3):
        folder = tmp_path / str(turn)
        with subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True) as one:
            assert one.stdout is not None
            for line in one.stdout:
                if int(line) >= 118 + turn:  # about when an hour is folded
                    break
            one.send_signal(signal.SIGKILL)
            last = max([int(line), *map(int, one.stdout.read().split())])
        log = SeriesFiles(folder)
        key = SeriesKey("host.load_ratio", "node:n7")
        found = [one.at for one in log.points(key, BEGIN, BEGIN + 10 * HOUR)]
        assert found[: last + 1] == [BEGIN + MINUTE * i for i in range(last + 1)]
        for path in folder.glob("*.db"):
            with sqlite3.connect(path) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_full_disk_is_an_access_error_and_passes(tmp_path: Path) -> None:
    """The kernel refuses to let any file grow; afterwards all goes on."""
    log = SeriesFiles(tmp_path)
    fill(log, BEGIN, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(AccessError, match="cannot be written"):
            fill(log, BEGIN + MINUTE, 40)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    fill(log, BEGIN + 2 * MINUTE, 2)
    assert {BEGIN, BEGIN + 2 * MINUTE, BEGIN + 3 * MINUTE} <= {one.at for one in log.points(KEY, BEGIN, BEGIN + HOUR)}


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    log = SeriesFiles(tmp_path / "series")
    fill(log, BEGIN, 1)
    assert {one.stat().st_mode & 0o777 for one in (tmp_path / "series").glob("*.db")} == {0o600}
    assert (tmp_path / "series").stat().st_mode & 0o777 == 0o700


@settings(max_examples=30)
@given(
    st.dictionaries(
        st.integers(0, 59), st.tuples(floats, floats, floats, st.floats(allow_nan=False), st.integers(1, 90))
    ),
)
def test_an_hour_comes_back_from_its_bytes(rows: dict[int, tuple[float, float, float, float, int]]) -> None:
    points = tuple(Point(BEGIN + MINUTE * minute, *row) for minute, row in sorted(rows.items()))
    assert parse_hour(render_hour(points, BEGIN), BEGIN) == points


@settings(max_examples=30)
@given(st.lists(st.tuples(floats, floats, st.binary(max_size=9)), max_size=30))
def test_a_block_comes_back_from_its_bytes(rows: list[tuple[float, float, bytes]]) -> None:
    made = [Row(i + 1, Point(BEGIN, a, a, b, b, 3), sketch) for i, (a, b, sketch) in enumerate(rows)]
    block = Block(BEGIN, render_block(made))
    assert [Row(key, block.point(i), block.sketch(i)) for i, key in enumerate(block.keys)] == made


@settings(max_examples=60)
@given(st.binary(max_size=80))
def test_bytes_that_are_none_are_a_value_error(content: bytes) -> None:
    for prefix in (b"", b"\x01", b"\x01\x01\x00\x00\x00"):
        with pytest.raises(ValueError, match=r"block|hour|bytes|argument|range"):
            Block(BEGIN, prefix + content)
        with pytest.raises(ValueError, match=r"block|hour|bytes|argument|range"):
            parse_hour(prefix + content, BEGIN)


def test_a_day_of_a_busy_series_is_small(tmp_path: Path) -> None:
    """At most 10 bytes a series and minute in what is used of the file: rows of their own would take 45."""
    log = SeriesFiles(tmp_path)
    keys = [SeriesKey("device.power_watts", f"device:n/{i}") for i in range(100)]
    for minute in range(120):
        at = BEGIN - 2 * HOUR + MINUTE * minute
        points = [Point(at, 200 + (i * minute) % 97 / 7, 190.0 + minute % 5, 230.5, 210.25, 60) for i in range(100)]
        log.add(zip(keys, points, strict=True))
    log.fold(BEGIN + HOUR)
    log.close()
    with sqlite3.connect(next(tmp_path.glob("minutes-*.db"))) as connection:
        pages, unused, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    assert (pages - unused) * size / (100 * 120) < 10
