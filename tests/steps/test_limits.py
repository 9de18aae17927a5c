"""Limits of a user: in the file that logins read, taken back; who does not read it is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from keepwell.core.observation import Missing, Seen
from keepwell.steps.limits import FILE, STEP, domain, limits
from keepwell.testing.rooted import RootedNode
from keepwell.transport.base import Ran
from tests.steps.keeping import find_drift, look_for, make, prove, take_back
from tests.steps.private import in_private, make_private_node

WISH = {"user": "svc", "soft": {"nofile": "4096"}, "hard": {"nofile": "8192", "memlock": "unlimited"}}
LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max locked memory         65536                65536                bytes
Max open files            1024                 4096                 files
"""


@pytest.fixture
def node(tmp_path: Path) -> RootedNode:
    (tmp_path / "etc/security").mkdir(parents=True)
    give(tmp_path, "/proc/sys/fs/nr_open", "1048576\n")
    return RootedNode(tmp_path)


def give(root: Path, path: str, text: str) -> None:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


async def test_the_file_is_made_and_taken_back(node: RootedNode) -> None:
    drift = await prove(STEP, WISH, node)
    text = (node.root / FILE.lstrip("/")).read_text()
    assert text == "svc soft nofile 4096\nsvc hard nofile 8192\nsvc hard memlock unlimited\n"
    assert drift.before.startswith("svc soft nofile (not set), ")


async def test_other_lines_stay(node: RootedNode) -> None:
    give(node.root, FILE, "# mine\nann soft nofile 1\r\nsvc - nofile 8192 # both\nsvc hard memlock -1")
    drift = await find_drift(STEP, WISH, node)
    await make(drift, node)
    text = (node.root / FILE.lstrip("/")).read_bytes()
    assert text == (
        b"# mine\nann soft nofile 1\r\nsvc - nofile 8192 # both\nsvc hard memlock -1\nsvc soft nofile 4096\n"
    )
    assert (await find_drift(STEP, WISH, node)).same


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"hard": {"nofile": "unlimited"}}, "every login of svc would fail"),
        ({"soft": {"nofile": "2000000"}}, "above fs.nr_open (1048576)"),
        ({"soft": {"nproc": "10"}, "hard": {"nproc": "9"}}, "above the hard one"),
        ({"soft": {"nproc": "-1"}, "hard": {"nproc": "9"}}, "above the hard one"),
        ({"soft": {"nproc": "10"}, "file": "/etc/security/limits.d/90"}, "nothing reads"),
        ({"soft": {"nproc": "10"}, "file": "/srv/90.conf"}, "nothing reads"),
    ],
)
async def test_it_refuses(node: RootedNode, wish: dict[str, Any], words: str) -> None:
    drift = await find_drift(STEP, {"user": "svc", **wish}, node)
    assert not drift.changes
    assert words in drift.problem


async def test_a_file_that_is_read_later_is_told(node: RootedNode) -> None:
    folder = "/etc/security/limits.d"
    give(node.root, f"{folder}/95-more.conf", "svc - nofile 10\nann hard nofile 1\n")
    give(node.root, f"{folder}/10-less.conf", "svc hard nofile 10\n")
    drift = await find_drift(STEP, WISH, node)
    assert [one.partition(":")[0] for one in drift.kept] == [
        f"{folder}/95-more.conf, line 1, sets soft nofile to 10",
        f"{folder}/95-more.conf, line 1, sets hard nofile to 10",
    ]


async def test_what_runs_is_told_with_what_it_has(node: RootedNode) -> None:
    def ps(argv: Sequence[str], root: Path) -> Ran:
        return Ran(argv=tuple(argv), code=0, stdout=b"   11\n   12\n", stderr=b"")

    node.programs["ps"] = ps
    give(node.root, "/proc/11/limits", LIMITS)
    give(node.root, "/proc/11/cgroup", "0::/system.slice/some.service\n")
    give(node.root, "/proc/12/limits", LIMITS)
    give(node.root, "/proc/12/cgroup", "0::/user.slice/user-990.slice/session-1.scope\n")
    unit, shell = (await find_drift(STEP, {"user": "svc", "hard": {"nofile": "4096", "memlock": "128"}}, node)).kept
    assert unit.startswith("process 11 has hard memlock 64; it is some.service, which does not read")
    assert shell == "process 12 has hard memlock 64; it gets these when it is started again from a new login"
    assert not (await find_drift(STEP, {"user": "svc", "hard": {"memlock": "64"}}, node)).kept


async def test_one_node_is_the_model_of_another(node: RootedNode) -> None:
    assert isinstance(STEP.copy({"user": "svc"}, await look_for(STEP, {"user": "svc"}, node)), Missing)
    give(node.root, FILE, "svc - nofile 9\nsvc hard nofile 10\nann soft core 0\n")
    copied = STEP.copy({"user": "svc"}, await look_for(STEP, {"user": "svc"}, node))
    assert copied == {"user": "svc", "soft": {"nofile": "9"}, "hard": {"nofile": "10"}}
    assert STEP.propose(Seen(), "here") == ()


def test_shapes_say_what_they_expect() -> None:
    assert limits({"nofile": 65536, "memlock": "unlimited"}) == {"nofile": "65536", "memlock": "unlimited"}
    assert domain("@llm") == "@llm"
    for shape, value in ((limits, {"files": 1}), (limits, {"nofile": "many"}), (domain, "*"), (domain, "a b")):
        with pytest.raises(ValueError):
            shape(value)


async def test_a_real_login_has_them(tmp_path: Path) -> None:
    node = make_private_node(tmp_path, ("su", "ps"))
    ask = ("su", "-s", "/bin/sh", "svc", "-c", "ulimit -Sn; ulimit -Hn; ulimit -Hl")
    before = in_private(ask, node.root)
    lower = {"user": "svc", "soft": {"nofile": "512"}, "hard": {"nofile": "640", "memlock": "64"}}  # any root may lower
    drift = await find_drift(STEP, lower, node)
    await make(drift, node)
    assert in_private(ask, node.root).stdout == b"512\n640\n64\n"
    await take_back(drift, node)
    assert in_private(ask, node.root).stdout == before.stdout != b"512\n640\n64\n"
