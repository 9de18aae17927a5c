"""Digests and copies of large files, here and over SSH: the bytes, what they are made of, and what ends them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import AccessError, NotPermitted, NotThere
from keepwell.testing.sshd import Sshd, find_sshd, run_sshd
from keepwell.testing.waiting import eventually
from keepwell.transport.base import CopiesFiles
from keepwell.transport.far.bulk import PIECE_BYTES, copy_at
from keepwell.transport.local import LocalTransport
from keepwell.transport.ssh.way import open_ssh

LONG_AGO = 1_600_000_000_123_456_789


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd | None]:
    if not find_sshd():
        yield None
        return
    with run_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(params=["here", "ssh"])
async def hands(request: pytest.FixtureRequest, sshd: Sshd | None) -> AsyncIterator[CopiesFiles]:
    if request.param == "here":
        local = LocalTransport()
        yield local
        await local.close()
        return
    if sshd is None:
        pytest.skip("no sshd here")
    far = await open_ssh(sshd.node(), changes=True)
    yield far
    await far.close()


async def copy(hands: CopiesFiles, source: Path, target: Path, rate: float = 0.0) -> tuple[str, int]:
    """The digest, and how many bytes were told."""
    told: list[int] = []
    made = await hands.copy(str(source), str(target), bytes_per_second=rate, timeout_seconds=60.0, tell=told.append)
    return made, sum(told)


async def test_a_digest_and_a_copy_are_of_every_byte(hands: CopiesFiles, tmp_path: Path) -> None:
    content = os.urandom(PIECE_BYTES * 2 + 7)
    source, target = tmp_path / "caf\udce9", tmp_path / "there"
    source.write_bytes(content)
    source.chmod(0o604)
    os.utime(source, ns=(LONG_AGO, LONG_AGO))
    told: list[int] = []
    made = await hands.digest(str(source), "sha256", timeout_seconds=60.0, tell=told.append)
    assert made == hashlib.sha256(content).hexdigest()
    assert sum(told) == len(content)
    assert await copy(hands, source, target) == (made, len(content))
    assert target.read_bytes() == content
    found = target.stat()
    assert (found.st_mode & 0o7777, found.st_mtime_ns) == (0o604, LONG_AGO)
    assert hands.cores == os.cpu_count()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, "there"])


async def test_what_cannot_be_copied_leaves_nothing(hands: CopiesFiles, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotPermitted, match="not a regular file"):
        await copy(hands, tmp_path / "pipe", tmp_path / "there")
    with pytest.raises(NotThere):
        await copy(hands, tmp_path / "none", tmp_path / "there")
    (tmp_path / "one").write_bytes(b"x")
    with pytest.raises(NotThere):
        await copy(hands, tmp_path / "one", tmp_path / "no folder" / "there")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "pipe"]


async def test_a_copy_keeps_to_its_limit_and_ends_when_nobody_waits(hands: CopiesFiles, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(bytes(1000))
    began = time.monotonic()
    await copy(hands, tmp_path / "one", tmp_path / "slow", rate=4000.0)
    assert time.monotonic() - began >= 0.25
    (tmp_path / "large").write_bytes(os.urandom(PIECE_BYTES * 2))
    task = asyncio.create_task(copy(hands, tmp_path / "large", tmp_path / "never", rate=1.0))
    part = tmp_path / ".never.keepwell-part"
    while not part.exists():
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    eventually(lambda: not part.exists(), what="what was copied is gone")
    assert not (tmp_path / "never").exists()


async def test_who_only_looks_copies_nothing(sshd: Sshd | None, tmp_path: Path) -> None:
    if sshd is None:
        pytest.skip("no sshd here")
    (tmp_path / "one").write_bytes(b"x")
    far = await open_ssh(sshd.node())
    try:
        with pytest.raises(NotPermitted, match="looking only"):
            await copy(far, tmp_path / "one", tmp_path / "two")
    finally:
        await far.close()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 300_000)), max_size=5), st.binary(max_size=3))
def test_holes_stay_holes(parts: list[tuple[bool, int]], tail: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "source", Path(name) / "target"
        with source.open("wb") as file:
            for is_data, count in parts:
                if is_data:
                    file.write(b"\x01" * count)
                else:
                    file.seek(count, os.SEEK_CUR)
            file.write(tail)
            file.truncate()
        made = copy_at(bytes(source), bytes(target), 0.0, lambda count: True)
        assert target.read_bytes() == source.read_bytes()
        assert made == hashlib.sha256(source.read_bytes()).hexdigest()
        assert target.stat().st_blocks <= source.stat().st_blocks + 8


def test_a_file_that_changes_meanwhile_is_not_taken_for_copied(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes([1]) * 1000)

    def change(count: int) -> bool:
        os.utime(source, ns=(LONG_AGO, LONG_AGO))
        return True

    from keepwell.transport.far.job import Refusal

    with pytest.raises(Refusal, match="changed while it was copied"):
        copy_at(bytes(source), bytes(tmp_path / "target"), 0.0, change)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


async def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """/dev/full takes the part of a name that cannot be written; the error is the system's own."""
    hands = LocalTransport()
    (tmp_path / "one").write_bytes(b"x" * 10)
    (tmp_path / ".two.keepwell-part").symlink_to("/dev/full")
    try:
        with pytest.raises(AccessError):
            await copy(hands, tmp_path / "one", tmp_path / "two")
    finally:
        await hands.close()
    assert not (tmp_path / "two").exists()
