"""The copy from before the first change: whole, exact, bounded, put back by a plain tar, and forgotten in time."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.conform.backup import FILE_BYTES, copy_touched, render_tar
from keepwell.conform.execute import apply
from keepwell.conform.ledger import BACKUP_KEY
from keepwell.core.entry import Entry
from keepwell.core.errors import AccessError
from keepwell.core.finding import Status
from keepwell.core.step import Plan, Put, Rename, RunCommand, SetMode, reverse
from keepwell.store.backups import KEPT, find_backup, save_backup
from keepwell.transport.entries import ENTRY_BYTES, find_entry
from keepwell.transport.local import LocalTransport
from tests.conform.kit import NODE, RUN, SUBJECT, THEN, Answers, change, make_folder, make_plan, open_bench
from tests.conform.test_exact import has_attributes

TAR = ("tar", "--xattrs", "--xattrs-include=*", "-xpf")


def about(*paths: Path) -> Plan:
    """A plan that writes each of them."""
    puts = [Put(path=str(path), before=find_entry(str(path), 0), after=Entry(kind="file")) for path in paths]
    changes = tuple(replace(change("/", one, reverse(one)), subject=SUBJECT) for one in puts)
    return Plan(step="s", check="c.d", subject=SUBJECT, why="", changes=changes)


async def test_a_plain_tar_puts_all_back(tmp_path: Path) -> None:
    world = tmp_path / "world"
    world.mkdir()
    strange = world / "caf\udce9 \n\u00fc"
    strange.write_bytes(b"\x00\xff")
    (world / "folder").mkdir(mode=0o2750)
    (world / "link").symlink_to("no\udcffwhere")
    (world / "empty").touch(0o4711)
    if os.geteuid() == 0:
        os.chown(strange, 12345, 54321)
        os.chown(world / "empty", 65534, 65534)
    (world / "empty").chmod(0o4711)
    if has_attributes(tmp_path):
        os.setxattr(strange, "user.keepwell", b"\x00\xff=\n")
    paths = sorted(world.iterdir())
    for path in paths:
        os.utime(path, ns=(THEN, THEN), follow_symlinks=False)
    before = {path: find_entry(str(path), ENTRY_BYTES) for path in paths}
    archive = tmp_path / "copy.tar"
    archive.write_bytes(render_tar(await copy_touched(about(*paths), LocalTransport(NODE)), "words"))
    shutil.rmtree(world)
    ran = subprocess.run([*TAR, str(archive), "-C", "/"], capture_output=True, check=True)
    assert all(b"hdrcharset" in line for line in ran.stderr.splitlines()), "told of what is no text, and read well"
    assert {path: replace(find_entry(str(path), ENTRY_BYTES), folder_ns=before[path].folder_ns) for path in paths} == (
        before
    )


async def test_what_is_too_large_or_was_not_there_is_named(tmp_path: Path) -> None:
    large, small, gone = tmp_path / "large", tmp_path / "small", tmp_path / "gone"
    with large.open("wb") as file:
        file.truncate(FILE_BYTES + 1)
    small.write_bytes(b"x" * 2000)
    rename = Rename(path=str(small), target=str(gone))
    mode = SetMode(path=str(tmp_path), mode=0o700)
    command = RunCommand(argv=("true",))
    changes = (
        *about(large, gone).changes,
        change(str(small), rename, reverse(rename)),
        change(str(tmp_path), mode, mode),
        change("/", command, command),
    )
    copied = await copy_touched(replace(about(), changes=changes), LocalTransport(NODE))
    assert list(copied.entries) == [str(tmp_path)]
    assert copied.absent == (str(gone),)
    assert copied.left_out[str(large)] == "too large"
    assert copied.left_out[str(small)] == "only its name, owner or mode changes"
    assert "only they know" in copied.words


async def test_kept_for_its_owner_alone_before_the_first_change_and_only_then(tmp_path: Path) -> None:
    world = make_folder(tmp_path / "world")
    async with open_bench(make_plan(world), tmp_path / "state") as bench:
        await apply(make_plan(world), bench, Answers([Status.OK]))
        detail = bench.ledger.get(BACKUP_KEY).detail
    path = find_backup(tmp_path / "state", RUN)
    assert detail.startswith(f"{path}: 4 paths, ")
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent)] == [0o600, 0o700]
    inode = path.stat().st_ino
    async with open_bench(make_plan(world), tmp_path / "state") as bench:
        await apply(make_plan(world), bench, Answers([Status.OK]))
    assert path.stat().st_ino == inode
    with tarfile.open(path) as archive:
        assert "nothing lay at" in archive.pax_headers["comment"]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A state folder on a file system with room for a journal, and for little else."""
    if os.geteuid():
        pytest.skip("only root can mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def test_without_room_for_it_nothing_is_touched(full_disk: Path, tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"x" * 200_000)
    put = Put(path=str(target), before=find_entry(str(target), ENTRY_BYTES), after=Entry(kind="file", mode=0o600))
    put = replace(put, before=replace(put.before, content=None))
    plan = replace(about(), changes=(change(str(target), put, reverse(put)),))
    async with open_bench(plan, full_disk) as bench:
        with pytest.raises(AccessError, match="No space left"):
            await apply(plan, bench, Answers([Status.OK]))
        assert bench.ledger.state(BACKUP_KEY) == "failed"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert list((full_disk / "backups").iterdir()) == []
    target.write_bytes(b"x" * 2000)
    async with open_bench(plan, full_disk) as bench:
        assert (await apply(plan, bench, Answers([Status.OK]))).state == "well", "with room it goes on"


def test_old_ones_go_and_those_whose_run_is_gone(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    names = [f"2026{number:04d}" for number in range(KEPT + 3)]
    for name in names:
        (tmp_path / "runs" / f"{name}.run").touch()
        save_backup(tmp_path, name, b"")
    (tmp_path / "runs" / f"{names[50]}.run").unlink()
    save_backup(tmp_path, names[-1], b"")
    left = {path.stem for path in (tmp_path / "backups").iterdir()}
    assert left == set(names[2:]) - {names[50]}
