"""What /proc tells of one process, read fast: the same as the thorough parsers read, and nothing of a mangled line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.formats.process_load import (
    find_files_limit,
    find_swap_bytes,
    is_model_file,
    parse_mapped_models,
    parse_process_load,
    parse_resident_pages,
)
from keepwell.formats.procfs import parse_process_stat

DIGEST = "sha256-" + "0a" * 32


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=16))
def test_any_name_is_passed_over(name: str) -> None:
    numbers = " ".join(str(place) for place in range(4, 53))
    line = f"77 ({name}) S {numbers}\n"
    load, thorough = parse_process_load(line.encode()), parse_process_stat(line)
    assert (load.parent, load.state, load.threads, load.started) == (
        thorough.parent_pid,
        thorough.state,
        thorough.threads,
        thorough.started_ticks,
    )
    assert (load.major_faults, load.cpu_seconds) == (12, (14 + 15) / 100)


@given(st.binary(max_size=40))
def test_what_is_no_such_line_is_a_value_error(content: bytes) -> None:
    for parse in (parse_process_load, parse_resident_pages):
        if len(content.split()) < 3:
            with pytest.raises(ValueError):
                parse(content)


def test_this_process() -> None:
    load = parse_process_load(Path("/proc/self/stat").read_bytes())
    assert (load.parent, load.state) == (os.getppid(), "R")
    own, shared = parse_resident_pages(Path("/proc/self/statm").read_bytes())
    assert own > 100
    assert shared > 100
    assert find_swap_bytes(Path("/proc/self/status").read_bytes()) is not None
    assert find_files_limit(Path("/proc/self/limits").read_bytes())


def test_what_is_not_told_is_none() -> None:
    assert find_swap_bytes(b"Name:\tkthreadd\nThreads:\t1\n") is None
    assert find_files_limit(b"Max open files            unlimited            unlimited            files\n") is None


def test_mapped_models() -> None:
    content = (
        f"00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/dbus-daemon\n"
        f"7f0000000000-7f0000001000 r--s 00000000 08:02 9 /models/a b/one.gguf\n"
        f"7f0000001000-7f0000003000 r--s 00001000 08:02 9 /models/a b/one.gguf\n"
        f"7f0000003000-7f0000004000 r--s 00000000 08:02 8 /store/blobs/{DIGEST} (deleted)\n"
        f"7f0000005000-7f0000006000 rw-p 00000000 00:00 0 [heap]\n"
    ).encode()
    assert parse_mapped_models(content) == {
        "/models/a b/one.gguf": 0x3000,
        f"/store/blobs/{DIGEST} (deleted)": 0x1000,
    }


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("/m/x.gguf", True),
        ("/m/x.safetensors", True),
        (f"/b/{DIGEST}", True),
        (f"/b/{DIGEST}-partial", False),
        ("/m/x.gguf.part", False),
        ("socket:[1]", False),
    ],
)
def test_files_of_models_by_name(path: str, is_one: bool) -> None:
    assert is_model_file(path) is is_one
