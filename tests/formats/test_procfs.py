"""/proc as text."""

from __future__ import annotations

import os
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.formats.procfs import (
    parse_arguments,
    parse_boot_time,
    parse_cgroups,
    parse_environment,
    parse_kilobytes,
    parse_limits,
    parse_process_stat,
    parse_status,
)

NAMES = st.text(alphabet=string.printable, min_size=1, max_size=15)


@given(NAMES, st.integers(1, 2**22), st.integers(0, 2**22), st.sampled_from("RSDTtZXI"), st.integers(1, 2**40))
def test_a_name_of_any_characters_does_not_move_the_fields(
    name: str, pid: int, parent: int, state: str, ticks: int
) -> None:
    line = f"{pid} ({name}) {state} {parent} 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 9 0 {ticks} 1 1 1"
    found = parse_process_stat(line)
    assert (found.pid, found.name, found.parent_pid, found.state) == (pid, name, parent, state)
    assert (found.threads, found.started_ticks) == (9, ticks)


@given(st.text())
def test_anything_else_is_refused_or_read(text: str) -> None:
    try:
        parse_process_stat(text)
    except ValueError:
        return


@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters="=\0", codec="utf-8"), min_size=1),
        st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    )
)
def test_an_environment_comes_back(environment: dict[str, str]) -> None:
    content = b"".join(f"{name}={value}\0".encode() for name, value in environment.items())
    assert parse_environment(content) == environment


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1), max_size=8))
def test_arguments_come_back(argv: list[str]) -> None:
    assert parse_arguments(b"".join(item.encode() + b"\0" for item in argv)) == tuple(argv)


def test_this_process_reads_as_itself() -> None:
    folder = Path("/proc/self")
    if not folder.exists():
        pytest.skip("no /proc here")
    stat = parse_process_stat((folder / "stat").read_text())
    status = parse_status((folder / "status").read_text())
    limits = parse_limits((folder / "limits").read_text())
    assert stat.pid == os.getpid()
    assert stat.parent_pid == os.getppid()
    assert status["Pid"] == str(os.getpid())
    assert parse_kilobytes(status["VmRSS"]) > 1_000_000
    assert "Max open files" in limits
    assert len(limits) >= 14
    assert parse_cgroups((folder / "cgroup").read_text())
    assert 1e9 < parse_boot_time(Path("/proc/stat").read_text()) < 1e10


def test_groups_of_both_versions_are_told() -> None:
    text = "12:cpu,cpuacct:/a\n4:memory:/docker/x:y\n1:name=systemd:/b\n0::/c\n"
    assert parse_cgroups(text) == {
        "cpu": "/a",
        "cpuacct": "/a",
        "memory": "/docker/x:y",
        "name=systemd": "/b",
        "": "/c",
    }


@pytest.mark.parametrize("text", ["12", "12 MB", "x kB", ""])
def test_what_is_no_number_of_kilobytes_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_kilobytes(text)


def test_a_boot_time_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="btime"):
        parse_boot_time("cpu 1 2 3\n")
    with pytest.raises(ValueError):
        parse_boot_time("btime \n")
