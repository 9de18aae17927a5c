"""What find prints comes back, whatever stands in a path."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from keepwell.formats.found_files import FoundFile, find_below, parse_found
from tests.engines.real import skip

NUMBERS = st.integers(0, 2**40)
PATHS = st.binary(max_size=20).map(lambda one: os.fsdecode(b"/" + one.replace(b"\0", b"/")))
FILES = st.builds(
    FoundFile,
    path=PATHS,
    kind=st.sampled_from("fdlpscb"),
    mode=st.integers(0, 0o7777),
    uid=NUMBERS,
    gid=NUMBERS,
    names=NUMBERS,
    size_bytes=NUMBERS,
    inode=NUMBERS,
)


def printed(one: FoundFile) -> bytes:
    words = f"{one.kind} {one.mode:o} {one.uid} {one.gid} {one.names} {one.size_bytes} {one.inode} "
    return words.encode() + os.fsencode(one.path) + b"\0"


@given(st.lists(FILES, max_size=5))
def test_records_come_back(files: list[FoundFile]) -> None:
    content = b"".join(map(printed, files))
    assert list(parse_found(content, 10)) == files
    assert list(parse_found(content, 2)) == files[:2]


@given(st.binary(max_size=100))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    assert all(one.path.startswith("/") for one in parse_found(content, 10))


def test_a_real_find_says_what_stat_says(tmp_path: Path) -> None:
    if shutil.which("find") is None:
        skip("there is no find")
    (tmp_path / "a\nb").write_bytes(b"12345")
    os.link(tmp_path / "a\nb", tmp_path / "c")
    (tmp_path / "link").symlink_to("c")
    done = subprocess.run(find_below(str(tmp_path)), capture_output=True, timeout=10)
    found = {one.path: one for one in parse_found(done.stdout, 10)}
    assert set(found) == {str(tmp_path), *(str(one) for one in tmp_path.iterdir())}
    one, told = found[str(tmp_path / "c")], (tmp_path / "c").stat()
    assert (one.kind, one.names, one.size_bytes, one.inode) == ("f", 2, 5, told.st_ino)
    assert (one.mode, one.uid, one.gid) == (told.st_mode & 0o7777, told.st_uid, told.st_gid)
    assert found[str(tmp_path / "link")].kind == "l"
