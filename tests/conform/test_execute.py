"""Applying a plan on the real file system: order, refusal, failure midway, kill at every moment, going on."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.core.errors import RefusedError
from keepwell.core.finding import Status
from keepwell.core.step import Plan, RunCommand, WriteFile
from tests.conform.kit import (
    NEW,
    OLD,
    SUBJECT,
    change,
    digest,
    make_folder,
    make_plan,
    snapshot,
    work,
)

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "world")


async def test_applied_then_undone_is_byte_for_byte_what_it_was(world: Path, tmp_path: Path) -> None:
    before = snapshot(world)
    assert await work(make_plan(world), tmp_path / "state") == "well"
    assert (world / "settings.env").read_bytes() == NEW
    assert (world / "d" / "new.conf").read_bytes() == NEW
    assert (world / "store").stat().st_mode & 0o7777 == 0o2750
    assert snapshot(world) != before
    assert await work(make_plan(world), tmp_path / "state", back=True) == "undone"
    assert snapshot(world) == before
    assert await work(make_plan(world), tmp_path / "state", back=True) == "undone"
    assert snapshot(world) == before


@pytest.mark.timeout(420)  # each moment is a process of its own, and a busy machine is no fault
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
def test_killed_at_every_moment_it_goes_on_and_it_can_be_taken_back(tmp_path: Path, every: int) -> None:
    memory = next((path for path in ("/dev/shm",) if os.access(path, os.W_OK)), str(tmp_path))
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        ran = subprocess.run(
            [sys.executable, "-m", "tests.conform.killing", folder, str(every)],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(rows) > 60 / every
    assert {row["undoing"] for row in rows} == {False, True}
    assert [row for row in rows if not row["right"] or row["exit"]] == []


@pytest.mark.parametrize("spoil", ["mode", "owner", "content", "gone"])
async def test_a_world_that_is_not_as_planned_is_refused_untouched(world: Path, tmp_path: Path, spoil: str) -> None:
    plan = make_plan(world)
    if spoil == "owner" and os.geteuid():
        pytest.skip("only root can give a file away")
    {
        "mode": lambda: (world / "store").chmod(0o711),
        "owner": lambda: os.chown(world / "store", 12345, 12345),
        "content": lambda: (world / "settings.env").write_bytes(b"A=3\n"),
        "gone": lambda: (world / "settings.env").unlink(),
    }[spoil]()
    spoiled = snapshot(world)
    with pytest.raises(RefusedError, match="not as it was"):
        await work(plan, tmp_path / "state")
    assert snapshot(world) == spoiled


async def test_undo_refuses_what_somebody_changed_since_and_touches_nothing(world: Path, tmp_path: Path) -> None:
    await work(make_plan(world), tmp_path / "state")
    (world / "settings.env").write_bytes(b"by hand\n")
    changed = snapshot(world)
    with pytest.raises(RefusedError, match="somebody changed it since"):
        await work(make_plan(world), tmp_path / "state", back=True)
    assert snapshot(world) == changed


async def test_a_run_that_was_undone_is_not_applied_again(world: Path, tmp_path: Path) -> None:
    await work(make_plan(world), tmp_path / "state")
    await work(make_plan(world), tmp_path / "state", back=True)
    with pytest.raises(RefusedError, match="undone"):
        await work(make_plan(world), tmp_path / "state")


async def test_well_means_asked_again_after_a_while(world: Path, tmp_path: Path) -> None:
    assert await work(make_plan(world), tmp_path / "state", statuses=(Status.OK, Status.CRITICAL)) == "not-well"


async def test_an_engine_that_needs_time_is_waited_for(world: Path, tmp_path: Path) -> None:
    assert (
        await work(make_plan(world), tmp_path / "state", statuses=(Status.CRITICAL, Status.UNKNOWN, Status.OK))
        == "well"
    )


async def test_an_engine_that_stays_bad_is_not_well_and_can_be_undone(world: Path, tmp_path: Path) -> None:
    before = snapshot(world)
    assert await work(make_plan(world), tmp_path / "state", statuses=(Status.CRITICAL,)) == "not-well"
    assert await work(make_plan(world), tmp_path / "state", back=True) == "undone"
    assert snapshot(world) == before


async def test_a_restart_that_fails_is_told_and_can_be_gone_on_with(world: Path, tmp_path: Path) -> None:
    switch = tmp_path / "switch"
    whole = make_plan(world)
    plan = Plan(
        step="s",
        check="c.d",
        subject=SUBJECT,
        why="",
        changes=whole.changes,
        activate=(RunCommand(argv=("cat", str(switch))),),
    )
    assert await work(plan, tmp_path / "state") == "failed"
    assert (world / "settings.env").read_bytes() == NEW
    switch.write_text("now")
    assert await work(plan, tmp_path / "state") == "well"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    if os.geteuid():
        pytest.skip("only root can mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def test_a_full_disk_midway_leaves_whole_files_and_can_be_undone(small_disk: Path, tmp_path: Path) -> None:
    first, second = small_disk / "a", small_disk / "b"
    first.write_bytes(OLD)
    second.write_bytes(OLD)
    large = b"x" * 200_000
    changes = tuple(
        change(
            str(path),
            WriteFile(path=str(path), content=new, expect_sha256=digest(OLD)),
            WriteFile(path=str(path), content=OLD, expect_sha256=digest(new)),
        )
        for path, new in ((first, NEW), (second, large))
    )
    plan = Plan(step="s", check="c.d", subject=SUBJECT, why="", changes=changes)
    assert await work(plan, tmp_path / "state") == "failed"
    assert (first.read_bytes(), second.read_bytes()) == (NEW, OLD)
    assert sorted(path.name for path in small_disk.iterdir()) == ["a", "b"]
    assert await work(plan, tmp_path / "state", back=True) == "undone"
    assert (first.read_bytes(), second.read_bytes()) == (OLD, OLD)


async def test_a_right_that_is_lost_midway_leaves_the_rest_and_can_be_gone_on_with(tmp_path: Path) -> None:
    """A read-only mount stands for the lost right: it holds for root too."""
    if os.geteuid():
        pytest.skip("only root can remount a file system")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place)], check=True)
    try:
        target = place / "settings.env"
        target.write_bytes(OLD)
        remount = RunCommand(argv=("mount", "-o", "remount,ro", str(place)))
        write = WriteFile(path=str(target), content=NEW, expect_sha256=digest(OLD))
        changes = (
            change(str(place), remount, RunCommand(argv=("mount", "-o", "remount,rw", str(place)))),
            change(str(target), write, WriteFile(path=str(target), content=OLD, expect_sha256=digest(NEW))),
        )
        plan = Plan(step="s", check="c.d", subject=SUBJECT, why="", changes=changes)
        assert await work(plan, tmp_path / "state") == "failed"
        assert target.read_bytes() == OLD
        await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,rw", str(place)], check=True)
        assert await work(plan, tmp_path / "state") == "well"
        assert target.read_bytes() == NEW
        assert await work(plan, tmp_path / "state", back=True) == "undone"
        assert target.read_bytes() == OLD
    finally:
        subprocess.run(["umount", str(place)], check=True)
