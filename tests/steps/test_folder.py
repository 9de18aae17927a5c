"""A folder with its owner and mode: made, corrected, taken back to the nanosecond; what is in the way is told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from keepwell.conform.desired.foresee import foresee
from keepwell.core.observation import Missing, Observation, Seen
from keepwell.core.ref import Ref
from keepwell.core.step import Put, RunCommand
from keepwell.plugins.wish import Drift
from keepwell.steps.folder import STEP
from keepwell.testing.rooted import RootedNode
from keepwell.transport.base import Ran
from tests.steps.keeping import find_drift, look_for, make, prove, take_back
from tests.steps.private import MADE, write_accounts

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def node(tmp_path: Path) -> RootedNode:
    write_accounts(tmp_path)
    (tmp_path / "srv").mkdir()
    os.utime(tmp_path / "srv", ns=(5, 1_234_567_890_123_456_789))
    return RootedNode(tmp_path, programs=dict(MADE))


async def test_it_is_made_with_all_above_it_and_taken_back(node: RootedNode) -> None:
    drift = await prove(STEP, {"path": "/srv/a/b/models", "mode": 0o2770}, node)
    assert [change.subject.name for change in drift.changes] == ["/srv/a", "/srv/a/b", "/srv/a/b/models"]
    assert (node.root / "srv/a/b/models").stat().st_mode & 0o7777 == 0o2770
    assert (node.root / "srv/a").stat().st_mode & 0o7777 == 0o755
    assert (drift.before, drift.changes[0].before) == ("no such folder", "no such folder")


@needs_root
async def test_owner_and_group_go_by_name_on_the_node(node: RootedNode) -> None:
    folder = node.root / "srv/models"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "kept").write_bytes(b"x")
    drift = await prove(STEP, {"path": "/srv/models", "owner": "svc", "group": "render", "mode": 0o750}, node)
    found = folder.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (990, 104, 0o750)
    assert (drift.before, drift.after) == ("root:root, mode 0755", "svc:render, mode 0750")
    assert (folder / "kept").stat().st_uid == 0


@needs_root
async def test_numbers_need_no_account(node: RootedNode) -> None:
    await make(await find_drift(STEP, {"path": "/srv/x", "owner": "4711"}, node), node)
    assert (node.root / "srv/x").stat().st_uid == 4711


async def test_what_is_as_wished_stays(node: RootedNode) -> None:
    (node.root / "srv/x").mkdir(mode=0o700)
    (node.root / "srv/x").chmod(0o700)
    assert (await find_drift(STEP, {"path": "/srv/x/"}, node)).same
    assert (await find_drift(STEP, {"path": "/srv/x", "mode": 0o700}, node)).same
    assert not (await find_drift(STEP, {"path": "/srv/x", "mode": 0o750}, node)).same


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"path": "/srv/new", "owner": "llm"}, "no account llm; a table `account`"),
        ({"path": "/srv/new", "group": "llm"}, "no group llm"),
        ({"path": "/srv/link"}, "is a link to elsewhere"),
        ({"path": "/srv/file"}, "a file lies at"),
        ({"path": "/srv/file/below"}, "no folder can lie below"),
        ({"path": "/", "mode": 0o700}, "the system's own"),
        ({"path": "/usr//lib/", "mode": 0o700}, "the system's own"),
        ({"path": "/srv/../etc", "mode": 0o700}, "the system's own"),
    ],
)
async def test_it_refuses(node: RootedNode, wish: dict[str, Any], words: str) -> None:
    (node.root / "srv/link").symlink_to("elsewhere")
    (node.root / "srv/file").write_bytes(b"")
    drift = await find_drift(STEP, wish, node)
    assert not drift.changes
    assert words in drift.problem


async def test_a_folder_above_may_be_a_link(node: RootedNode) -> None:
    (node.root / "big").mkdir()
    (node.root / "srv/store").symlink_to(node.root / "big")
    await make(await find_drift(STEP, {"path": "/srv/store/models"}, node), node)
    assert (node.root / "big/models").is_dir()


async def test_a_mount_point_is_told(node: RootedNode) -> None:
    (node.root / "srv/disk").mkdir()
    (node.root / "proc/self").mkdir(parents=True)
    line = "40 28 8:1 / /srv/disk rw,relatime - ext4 /dev/sdb1 rw\n"
    (node.root / "proc/self/mountinfo").write_text(line)
    drift = await find_drift(STEP, {"path": "/srv/disk", "mode": 0o750}, node)
    assert drift.after.endswith("mode 0750 (of the ext4 of /dev/sdb1 that is mounted there)")


async def test_somebody_who_came_between_is_noticed(node: RootedNode) -> None:
    drift = await find_drift(STEP, {"path": "/srv/x", "mode": 0o700}, node)
    (change,) = drift.changes
    assert isinstance(change.do, Put)
    assert change.do.before.kind == "absent"


async def test_one_node_is_the_model_of_another(node: RootedNode) -> None:
    (node.root / "srv/x").mkdir(mode=0o700)
    copied = STEP.copy({"path": "/srv/x"}, await look_for(STEP, {"path": "/srv/x"}, node))
    assert not isinstance(copied, Missing)
    assert copied["mode"] == 0o700
    if os.geteuid() == 0:
        assert (copied["owner"], copied["group"]) == ("root", "root")
    assert isinstance(STEP.copy({"path": "/srv/y"}, await look_for(STEP, {"path": "/srv/y"}, node)), Missing)


def test_it_is_proposed_where_engines_keep_models() -> None:
    subject = Ref("engine", ("here", "some"))
    one = Observation(subject=subject, name="engine.store", value={"path": "/srv/models"}, at=1.0, source="test")
    assert STEP.propose(Seen([one]), "here") == ({"path": "/srv/models"},)


@pytest.mark.parametrize(
    ("path", "whose", "before"),
    [("/srv/new", {"owner": "later", "group": "later"}, "whoever made it"), ("/srv/old", {"group": "later"}, None)],
)
async def test_an_owner_whom_the_same_plan_makes_is_given_by_name(
    node: RootedNode, path: str, whose: dict[str, str], before: str | None
) -> None:
    (node.root / "srv" / "old").mkdir()
    wish = {"path": path, "mode": 0o2750, **whose}
    looked = await look_for(STEP, wish, node)
    alone = STEP.compare(wish, looked)
    assert isinstance(alone, Drift)
    assert "a table `account` makes it" in alone.problem
    drift = STEP.compare(wish, foresee(looked, (), ("later",)))
    assert isinstance(drift, Drift)
    assert not drift.problem
    handed = drift.changes[-1]
    assert isinstance(handed.do, RunCommand)
    assert handed.do.argv == ("chown", f"{whose.get('owner', '')}:later", path)
    assert before is None or handed.before == before
    ran: list[tuple[str, ...]] = []

    def chown(argv: Sequence[str], root: Path) -> Ran:
        ran.append(tuple(argv))
        return Ran(argv=tuple(argv), code=0, stdout=b"", stderr=b"")

    node.programs |= {"chown": chown, "true": chown}
    await make(drift, node)
    assert (node.root / path.lstrip("/")).stat().st_mode & 0o7777 == 0o2750
    await take_back(drift, node)
    assert (node.root / "srv" / "new").exists() is False
