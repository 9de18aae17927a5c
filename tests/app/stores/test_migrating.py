"""A store is moved: copied whole, switched by a link, taken back byte for byte, gone on with after a kill -9."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keepwell.app.applying.carrying import apply_run, undo_run
from keepwell.app.stores.cleaning import plan_cleaning
from keepwell.app.stores.migrating import Wish, migrate, parse_limit
from keepwell.app.stores.verifying import verify
from keepwell.cli.views import models_migrate
from keepwell.core.errors import ConfigurationError, RefusedError
from keepwell.store.journal import list_runs
from tests.app.stores.test_cleaning import caller_of, shown
from tests.planted import make_store, snapshot


def bytes_of(root: Path) -> dict[str, bytes]:
    """All files, links followed."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


async def test_a_store_moves_and_comes_back(tmp_path: Path) -> None:
    root, target = tmp_path / "home" / "models", tmp_path / "big" / "models"
    store = make_store(root)
    target.parent.mkdir()
    before, content = snapshot(tmp_path / "home"), bytes_of(root)
    caller = caller_of(tmp_path)
    report = await migrate(caller, Wish(engine=str(root), to=str(target)))
    assert (report.state, report.exit_code) == ("moved", 0), report
    assert root.is_symlink()
    assert os.readlink(root) == str(target)
    assert bytes_of(target) == content == bytes_of(Path(report.old))
    copied = {name: rest for name, rest in snapshot(target).items() if not (target / name).is_dir()}
    assert copied == {name: rest for name, rest in snapshot(Path(report.old)).items() if not (target / name).is_dir()}
    assert report.corrupt == (f"blobs/{store.blobs['flipped'].name}",)
    assert report.away_seconds == -1
    text = shown(models_migrate.render(report))
    assert f"keepwell undo {report.run}" in text
    assert "was corrupt already" in text
    with pytest.raises(RefusedError, match="lies there already"):
        await migrate(caller, Wish(engine=str(root), to=str(target)))
    assert (await undo_run(caller, report.run)).outcome.state == "undone"
    assert snapshot(tmp_path / "home") == before
    again = await migrate(caller, Wish(engine=str(root), to=str(target)))
    assert (again.state, again.files) == ("moved", 0)


async def test_where_a_store_cannot_go(tmp_path: Path) -> None:
    root = tmp_path / "models"
    make_store(root)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("x")
    caller = caller_of(tmp_path)
    before = snapshot(root)
    for to, error in (
        ("relative", "no folder from the root"),
        (str(root / "below"), "lie one in the other"),
        (str(tmp_path), "lie one in the other"),
        (str(root), "lies there already"),
        (str(tmp_path / "none" / "models"), "there is no folder"),
        (str(tmp_path / "full"), "something lies there already"),
    ):
        with pytest.raises((ConfigurationError, RefusedError), match=error):
            await migrate(caller, Wish(engine=str(root), to=to))
    with pytest.raises(ConfigurationError, match="no setting names this folder"):
        await migrate(caller, Wish(engine=str(root), to=str(tmp_path / "new"), setting=True))
    assert snapshot(root) == before
    assert not list_runs(tmp_path / "state")


@pytest.mark.parametrize(("written", "rate"), [("", 0.0), ("100 MiB/s", 104857600.0), ("64 KiB", 65536.0)])
def test_a_limit_is_a_speed(written: str, rate: float) -> None:
    assert parse_limit(written) == rate


def test_what_is_no_limit_is_said() -> None:
    with pytest.raises(ConfigurationError, match="is no speed"):
        parse_limit("fast")


@pytest.mark.long
def test_a_move_that_is_killed_anywhere_goes_on_and_is_taken_back(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.app.stores.killing", str(tmp_path), "5"]
    told = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [json.loads(line) for line in told]
    assert len(rows) > 10
    assert [row for row in rows if (row["exit"], row["undone"], row["right"]) != (0, 0, True)] == []


async def test_a_move_is_not_carried_out_as_a_plan(tmp_path: Path) -> None:
    make_store(tmp_path / "models")
    (tmp_path / "big").mkdir()
    caller = caller_of(tmp_path)
    report = await migrate(caller, Wish(engine=str(tmp_path / "models"), to=str(tmp_path / "big" / "models")))
    with pytest.raises(RefusedError, match="somebody who watches"):
        await apply_run(caller, report.run)


async def test_without_the_old_folder_nothing_is_taken_back(tmp_path: Path) -> None:
    root, target = tmp_path / "models", tmp_path / "big" / "models"
    make_store(root)
    target.parent.mkdir()
    caller = caller_of(tmp_path)
    report = await migrate(caller, Wish(engine=str(root), to=str(target)))
    shutil.rmtree(report.old)
    with pytest.raises(RefusedError, match="is not there any more"):
        await undo_run(caller, report.run)
    assert bytes_of(root) == bytes_of(target)


async def test_blobs_on_another_disk_are_verified_cleaned_and_moved(tmp_path: Path) -> None:
    root, caller = tmp_path / "models", caller_of(tmp_path)
    store = make_store(root)
    (root / "blobs").rename(tmp_path / "other")
    (root / "blobs").symlink_to(tmp_path / "other")
    (line,) = (await verify(caller, str(root))).stores
    assert {one.kind for one in line.faults} == {"corrupt", "orphan", "partial"}
    before = snapshot(tmp_path / "other")
    (planned,) = (await plan_cleaning(caller, str(root))).planned
    assert (await apply_run(caller, planned.id)).outcome.state == "well"
    assert not (tmp_path / "other" / store.blobs["orphan"].name).exists()
    assert (await undo_run(caller, planned.id)).outcome.state == "undone"
    assert snapshot(tmp_path / "other") == before
    (tmp_path / "big").mkdir()
    report = await migrate(caller, Wish(engine=str(root), to=str(tmp_path / "big" / "models")))
    assert report.state == "moved"
    assert not (tmp_path / "big" / "models" / "blobs").is_symlink()
    assert bytes_of(tmp_path / "big" / "models" / "blobs") == bytes_of(tmp_path / "other")
