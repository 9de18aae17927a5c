"""Files held open: the newest content each time, and nothing held of what is gone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from keepwell.core.errors import AccessError, NotPermitted, NotThere
from keepwell.telemetry import held
from keepwell.telemetry.held import HeldSight


def open_files() -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return found


@pytest.fixture
def sight() -> HeldSight:
    return HeldSight()


def test_a_file_of_proc_is_held_from_its_second_read_and_stays_true(sight: HeldSight) -> None:
    path = "/proc/self/stat"
    held_path = f"/proc/{os.getpid()}/stat"
    first = sight.read(path)
    assert held_path not in open_files()
    sight.read(path)
    assert held_path in open_files()
    sum(range(2_000_000))
    os.sched_yield()
    assert sight.read(path).split()[:2] == first.split()[:2]
    sight.close()
    assert held_path not in open_files()
    sight.close()
    assert sight.read(path)


def test_files_of_other_file_systems_are_never_held(sight: HeldSight, tmp_path: Path) -> None:
    path = tmp_path / "log"
    for content in ("one", "two", "three"):
        path.write_text(content)
        assert sight.read(str(path)) == content.encode()
    assert str(path) not in open_files()


def test_a_process_that_is_gone_is_not_there_and_not_another_with_its_number(sight: HeldSight) -> None:
    with subprocess.Popen(["sleep", "60"]) as running:
        path = f"/proc/{running.pid}/stat"
        assert sight.read(path)
        assert sight.read(path)
        running.kill()
    with pytest.raises(NotThere):
        sight.read(path)
    assert not [one for one in open_files() if str(running.pid) in one]


def test_long_files_come_whole_or_as_long_as_is_wanted(sight: HeldSight) -> None:
    for _ in range(3):
        whole = sight.read("/proc/self/smaps", max_bytes=3_000_000)
        assert len(whole) > 50_000
        assert whole[-1:] == b"\n"
        assert len(sight.read("/proc/self/smaps", max_bytes=5000)) == 5000
    assert sight.read("/proc/stat", max_bytes=0) == b""
    sight.close()


def test_what_is_not_read_for_a_while_is_let_go(sight: HeldSight) -> None:
    sight.read("/proc/uptime"), sight.read("/proc/uptime")
    for _ in range(2 * held.IDLE_LOOKS):
        sight.read("/proc/loadavg")
        sight.rest()
    assert "/proc/uptime" not in open_files()
    assert "/proc/loadavg" in open_files()
    sight.close()


def test_errors_say_what_is_wrong(sight: HeldSight, tmp_path: Path) -> None:
    for wrong in ("/proc/none", "/proc/999999999/stat"):
        with pytest.raises(NotThere):
            sight.read(wrong)
    with pytest.raises(AccessError, match="regular"):
        sight.read(str(tmp_path))
    with pytest.raises(AccessError):
        sight.read("/proc/\0")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AccessError, match="regular"):
        sight.read(str(tmp_path / "pipe"))
    for ask in (sight.names, sight.link, sight.size):
        with pytest.raises(NotThere):
            ask(str(tmp_path / "none"))


def test_folders_links_and_sizes(sight: HeldSight, tmp_path: Path) -> None:
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "a").write_bytes(b"")
    assert sight.names(str(tmp_path)) == ("a", "b")
    assert sight.link(str(tmp_path / "b")) == "a"
    total, free = sight.size(str(tmp_path))
    assert total >= free > 0


def test_what_may_not_be_read_is_not_permitted(sight: HeldSight) -> None:
    """A setting that can only be written: not even root may read it."""
    with pytest.raises(NotPermitted):
        sight.read("/proc/sys/vm/compact_memory")
