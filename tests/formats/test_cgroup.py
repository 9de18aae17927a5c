"""Where a group's memory limit stands in both versions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keepwell.formats.cgroup import DEPTH, UNLIMITED_BYTES, memory_folders, parse_count, parse_counters


def test_every_group_above_is_looked_at_innermost_first() -> None:
    found = [one.limit for one in memory_folders({"": "/a.slice/b.service"})]
    assert found == [
        "/sys/fs/cgroup/a.slice/b.service/memory.max",
        "/sys/fs/cgroup/a.slice/memory.max",
        "/sys/fs/cgroup/memory.max",
    ]


def test_version_1_counts_where_it_has_the_memory_controller() -> None:
    found = list(memory_folders({"memory": "/x", "": "/y"}))
    assert [one.folder for one in found] == ["/sys/fs/cgroup/memory/x", "/sys/fs/cgroup/memory"]
    assert {one.version for one in found} == {1}


@given(st.text())
def test_no_path_leads_out_of_the_mount(path: str) -> None:
    found = list(memory_folders({"": path}))
    assert 1 <= len(found) <= DEPTH + 1
    assert all(one.folder.startswith("/sys/fs/cgroup") and ".." not in one.folder.split("/") for one in found)


@given(st.integers(0, 2**63))
def test_a_count_comes_back(number: int) -> None:
    assert parse_count(f"{number}\n") == number


def test_max_is_no_limit_and_rubbish_is_nothing() -> None:
    assert parse_count("max\n") == UNLIMITED_BYTES
    assert parse_count("") is None
    assert parse_count("12 34") is None


@given(st.text())
def test_any_text_reads_as_counters(text: str) -> None:
    assert all(value >= 0 for value in parse_counters(text).values())
