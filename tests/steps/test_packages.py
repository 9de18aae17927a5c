"""Packages that are held, and versions that are told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from keepwell.conform.desired.look import look
from keepwell.core.observation import Missing, Observation, Seen
from keepwell.core.ref import Ref
from keepwell.steps.packages import STEP
from keepwell.testing.fake_packages import LOCK_LIST, NEVER_NS, FakeApt, FakeDnf
from keepwell.testing.rooted import RootedNode
from tests.engines.real import skip
from tests.steps.keeping import find_drift, make, prove

WISH = {"held": ("nvidia-driver", "linux-image-amd64"), "versions": {"nvidia-driver": "550.*"}}
VERSIONS = {"nvidia-driver": "550.54.14-1", "linux-image-amd64": "6.1.158-1"}


def make_node(tmp_path: Path, system: str, programs: FakeApt | FakeDnf) -> RootedNode:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "os-release").write_text(system)
    return RootedNode(tmp_path, programs=programs.programs)


async def test_packages_are_held_and_let_go(tmp_path: Path) -> None:
    apt = FakeApt(VERSIONS)
    drift = await prove(STEP, WISH, make_node(tmp_path, "ID=ubuntu\nID_LIKE=debian\n", apt))
    assert drift.before == "nvidia-driver not held, linux-image-amd64 not held, nvidia-driver 550.54.14-1"
    assert apt.held == {"nvidia-driver", "linux-image-amd64"}


async def test_packages_of_dnf_are_held_and_let_go(tmp_path: Path) -> None:
    node = make_node(tmp_path, 'ID="rocky"\nID_LIKE="rhel centos fedora"\n', FakeDnf(VERSIONS))
    assert "python3-dnf-plugin-versionlock" in (await find_drift(STEP, WISH, node)).problem
    (tmp_path / LOCK_LIST).parent.mkdir(parents=True)
    (tmp_path / LOCK_LIST).with_name("versionlock.conf").touch()
    (tmp_path / LOCK_LIST).write_text("other-0:1-1.*\n")
    os.utime(tmp_path / LOCK_LIST, ns=NEVER_NS)
    await prove(STEP, WISH, node)
    assert "nvidia-driver-0:550.54.14-1.*\n" in (tmp_path / LOCK_LIST).read_text()


async def test_packages_of_zypper_are_held_by_its_own_command(tmp_path: Path) -> None:
    node = make_node(tmp_path, 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', FakeDnf(VERSIONS))
    drift = await find_drift(STEP, WISH, node)
    commands = [getattr(one.do, "argv", ()) for one in drift.changes]
    assert commands[0] == ("zypper", "--non-interactive", "addlock", "nvidia-driver")
    assert getattr(drift.changes[0].undo, "argv", ()) == ("zypper", "--non-interactive", "removelock", "nvidia-driver")


async def test_another_version_is_told_with_the_command_and_put_in_only_when_wished(tmp_path: Path) -> None:
    apt = FakeApt({**VERSIONS, "nvidia-driver": "535.1-1"}, {"nvidia-driver": "550.54.14-1"})
    node = make_node(tmp_path, "ID=debian\n", apt)
    drift = await find_drift(STEP, WISH, node)
    assert not drift.changes
    assert drift.problem == (
        "nvidia-driver is 535.1-1, not 550.*: `env DEBIAN_FRONTEND=noninteractive apt-get install --yes "
        "--allow-downgrades --allow-change-held-packages 'nvidia-driver=550.*'`"
    )
    wish = {**WISH, "install": True}
    drift = await find_drift(STEP, wish, node)
    assert [bool(one.irreversible) for one in drift.changes] == [True, False, False]
    await make(drift, node)
    assert (await find_drift(STEP, wish, node)).same


async def test_what_is_not_installed_cannot_be_held(tmp_path: Path) -> None:
    drift = await find_drift(STEP, WISH, make_node(tmp_path, "ID=debian\n", FakeApt({"nvidia-driver": "550.1"})))
    assert drift.problem == "linux-image-amd64 is not installed, so that there is nothing to hold"


async def test_an_unknown_system_is_not_guessed_at(tmp_path: Path) -> None:
    node = make_node(tmp_path, "ID=alpine\n", FakeApt({}))
    told = STEP.compare(WISH, await look([partial(STEP.needs, WISH)], node))
    assert isinstance(told, Missing)
    assert "alpine" in told.reason


async def test_another_node_gets_what_is_held_in_its_version(tmp_path: Path) -> None:
    apt = FakeApt(VERSIONS)
    apt.held.add("nvidia-driver")
    looked = await look([partial(STEP.needs, {})], make_node(tmp_path, "ID=debian\n", apt))
    assert STEP.copy({}, looked) == {"held": ("nvidia-driver",), "versions": {"nvidia-driver": "550.54.14-1"}}
    told = Observation(subject=Ref("node", ("made",)), name="device.driver", value=(), at=1.0, source="test")
    assert STEP.propose(Seen([told]), "made") == ({},)


def test_the_real_apt_mark_and_dpkg_query(tmp_path: Path) -> None:
    """Over a copy of this machine's state of packages, which only this process sees."""
    if os.geteuid() != 0 or any(shutil.which(one) is None for one in ("unshare", "apt-mark", "dpkg-query")):
        skip("it takes root, unshare, apt-mark and dpkg-query")
    state = tmp_path / "dpkg"
    for folder in ("info", "updates", "triggers", "parts"):
        (state / folder).mkdir(parents=True)
    shutil.copy("/var/lib/dpkg/status", state / "status")
    for one in ("arch", "info/format"):
        if Path("/var/lib/dpkg", one).exists():
            shutil.copy(f"/var/lib/dpkg/{one}", state / one)
    for folder in ("cache/archives/partial", "lists/partial"):  # no lists: what is offered takes seconds to read
        (tmp_path / folder).mkdir(parents=True)
    places = f'Dir::Cache "{tmp_path}/cache";\nDir::State::Lists "{tmp_path}/lists";\n'
    (tmp_path / "apt.conf").write_text(places)
    script = 'mount --make-rprivate / && mount --bind "$1/dpkg" /var/lib/dpkg && exec "$2" -m tests.steps.holding'
    argv = ["unshare", "--mount", "sh", "-c", script, "sh", str(tmp_path), sys.executable]
    variables = {**os.environ, "APT_CONFIG": str(tmp_path / "apt.conf")}
    ran = subprocess.run(argv, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout) == (0, "held twice the same, let go\n"), ran.stderr
