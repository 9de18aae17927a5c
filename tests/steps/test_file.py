"""Whole files, links and nothing at all, as they are wished; taken back exactly."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from keepwell.conform.desired.look import look
from keepwell.core.observation import Missing, Observation, Seen
from keepwell.core.ref import Ref
from keepwell.plugins.wish import CONTENT, Wish
from keepwell.steps.file import STEP
from keepwell.testing.fake_systemd import done, start_unit, systemctl
from keepwell.testing.rooted import RootedNode
from tests.steps.keeping import find_drift, make, prove

PATH = "/srv/stack/compose.yaml"


def make_node(root: Path, content: bytes | None = b"services: {}\nx: 1\n") -> RootedNode:
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text(f"me:x:{os.getuid()}:{os.getgid()}::/:/bin/sh\n")
    (root / "etc/group").write_text(f"us:x:{os.getgid()}:\n")
    if content is not None:
        (root / "srv/stack").mkdir(parents=True)
        (root / PATH[1:]).write_bytes(content)
        (root / PATH[1:]).chmod(0o604)
        os.utime(root / PATH[1:], ns=(1, 1))
    return RootedNode(root, programs={"systemctl": systemctl})


@pytest.mark.parametrize(
    "wish",
    [
        {"text": "services: {}\nx: 2\ny: 3\n"},
        {"text": ""},
        {CONTENT: b"\xff\0binary", "source": "file"},
        {"mode": 0o4750},
        {"owner": "me", "group": "us", "mode": 0o600, "text": "new"},
        {"link": "../elsewhere"},
        {"absent": True},
    ],
    ids=str,
)
async def test_what_lies_there_is_changed_and_put_back_exactly(tmp_path: Path, wish: Wish) -> None:
    await prove(STEP, {"path": PATH, **wish}, make_node(tmp_path))


@pytest.mark.parametrize("wish", [{"text": "a: 1\n"}, {"link": "/etc/group"}], ids=str)
async def test_what_is_new_is_made_with_its_folders(tmp_path: Path, wish: Wish) -> None:
    await prove(STEP, {"path": PATH, **wish}, make_node(tmp_path, None))


async def test_a_plan_tells_lines_and_no_content(tmp_path: Path) -> None:
    drift = await find_drift(STEP, {"path": PATH, "text": "services: {}\nkey: very secret\n"}, make_node(tmp_path))
    assert drift.before.endswith(", me:us, mode 0604")
    assert "1 lines go, 1 come" in drift.after
    assert "very secret" not in str((drift.before, drift.after, [(one.before, one.after) for one in drift.changes]))


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"text": "x", "link": "y"}, "text and link are wished"),
        ({"text": "x", "owner": "nobody-here"}, "nobody-here"),
        ({"path": "/srv/stack", "text": "x"}, "is a folder"),
        ({"path": "/srv/link", "text": "x"}, "name the file that it leads to"),
        ({"path": "/srv/none", "mode": 0o600}, "nobody said what should"),
    ],
)
async def test_what_cannot_be_done_is_said(tmp_path: Path, wish: Wish, said: str) -> None:
    node = make_node(tmp_path)
    (tmp_path / "srv/link").symlink_to("stack")
    drift = await find_drift(STEP, {"path": PATH, **wish}, node)
    assert said in drift.problem
    assert not drift.changes


async def test_a_source_that_nobody_read_is_not_guessed(tmp_path: Path) -> None:
    wish = {"path": PATH, "source": "compose.yaml"}
    compared = STEP.compare(wish, await look([partial(STEP.needs, wish)], make_node(tmp_path)))
    assert isinstance(compared, Missing)


async def test_a_node_without_systemd_is_not_told_to_read_units(tmp_path: Path) -> None:
    node = make_node(tmp_path, None)
    drift = await prove(STEP, {"path": "/etc/systemd/system/own.service", "text": "[Service]\n"}, node)
    assert drift.activate == ()


async def test_systemd_reads_a_unit_again_and_what_runs_is_restarted(tmp_path: Path) -> None:
    node = make_node(tmp_path, None)
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    unit = tmp_path / "etc/systemd/system/own.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    start_unit(tmp_path, "own.service")
    wish = {"path": "/etc/systemd/system/own.service", "text": "[Service]\nExecStart=/bin/x\n", "unit": "own.service"}
    await make(await find_drift(STEP, wish, node), node)
    assert [argv[1] for argv in node.ran if argv[0] == "systemctl"] == ["show", "daemon-reload", "try-restart"]
    assert done(tmp_path) == ["restart own.service"]


async def test_one_node_becomes_the_model_of_another(tmp_path: Path) -> None:
    wish: Wish = {"path": PATH}
    copied = STEP.copy(wish, await look([partial(STEP.needs, wish)], make_node(tmp_path / "model")))
    assert copied == {"path": PATH, "text": "services: {}\nx: 1\n", "owner": "me", "group": "us", "mode": 0o604}
    await prove(STEP, copied, make_node(tmp_path / "other", b"else"))
    nothing = STEP.copy(wish, await look([partial(STEP.needs, wish)], make_node(tmp_path / "third", None)))
    assert isinstance(nothing, Missing)


def test_own_units_and_drop_ins_of_engines_are_proposed() -> None:
    drop_in = "/etc/systemd/system/own.service.d/override.conf"
    row = {
        "manager": "systemd",
        "engine": "some",
        "fragment": "/usr/lib/systemd/system/own.service",
        "drop_ins": (drop_in,),
    }
    seen = Seen([Observation(subject=Ref("node", ("n",)), name="host.units", value=(row,), at=0.0, source="made")])
    assert STEP.propose(seen, "n") == ({"path": drop_in},)
