"""A tree with everything wrong that may be: corrected, taken back with attributes and times, links and others left."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from keepwell.conform.actions import perform
from keepwell.conform.desired.foresee import foresee
from keepwell.core.observation import Missing, Observation, Seen
from keepwell.core.ref import Ref
from keepwell.core.step import SetMode
from keepwell.plugins.wish import Drift
from keepwell.steps.folder import STEP as FOLDER
from keepwell.steps.permissions import STEP
from keepwell.steps.permissions.step import CORRECTED, LOOKED_INTO
from keepwell.testing.namespaced import why_not
from keepwell.testing.rooted import RootedNode
from keepwell.transport.base import Ran
from tests.engines.real import REPOSITORY, skip
from tests.steps.keeping import find_drift, look_for, make, prove, snapshot
from tests.steps.private import MADE, write_accounts

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
TOKEN = "hf_" + "a1B2" * 8


def rooted(argv: Sequence[str], root: Path) -> Ran:
    """The real program below the node's folder, whose paths it then says as the node's."""
    words = [str(root) + word if word.startswith("/") else word for word in argv]
    done = subprocess.run(words, capture_output=True, timeout=30)
    said = done.stdout.replace(os.fsencode(root), b"")
    return Ran(argv=tuple(argv), code=done.returncode, stdout=said, stderr=done.stderr)


@pytest.fixture
def node(tmp_path: Path) -> RootedNode:
    root = tmp_path / "node"
    root.mkdir()
    write_accounts(root)
    tree = root / "srv/llm"
    tree.mkdir(parents=True)
    tree.chmod(0o755)
    return RootedNode(root, programs={**MADE, "find": rooted, "grep": rooted})


def plant(node: RootedNode, path: str, mode: int, text: str = "x") -> Path:
    place = node.root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    place.chmod(mode)
    return place


def modes(drift: Drift) -> dict[str, str]:
    return {one.subject.name: one.after.partition(";")[0] for one in drift.changes if isinstance(one.do, SetMode)}


async def test_planted_faults_are_corrected_and_taken_back(node: RootedNode) -> None:
    plant(node, "/srv/llm/open", 0o666)
    plant(node, "/srv/llm/bin/runs-as-owner", 0o4755)
    plant(node, "/srv/llm/bin/runs-as-group", 0o2755)
    plant(node, "/srv/llm/bin/named", 0o4755)
    plant(node, "/srv/llm/.env", 0o644, "A=1\n")
    plant(node, "/srv/llm/app.conf", 0o644, f"token = {TOKEN}\n")
    plant(node, "/srv/llm/tokenizer.json", 0o644, '{"bos_token": "<|begin|>"}')
    plant(node, "/srv/llm/well", 0o644)
    (node.root / "srv/llm/drop").mkdir()
    (node.root / "srv/llm/drop").chmod(0o777)
    (node.root / "srv/llm/sticky").mkdir()
    (node.root / "srv/llm/sticky").chmod(0o1777)
    (node.root / "srv/llm/handed-on").mkdir()
    (node.root / "srv/llm/handed-on").chmod(0o2775)
    drift = await prove(STEP, {"path": "/srv/llm", "setuid": ("/srv/llm/bin/named",)}, node)
    assert modes(drift) == {
        "/srv/llm/open": "0664",
        "/srv/llm/bin/runs-as-owner": "0755",
        "/srv/llm/bin/runs-as-group": "0755",
        "/srv/llm/.env": "0640",
        "/srv/llm/app.conf": "0640",
        "/srv/llm/drop": "0775",
    }
    assert drift.before == "6 of 13 paths: 2 a secret that others may read, 2 open for all to write, 2 setuid or setgid"
    assert "make the secret anew" in next(one.after for one in drift.changes if one.subject.name.endswith(".env"))
    assert TOKEN not in repr(drift)
    looked = await look_for(STEP, {"path": "/srv/llm"}, node)
    assert TOKEN not in repr(looked)


@needs_root
async def test_owners_and_bounds(node: RootedNode) -> None:
    plant(node, "/srv/llm/a", 0o777)
    plant(node, "/srv/llm/b/c", 0o600)
    plant(node, "/srv/llm/b/suid", 0o4711)
    wish = {"path": "/srv/llm", "owner": "svc", "group": "render", "files": 0o640, "folders": 0o750}
    drift = await prove(STEP, {**wish, "setuid": ("/srv/llm/b/suid",)}, node)
    found = (node.root / "srv/llm/b/suid").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (990, 104, 0o4600)
    assert modes(drift) == {
        "/srv/llm": "0750",
        "/srv/llm/a": "0640",
        "/srv/llm/b": "0750",
        "/srv/llm/b/suid": "4600",
    }
    assert (node.root / "srv/llm/b/c").stat().st_mode & 0o777 == 0o600


@needs_root
async def test_links_are_not_followed_and_shared_files_not_changed(node: RootedNode) -> None:
    outside = plant(node, "/srv/outside", 0o666)
    shadow = plant(node, "/srv/precious", 0o600)
    (node.root / "srv/llm/link").symlink_to("../outside")
    (node.root / "srv/llm/folder-link").symlink_to("../")
    os.link(shadow, node.root / "srv/llm/planted")
    twice = plant(node, "/srv/llm/twice", 0o666)
    os.link(twice, node.root / "srv/llm/again")
    before = snapshot(node.root / "srv")
    drift = await find_drift(STEP, {"path": "/srv/llm", "owner": "svc"}, node)
    assert drift.kept == (
        "/srv/llm/planted: also has a name outside, where a change would count too; change it yourself",
    )
    await make(drift, node)
    assert (shadow.stat().st_uid, outside.stat().st_uid) == (0, 0)
    assert (outside.stat().st_mode & 0o777, twice.stat().st_mode & 0o777, twice.stat().st_uid) == (0o666, 0o664, 990)
    again = await find_drift(STEP, {"path": "/srv/llm", "owner": "svc"}, node)
    assert again.same
    assert again.kept == drift.kept
    for change in reversed(drift.changes):
        assert change.undo is not None
        await perform(change.undo, node)
    assert snapshot(node.root / "srv") == before


async def test_exceptions_and_other_file_systems_are_left(node: RootedNode) -> None:
    plant(node, "/srv/llm/left/open", 0o666)
    plant(node, "/srv/llm/left-not/open", 0o666)
    plant(node, "/srv/llm/disk/open", 0o666)
    plant(node, "/proc/self/mountinfo", 0o444, "40 28 8:1 / /srv/llm/disk rw - ext4 /dev/sdb1 rw\n")
    drift = await find_drift(STEP, {"path": "/srv/llm/", "except": ("/srv/llm/left/",)}, node)
    assert list(modes(drift)) == ["/srv/llm/left-not/open"]
    assert drift.kept == ("/srv/llm/disk: something else is mounted there, which is not judged",)


async def test_secrets_may_stay_as_they_are(node: RootedNode) -> None:
    plant(node, "/srv/llm/.env", 0o644)
    assert (await find_drift(STEP, {"path": "/srv/llm", "secrets": False}, node)).same
    assert not any(one[0] == "grep" for one in node.ran)


async def test_attributes_stay_and_come_back(node: RootedNode) -> None:
    place = plant(node, "/srv/llm/open", 0o666)
    try:
        os.setxattr(place, "user.kept", b"yes")
    except OSError as error:
        skip(f"this file system keeps no attributes: {error}")
    if shutil.which("setfacl") is not None:
        subprocess.run(["setfacl", "-m", "u:daemon:rw", str(place)], check=True)
    await prove(STEP, {"path": "/srv/llm"}, node)
    assert os.getxattr(place, "user.kept") == b"yes"


async def test_an_access_list_of_the_file_survives_both_ways(node: RootedNode) -> None:
    place = plant(node, "/srv/llm/open", 0o666)
    # version 2; user::rw-, user:1:rw-, group::rw-, mask::rw-, other::rw- (acl(5), as the kernel writes them)
    rows = ((1, 6, -1), (2, 6, 1), (4, 6, -1), (16, 6, -1), (32, 6, -1))
    packed = b"\x02\0\0\0" + b"".join(
        tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + (who & 0xFFFFFFFF).to_bytes(4, "little")
        for tag, bits, who in rows
    )
    try:
        os.setxattr(place, "system.posix_acl_access", packed)
    except OSError as error:
        skip(f"this file system keeps no access lists: {error}")
    await prove(STEP, {"path": "/srv/llm"}, node)
    assert b"\x02\0\x06\0\x01\0\0\0" in os.getxattr(place, "system.posix_acl_access")


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"path": "/"}, "the system's own"),
        ({"path": "/usr/bin"}, "the system's own"),
        ({"path": "/srv/../etc/"}, "the system's own"),
        ({"path": "/proc/1"}, "the system's own"),
        ({"path": "/srv/link"}, "is a link: name"),
        ({"path": "/srv/none"}, "there is no /srv/none"),
        ({"path": "/srv/llm", "owner": "nobody2"}, "no account nobody2"),
    ],
)
async def test_it_refuses(node: RootedNode, wish: dict[str, Any], words: str) -> None:
    (node.root / "srv/link").symlink_to("llm")
    drift = await find_drift(STEP, wish, node)
    assert not drift.changes
    assert words in drift.problem


async def test_names_that_no_plan_can_hold_are_counted(node: RootedNode) -> None:
    for name in (b"bell\x07", b"latin\xff"):
        place = os.path.join(os.fsencode(node.root), b"srv/llm", name)
        with open(place, "wb"):
            os.chmod(place, 0o666)
    drift = await find_drift(STEP, {"path": "/srv/llm"}, node)
    assert drift.same
    assert drift.kept[0].startswith("2 paths have names")


async def test_where_find_is_another_it_says_so(node: RootedNode) -> None:
    def find(argv: Sequence[str], root: Path) -> Ran:
        return Ran(argv=tuple(argv), code=1, stdout=b"", stderr=b"find: unrecognized: -printf")

    node.programs["find"] = find
    found = STEP.compare({"path": "/srv/llm"}, await look_for(STEP, {"path": "/srv/llm"}, node))
    assert isinstance(found, Missing)
    assert "GNU find" in found.reason


async def test_without_grep_names_alone_tell_secrets_and_that_is_said(node: RootedNode) -> None:
    plant(node, "/srv/llm/app.conf", 0o644, f"token = {TOKEN}\n")
    del node.programs["grep"]
    drift = await find_drift(STEP, {"path": "/srv/llm"}, node)
    assert drift.kept == ("secrets were told by names of files alone: grep did not answer",)


async def test_many_are_bounded_and_said(node: RootedNode) -> None:
    count = CORRECTED + 10
    for number in range(count):
        plant(node, f"/srv/llm/{number}.txt", 0o666)
    drift = await find_drift(STEP, {"path": "/srv/llm"}, node)
    assert len(drift.changes) == CORRECTED
    assert "10 more paths are corrected by the next plan" in drift.kept
    assert f"secrets were looked for in the first {LOOKED_INTO} files" in drift.kept[1]


def test_in_folders_that_nobody_may_enter_and_below_mounts() -> None:
    """As an ordinary user, and with a real file system mounted inside: in a namespace of its own."""
    if why_not():
        pytest.skip(why_not())
    words = ["unshare", "--mount", sys.executable, "-m", "tests.steps.real_permissions"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=REPOSITORY)
    assert done.stdout == "well\n", done.stderr


async def test_one_node_is_the_model_of_another(node: RootedNode) -> None:
    copied = STEP.copy({"path": "/srv/llm"}, await look_for(STEP, {"path": "/srv/llm"}, node))
    assert not isinstance(copied, Missing)
    assert set(copied) == {"path", "owner", "group"}
    subject = Ref("engine", ("here", "some"))
    one = Observation(subject=subject, name="engine.store", value={"path": "/srv/models"}, at=1.0, source="test")
    assert STEP.propose(Seen([one]), "here") == ({"path": "/srv/models"},)


async def test_a_folder_that_another_wish_changes_first_is_judged_as_it_will_be(node: RootedNode) -> None:
    folder, tree = {"path": "/srv/llm", "mode": 0o2777}, {"path": "/srv/llm", "folders": 0o750}
    first = await find_drift(FOLDER, folder, node)
    looked = foresee(await look_for(STEP, tree, node), first.changes)
    second = STEP.compare(tree, looked)
    assert isinstance(second, Drift)
    assert [(one.do, one.undo) for one in second.changes] == [
        (SetMode(path="/srv/llm", mode=0o2750), SetMode(path="/srv/llm", mode=0o2777))
    ]


async def test_a_folder_that_another_wish_makes_is_empty_still(node: RootedNode) -> None:
    first = await find_drift(FOLDER, {"path": "/srv/new/models"}, node)
    looked = foresee(await look_for(STEP, {"path": "/srv/new/models"}, node), first.changes)
    second = STEP.compare({"path": "/srv/new/models"}, looked)
    assert isinstance(second, Drift)
    assert second.same


async def test_one_file_may_be_meant_and_is_not_read(node: RootedNode) -> None:
    plant(node, "/srv/llm/.env", 0o666, f"TOKEN={TOKEN}\n")
    wish = {"path": "/srv/llm/.env"}
    drift = await prove(STEP, wish, node)
    assert modes(drift) == {"/srv/llm/.env": "0660"}
    assert TOKEN not in repr(await look_for(STEP, wish, node))
