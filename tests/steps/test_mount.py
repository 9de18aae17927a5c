"""Mounts: a line of fstab, the mount itself, and all that must not be mounted over or from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from keepwell.conform.desired.look import look
from keepwell.core.observation import Missing, Observation, Seen
from keepwell.core.ref import Ref
from keepwell.core.step import RunCommand
from keepwell.formats.fstab import FstabEntry
from keepwell.steps.mount import STEP
from keepwell.testing.fake_mounts import FakeMounts
from keepwell.testing.fake_timers import FakeTimers
from keepwell.testing.rooted import RootedNode
from tests.engines.real import skip
from tests.steps.keeping import find_drift, make, prove

OLD = b"# mine\nUUID=1-2 / ext4\terrors=remount-ro 0 1\n"
WISH = {"where": "/srv/models", "what": "UUID=ab-cd", "type": "xfs", "options": ("noatime",)}
SHARE = {"where": "/srv/models", "what": "nas:/models", "type": "nfs4"}


def make_node(tmp_path: Path, *, systemd: bool = False, mounted: FstabEntry | None = None) -> RootedNode:
    mounts = FakeMounts()
    mounts.entries = [one for one in (mounted,) if one is not None]
    mounts.write(tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "fstab").write_bytes(OLD)
    disks = tmp_path / "dev" / "disk" / "by-uuid"
    disks.mkdir(parents=True)
    (disks / "ab-cd").symlink_to("../../sdb1")
    if systemd:
        (tmp_path / "run" / "systemd" / "system").mkdir(parents=True)
    return RootedNode(tmp_path, programs={"mount": mounts, "umount": mounts, "systemctl": FakeTimers()})


def fstab(node: RootedNode) -> bytes:
    return Path(node.at("/etc/fstab")).read_bytes()


async def test_a_disk_is_mounted_and_all_is_taken_back(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    drift = await prove(STEP, WISH, node)
    assert drift.before == "no line in /etc/fstab, not mounted"
    assert fstab(node) == OLD + b"UUID=ab-cd /srv/models xfs noatime,x-keepwell.srv-models 0 0\n"
    assert [one.what for one in drift.changes] == ["/srv", "/srv/models", "/etc/fstab", "mount /srv/models"]


async def test_a_share_does_not_keep_the_node_from_starting(tmp_path: Path) -> None:
    node = make_node(tmp_path, systemd=True)
    drift = await prove(STEP, SHARE, node)
    line = b"nas:/models /srv/models nfs4 nofail,_netdev,x-systemd.mount-timeout=30,x-keepwell.srv-models 0 0\n"
    assert fstab(node) == OLD + line
    reload = RunCommand(argv=("systemctl", "daemon-reload"))
    assert next(one.do for one in drift.changes if isinstance(one.do, RunCommand)) == reload
    assert drift.activate == (reload,)
    (tmp_path / "other").mkdir()
    wish = {**SHARE, "options": ("fail", "x-systemd.mount-timeout=5", "_netdev")}
    told = (await find_drift(STEP, wish, make_node(tmp_path / "other"))).after
    assert told == "nas:/models nfs4 (fail,x-systemd.mount-timeout=5,_netdev)"


async def test_what_is_mounted_is_not_mounted_again_and_other_options_wait(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    await make(await find_drift(STEP, WISH, node), node)
    drift = await prove(STEP, {**WISH, "options": ("noatime", "nodev")}, node)
    assert [one.what for one in drift.changes] == ["/etc/fstab"]
    assert drift.kept == ("/srv/models stays mounted as it is; the line is in force from its next mount on",)


async def test_a_line_that_says_the_same_stays_as_it_is(tmp_path: Path) -> None:
    node = make_node(tmp_path, mounted=FstabEntry(what="/dev/sdb1", where="/srv/models", kind="xfs"))
    line = b"UUID=ab-cd\t/srv/models/\txfs\tnoatime\t0\t2\n"
    Path(node.at("/etc/fstab")).write_bytes(OLD + line)
    assert (await find_drift(STEP, WISH, node)).same
    assert (await find_drift(STEP, {"where": "/srv/models"}, node)).same


async def test_nothing_is_mounted_over_what_lies_there(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    (tmp_path / "srv" / "models" / "blobs").mkdir(parents=True)
    drift = await find_drift(STEP, WISH, node)
    assert drift.problem == "/srv/models holds 1 things, which the mount would hide: move them away first"
    assert not drift.changes
    shutil.rmtree(tmp_path / "srv" / "models")
    (tmp_path / "srv" / "models").symlink_to("/elsewhere")
    assert "is a link" in (await find_drift(STEP, WISH, node)).problem


@pytest.mark.parametrize("what", ["UUID=gone", "LABEL=gone", "/dev/sdz1", "/srv/gone"])
async def test_a_source_that_is_not_there_is_told(tmp_path: Path, what: str) -> None:
    drift = await find_drift(STEP, {**WISH, "what": what}, make_node(tmp_path))
    assert drift.problem == f"there is no {what}: `lsblk --fs` shows what is there"


async def test_something_else_that_is_mounted_there_is_told(tmp_path: Path) -> None:
    node = make_node(tmp_path, mounted=FstabEntry(what="/dev/sdc1", where="/srv/models", kind="xfs"))
    assert "/dev/sdc1 (xfs) is mounted there" in (await find_drift(STEP, WISH, node)).problem
    assert "/dev/sdc1 (xfs) is mounted there" in (await find_drift(STEP, SHARE, node)).problem


async def test_a_line_too_many_and_nothing_said_are_told(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    drift = await find_drift(STEP, {"where": "/srv/models"}, node)
    assert drift.problem == "it is not said what is mounted there"
    Path(node.at("/etc/fstab")).write_bytes(OLD + b"a /srv/models xfs x 0 0\nb /srv/models xfs x 0 0\n")
    told = STEP.compare(WISH, await look([partial(STEP.needs, WISH)], node))
    assert isinstance(told, Missing)
    assert "2 lines" in told.reason


async def test_a_password_of_a_share_is_not_told(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    wish = {**SHARE, "what": "//nas/models", "type": "cifs", "options": ("pass=swordfish", "password=swordfish")}
    drift = await prove(STEP, wish, node)
    assert b"pass=swordfish,password=swordfish" in fstab(node)
    again = await find_drift(STEP, {**wish, "options": ("ro",)}, node)
    told = [drift.before, drift.after, again.before, *(f"{one.before} {one.after}" for one in drift.changes)]
    assert "swordfish" not in " ".join(told)


async def test_a_line_that_is_not_mounted_by_itself_is_not_mounted(tmp_path: Path) -> None:
    drift = await prove(STEP, {**WISH, "options": ("noauto",)}, make_node(tmp_path))
    assert drift.kept == ("/srv/models is not mounted, as `noauto` says",)


async def test_another_node_gets_the_same_share(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    await make(await find_drift(STEP, SHARE, node), node)
    looked = await look([partial(STEP.needs, {"where": "/srv/models"})], node)
    copied = STEP.copy({"where": "/srv/models"}, looked)
    options = ("nofail", "_netdev", "x-systemd.mount-timeout=30")
    assert copied == {**SHARE, "options": options}
    rows = ({"path": "/srv/models", "kind": "nfs4", "device": "nas:/models", "options": ("rw",)},
            {"path": "/", "kind": "ext4", "device": "/dev/sda1", "options": ("rw",)})  # fmt: skip
    told = Observation(subject=Ref("node", ("made",)), name="host.mounts", value=rows, at=1.0, source="test")
    assert STEP.propose(Seen([told]), "made") == ({"where": "/srv/models"},)


@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_real_mounts_in_a_space_of_their_own(tmp_path: Path, kind: str) -> None:
    """mount, umount and the kernel's mountinfo, with an /etc that only this process sees."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        skip("only root may mount, in a mount namespace of its own")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "fstab").write_bytes(OLD)
    script = 'mount --make-rprivate / && mount --bind "$1/etc" /etc && exec "$2" -m tests.steps.mounting "$1" "$3"'
    argv = ["unshare", "--mount", "sh", "-c", script, "sh", str(tmp_path), sys.executable, kind]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (0, "mounted twice the same, taken back\n"), ran.stderr
    assert (tmp_path / "etc" / "fstab").read_bytes() == OLD
    assert sorted(one.name for one in tmp_path.iterdir()) == ["etc"]
