"""The log of a job: every line with its time, bounded, whatever the program says and the disk does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.jobs.line_log import EARLIER_FILES, LINE_BYTES, LineLog, earlier

AT = 1_700_000_000.25


def read(path: Path) -> list[bytes]:
    """The lines of one log, without their times."""
    return [one.partition(b" ")[2] for one in path.read_bytes().splitlines()]


def test_each_line_has_its_time(tmp_path: Path) -> None:
    log = LineLog(tmp_path / "log")
    log.tell("run 1 began", AT)
    log.take(b"one\ntw", AT)
    log.take(b"o\n", AT + 1.5)
    assert (tmp_path / "log").read_bytes() == (
        b"2023-11-14T22:13:20.250Z * run 1 began\n2023-11-14T22:13:20.250Z | one\n2023-11-14T22:13:21.750Z | two\n"
    )


def test_a_line_without_an_end_is_kept_at_the_end(tmp_path: Path) -> None:
    log = LineLog(tmp_path / "log")
    log.take(b"half a li", AT)
    assert not (tmp_path / "log").exists()
    log.finish(AT)
    log.finish(AT)
    assert read(tmp_path / "log") == [b"| half a li"]


def test_a_progress_bar_is_kept_now_and_then_and_as_it_ended(tmp_path: Path) -> None:
    log = LineLog(tmp_path / "log")
    for step in range(100):
        log.take(b"%d %%\r" % step, AT + step / 10)
    log.take(b"100 %\n", AT + 10)
    assert read(tmp_path / "log") == [b"| 0 %", b"| 100 %"]


def test_a_line_without_end_fills_no_memory(tmp_path: Path) -> None:
    log = LineLog(tmp_path / "log")
    log.take(b"x" * (2 * LINE_BYTES + 5), AT)
    log.finish(AT)
    assert [len(one) - 2 for one in read(tmp_path / "log")] == [LINE_BYTES, LINE_BYTES, 5]


def test_old_files_give_way(tmp_path: Path) -> None:
    log = LineLog(tmp_path / "log", file_bytes=1000)
    for number in range(200):
        log.take(b"line %d\n" % number, AT)
    names = sorted(one.name for one in tmp_path.iterdir())
    assert names == ["log", *(f"log.{number}" for number in range(1, EARLIER_FILES + 1))]
    kept = [one for number in range(EARLIER_FILES, -1, -1) for one in read(earlier(tmp_path / "log", number))]
    assert kept == [b"| line %d" % number for number in range(200 - len(kept), 200)]
    assert all(one.stat().st_size <= 1000 for one in tmp_path.iterdir())


def test_lines_that_could_not_be_written_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    log = LineLog(folder / "log")
    log.take(b"one\ntwo\n", AT)
    folder.mkdir()
    log.take(b"three\n", AT)
    assert read(folder / "log") == [b"* 2 lines were lost: No such file or directory", b"| three"]


def test_a_full_disk_leaves_no_half_line() -> None:
    log = LineLog(Path("/dev/full"))
    log.take(b"one\n", AT)  # no error: the program goes on
    log.tell("told", AT)


@settings(max_examples=30)
@given(
    st.lists(st.binary(max_size=40).filter(lambda one: b"\n" not in one and b"\r" not in one), max_size=8), st.data()
)
def test_however_output_comes_it_is_the_same_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    log = LineLog(path)
    rest = b"".join(one + b"\n" for one in lines)
    while rest:
        cut = data.draw(st.integers(1, len(rest)))
        log.take(rest[:cut], AT)
        rest = rest[cut:]
    found = []
    if path.exists():
        found = path.read_bytes().split(b"\n")[:-1]
    assert [one.partition(b" | ")[2] for one in found] == lines
