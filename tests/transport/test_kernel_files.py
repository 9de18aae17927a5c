"""Files of the kernel are read wholly: they have no size, and refuse a large buffer."""

from __future__ import annotations

import sys

import pytest

from keepwell.transport.entries import ENTRY_BYTES, find_entry


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc/sys")
def test_a_kernel_setting_is_an_entry_with_its_value() -> None:
    assert find_entry("/proc/sys/kernel/ostype", ENTRY_BYTES).content == b"Linux\n"


def test_a_file_of_many_pieces_is_whole_or_too_large(tmp_path: object) -> None:
    path = f"{tmp_path}/large"
    content = bytes(range(256)) * 1024
    with open(path, "wb") as file:
        file.write(content)
    assert find_entry(path, len(content)).content == content
    assert find_entry(path, len(content) - 1).content is None
    assert find_entry(path, 0).content is None
