"""Settings of the kernel: in the file and in the kernel that runs, and what wins over them at the next boot."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from keepwell.core.observation import Missing, Seen
from keepwell.core.step import RunCommand
from keepwell.steps.sysctl import FILE, STEP
from keepwell.testing.namespaced import why_not
from keepwell.testing.rooted import RootedNode
from keepwell.transport.base import Ran
from tests.engines.real import REPOSITORY
from tests.steps.keeping import find_drift, look_for, make, prove, take_back

WISH = {"values": {"vm.swappiness": "10", "net.ipv4.ip_local_port_range": "1024 65000"}}


def sysctl(argv: Sequence[str], root: Path) -> Ran:
    """Writes below the node's /proc/sys, whose files have no time of their own."""
    key, _, value = argv[2].partition("=")
    file = root / "proc/sys" / key.replace(".", "/")
    before = file.stat()
    file.write_text(value.replace(" ", "\t") + "\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    return Ran(argv=tuple(argv), code=0, stdout=b"", stderr=b"")


def give(node: RootedNode, path: str, text: str) -> None:
    place = node.root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


@pytest.fixture
def node(tmp_path: Path) -> RootedNode:
    made = RootedNode(tmp_path, programs={"sysctl": sysctl})
    give(made, "/proc/sys/vm/swappiness", "60\n")
    give(made, "/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
    give(made, "/proc/sys/kernel/modules_disabled", "0\n")
    give(made, "/proc/self/mountinfo", "22 27 0:21 / /proc rw - proc proc rw\n")
    (tmp_path / "etc").mkdir()
    return made


async def test_file_and_kernel_are_set_and_taken_back(node: RootedNode) -> None:
    drift = await prove(STEP, WISH, node)
    assert (node.root / FILE.lstrip("/")).read_text() == (
        "vm.swappiness = 10\nnet.ipv4.ip_local_port_range = 1024 65000\n"
    )
    assert (node.root / "proc/sys/net/ipv4/ip_local_port_range").read_text() == "1024\t65000\n"
    assert drift.before.startswith("vm.swappiness = 60 (not set at boot), ")
    assert drift.changes[-1].undo == RunCommand(argv=("sysctl", "-w", "net.ipv4.ip_local_port_range=32768 60999"))


async def test_only_what_differs_is_set(node: RootedNode) -> None:
    give(node, FILE, "# mine\nvm.swappiness=10\nvm.overcommit_memory = 1\n")
    give(node, "/proc/sys/vm/swappiness", "10\n")
    assert (await find_drift(STEP, {"values": {"vm.swappiness": "10"}}, node)).same
    give(node, "/proc/sys/vm/swappiness", "60\n")
    (change,) = (await find_drift(STEP, {"values": {"vm.swappiness": "10"}}, node)).changes
    assert change.do == RunCommand(argv=("sysctl", "-w", "vm.swappiness=10"))
    await prove(STEP, {"values": {"vm.swappiness": "1"}}, node)
    assert (node.root / FILE.lstrip("/")).read_text() == "# mine\nvm.swappiness=1\nvm.overcommit_memory = 1\n"


async def test_a_file_that_is_read_later_is_told(node: RootedNode) -> None:
    give(node, "/usr/lib/sysctl.d/99-zz.conf", "vm.swappiness = 30\n")
    give(node, "/usr/lib/sysctl.d/10-early.conf", "vm.swappiness = 31\n")
    give(node, "/usr/lib/sysctl.d/99-masked.conf", "vm.swappiness = 32\n")
    give(node, "/etc/sysctl.d/99-masked.conf", "")
    give(node, "/etc/sysctl.conf", "\nvm/swappiness = 33\n")
    (node.root / "etc/sysctl.d/99-sysctl.conf").symlink_to("../sysctl.conf")
    drift = await find_drift(STEP, WISH, node)
    assert [one.partition(":")[0] for one in drift.kept] == [
        "/etc/sysctl.d/99-sysctl.conf, line 2, sets vm.swappiness to 33",
        "/usr/lib/sysctl.d/99-zz.conf, line 1, sets vm.swappiness to 30",
        "/etc/sysctl.conf, line 2, sets vm.swappiness to 33",
    ]
    assert drift.changes
    await make(drift, node)
    assert (await find_drift(STEP, WISH, node)).kept == drift.kept


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("vm.swappines", "has no setting vm.swappines"),
        ("vm", "not a key"),
        ("vm.../x", "not a key"),
        ("vm.drop_caches", "does something once"),
        ("net.ipv6.conf.all.stable_secret", "is a secret"),
        ("net.ipv4", "has no setting"),
    ],
)
async def test_it_refuses(node: RootedNode, key: str, words: str) -> None:
    drift = await find_drift(STEP, {"values": {"vm.swappiness": "1", key: "1"}}, node)
    assert not drift.changes
    assert words in drift.problem


async def test_a_file_that_nothing_reads_is_refused(node: RootedNode) -> None:
    for file in ("/etc/sysctl.d/90", "/srv/90.conf"):
        assert "nothing reads" in (await find_drift(STEP, {**WISH, "file": file}, node)).problem


async def test_where_the_kernel_is_another_machines_it_says_so(node: RootedNode) -> None:
    give(
        node, "/proc/self/mountinfo", "22 27 0:21 / /proc rw - proc proc rw\n23 22 0:21 / /proc/sys ro - proc proc rw\n"
    )
    drift = await find_drift(STEP, WISH, node)
    assert "/proc/sys is read-only here" in drift.problem
    assert not drift.changes


async def test_what_the_kernel_never_takes_back_says_so(node: RootedNode) -> None:
    drift = await find_drift(STEP, {"values": {"kernel.modules_disabled": "1"}}, node)
    assert drift.changes[-1].undo is None
    assert "starts again" in drift.changes[-1].irreversible


async def test_killed_between_file_and_kernel(node: RootedNode) -> None:
    drift = await find_drift(STEP, WISH, node)
    first = type(drift)(subject=drift.subject, before="", after="", changes=drift.changes[:-1])
    await make(first, node)
    rest = await find_drift(STEP, WISH, node)
    assert len(rest.changes) == 1
    await make(rest, node)
    await take_back(drift, node)
    assert (node.root / "proc/sys/vm/swappiness").read_text() == "60\n"
    assert not (node.root / "etc/sysctl.d").exists()


async def test_one_node_is_the_model_of_another(node: RootedNode) -> None:
    assert isinstance(STEP.copy({}, await look_for(STEP, {}, node)), Missing)
    give(node, FILE, "vm/swappiness = 5\n# x\n")
    assert STEP.copy({}, await look_for(STEP, {}, node)) == {"values": {"vm.swappiness": "5"}}
    assert STEP.propose(Seen(), "here") == ()


def test_the_real_program_sets_a_real_kernel(tmp_path: Path) -> None:
    if why_not():
        pytest.skip(why_not())
    (tmp_path / "sysctl.d").mkdir()
    inside = 'mount --bind "$0" /etc && exec "$@"'
    words = [
        "unshare",
        "--mount",
        "--uts",
        "sh",
        "-c",
        inside,
        str(tmp_path),
        sys.executable,
        "-m",
        "tests.steps.real_sysctl",
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, cwd=REPOSITORY)
    assert done.stdout == "well\n", done.stderr
