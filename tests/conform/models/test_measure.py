"""Digests are those of the bytes, several files at once, and a file that cannot be read costs only itself."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.conform.models.measure import measure
from keepwell.core.observation import Missing
from keepwell.plugins.stock import StockFile
from keepwell.transport.local import LocalTransport


async def test_every_file_is_read_once_and_all_bytes_are_told(tmp_path: Path) -> None:
    files = []
    for number in range(9):
        path = tmp_path / str(number)
        path.write_bytes(bytes([number]) * (300_000 * number))
        size = path.stat().st_size
        files.append(StockFile(path=str(path), role="blob", form="sha256", size_bytes=size))
    files.append(StockFile(path=str(tmp_path / "gone"), role="blob", form="sha256", size_bytes=0))
    told: list[tuple[int, int]] = []
    hands = LocalTransport()
    try:
        found = await measure(files, hands, 3, lambda done, total: told.append((done, total)))
    finally:
        await hands.close()
    for one in files[:-1]:
        assert found[one.path] == hashlib.sha256(Path(one.path).read_bytes()).hexdigest()
    gone = found[files[-1].path]
    assert isinstance(gone, Missing)
    assert gone.kind == "absent"
    assert told[-1] == (sum(one.size_bytes for one in files),) * 2


async def test_nothing_to_read_is_no_work() -> None:
    hands = LocalTransport()
    assert await measure((), hands, 4, lambda done, total: None) == {}
    await hands.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may look into."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_a_file_without_permission_costs_only_itself(open_folder: Path) -> None:
    for name in ("closed", "open"):
        (open_folder / name).write_bytes(b"x")
    (open_folder / "closed").chmod(0)
    files = [
        StockFile(path=str(open_folder / name), role="blob", form="sha256", size_bytes=1) for name in ("closed", "open")
    ]
    hands, user = LocalTransport(), os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        found = await measure(files, hands, 2, lambda done, total: None)
    finally:
        os.seteuid(user)
        await hands.close()
    closed = found[files[0].path]
    assert isinstance(closed, Missing)
    assert closed.kind == "failed"
    assert found[files[1].path] == hashlib.sha256(b"x").hexdigest()
