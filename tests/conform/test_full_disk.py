"""A disk that is full when something is to be journalled: an error at any record, and afterwards it goes on or back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.conform.execute import Bench, apply
from keepwell.conform.ledger import Ledger
from keepwell.conform.undo import undo
from keepwell.core.errors import AccessError
from keepwell.core.finding import Status
from keepwell.core.run import Item
from tests.conform.kit import Answers, DoomedJournal, DoomedTraffic, make_folder, make_plan, open_bench, snapshot

#: More records than the plan has; the loop ends at the first run that has room for all.
RECORDS = 100
#: Bytes that a file system gives out at once.
PAGE = 4096


class FillingJournal:
    """The store's journal, whose disk is full from the n-th record on."""

    def __init__(self, inner: DoomedJournal, disk: Path, at: int) -> None:
        self._inner = inner
        self._filler = disk / "filler"
        self._left = at

    def record(self, run_id: str, item: Item) -> None:
        self._left -= 1
        if self._left == 0:
            fill(self._filler)
            item = replace(item, detail="x" * 2 * PAGE)  # more than what is left of the page that the file ends in
        self._inner.record(run_id, item)


def fill(path: Path) -> None:
    """Take all the room that there is."""
    with path.open("wb", buffering=0) as file:
        for size in (PAGE, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system for the state folder."""
    if os.geteuid():
        pytest.skip("only root can mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def try_with_little_room(root: Path, disk: Path, at: int, *, back: bool) -> str:
    """How it ended; "error" where it was raised."""
    plan, traffic = make_plan(root / "world", root / "cordon"), DoomedTraffic(root / "cordon")
    with closing(DoomedJournal(disk, plan)) as journal:
        filling = FillingJournal(journal, disk, at)
        async with open_bench(plan, root / "elsewhere", step=100.0, traffic=traffic) as other:
            bench: Bench = replace(other, ledger=Ledger(journal.run, filling), backups=disk)
            try:
                if back:
                    return (await undo(plan, bench)).state
                return (await apply(plan, bench, Answers([Status.OK]))).state
            except AccessError:
                return "error"


@pytest.mark.parametrize(("back", "then_back"), [(False, False), (False, True), (True, True)])
async def test_at_any_record(disk: Path, tmp_path: Path, back: bool, then_back: bool) -> None:
    """Every other record: what is being taken back is not gone on with."""
    for at in range(1, RECORDS, 2):
        root = tmp_path / str(at)
        world = make_folder(root / "world")
        before = snapshot(world)
        if back:
            assert await try_with_little_room(root, disk, 0, back=False) == "well"
        ended = await try_with_little_room(root, disk, at, back=back)
        (disk / "filler").unlink(missing_ok=True)
        if ended in ("well", "undone"):
            break
        assert ended in ("failed", "error"), at
        wanted = {False: "well", True: "undone"}[then_back]
        assert await try_with_little_room(root, disk, 0, back=then_back) == wanted, at
        assert not (root / "cordon").exists(), at
        if then_back:
            assert snapshot(world) == before, at
        for path in (disk / "runs").iterdir():
            path.unlink()
    assert at > 20
