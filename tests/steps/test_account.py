"""The account of a service: made, joined, taken back, by the real programs on a private copy of the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from keepwell.conform.actions import perform
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.step import RunCommand
from keepwell.plugins.wish import Looked
from keepwell.steps.account import STEP
from keepwell.testing.rooted import RootedNode
from keepwell.transport.base import Ran
from tests.steps.keeping import find_drift, look_for, make, take_back
from tests.steps.private import MADE, make_private_node, write_accounts

PROGRAMS = ("getent", "useradd", "userdel", "usermod", "groupadd", "groupdel", "gpasswd", "ps")
FILES = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")


def told(node: RootedNode) -> dict[str, bytes]:
    """The lines of all files of accounts, without regard to their order: what is put back comes last."""
    return {
        name: b"\n".join(sorted((node.root / "etc" / name).read_bytes().splitlines()))
        for name in FILES
        if (node.root / "etc" / name).exists()
    }


@pytest.fixture
def node(tmp_path: Path) -> RootedNode:
    return make_private_node(tmp_path / "node", PROGRAMS)


@pytest.mark.parametrize(
    "wish",
    [
        {"user": "llm"},
        {"user": "llm", "uid": 987, "home": "/srv/llm", "shell": "/bin/false", "groups": ("render", "models")},
        {"user": "llm", "group": "models"},
        {"user": "render"},  # a group of its name is there, and stays
        {"user": "worker", "system": False},
        {"user": "svc", "groups": ("render", "models"), "home": "/srv/other", "shell": "/bin/false"},
    ],
)
async def test_it_is_made_by_the_real_programs_and_taken_back(node: RootedNode, wish: dict[str, Any]) -> None:
    before = told(node)
    drift = await find_drift(STEP, wish, node)
    assert drift.changes
    await make(drift, node)
    assert (await find_drift(STEP, wish, node)).same
    await make(drift, node)  # a kill before the journal was written: the same commands again
    assert (await find_drift(STEP, wish, node)).same
    await take_back(drift, node)
    assert told(node) == before
    await take_back(drift, node)
    assert told(node) == before
    assert b"hidden" not in repr(drift).encode()


async def test_killed_anywhere_it_is_taken_back_or_gone_on_with(node: RootedNode) -> None:
    wish = {"user": "llm", "group": "models", "groups": ("render", "video")}
    before = told(node)
    drift = await find_drift(STEP, wish, node)
    for count in range(len(drift.changes) + 1):
        for change in drift.changes[:count]:
            await perform(change.do, node)
        for change in reversed(drift.changes[: count + 1]):  # the last of these was begun, and never came to be
            assert change.undo is not None
            await perform(change.undo, node)
        assert told(node) == before


async def test_a_service_account_has_no_home_no_shell_and_a_number_of_the_system(node: RootedNode) -> None:
    await make(await find_drift(STEP, {"user": "llm"}, node), node)
    (line,) = [one for one in (node.root / "etc/passwd").read_text().splitlines() if one.startswith("llm:")]
    fields = line.split(":")
    assert fields[5:] == ["/nonexistent", "/usr/sbin/nologin"]
    assert int(fields[2]) < 1000
    assert [one.split(":")[1] for one in (node.root / "etc/shadow").read_text().splitlines() if "llm:" in one] == ["!"]


@pytest.fixture
def made(tmp_path: Path) -> RootedNode:
    write_accounts(tmp_path)
    return RootedNode(tmp_path, programs=dict(MADE))


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"user": "ann", "groups": ("render",)}, "a person's account"),
        ({"user": "ann", "shell": "/usr/sbin/nologin"}, "a person's account"),
        ({"user": "root", "shell": "/usr/sbin/nologin"}, "administrator"),
        ({"user": "svc", "uid": 991}, "its number stays 990"),
        ({"user": "svc", "group": "render"}, "its own group stays svc"),
        ({"user": "llm", "uid": 1000}, "belongs to ann"),
    ],
)
async def test_it_refuses(made: RootedNode, wish: dict[str, Any], words: str) -> None:
    drift = await find_drift(STEP, wish, made)
    assert not drift.changes
    assert words in drift.problem
    assert not drift.same


async def test_what_is_as_wished_is_left_whoever_it_is(made: RootedNode) -> None:
    for wish in ({"user": "ann"}, {"user": "root", "group": "root"}, {"user": "svc", "home": "/srv/svc"}):
        drift = await find_drift(STEP, wish, made)
        assert drift.same, drift


async def test_groups_that_nobody_named_stay_and_are_told(made: RootedNode) -> None:
    group = made.root / "etc/group"
    group.write_text(group.read_text().replace("daemon:x:1:", "daemon:x:1:svc"))
    drift = await find_drift(STEP, {"user": "svc", "groups": ("render",)}, made)
    assert drift.kept == ("svc stays in the group daemon",)
    assert [change.do for change in drift.changes] == [
        RunCommand(argv=("usermod", "--append", "--groups", "render", "svc"))
    ]


async def test_an_account_of_a_directory_is_changed_there(made: RootedNode) -> None:
    def directory(argv: Sequence[str], root: Path) -> Ran:
        line = b"far:x:700:700::/srv/far:/bin/false\n" * (tuple(argv[1:]) == ("passwd", "far"))
        return Ran(argv=tuple(argv), code=2 * (not line), stdout=line, stderr=b"")

    made.programs["getent"] = directory
    drift = await find_drift(STEP, {"user": "far", "shell": "/usr/sbin/nologin"}, made)
    assert "directory" in drift.problem


async def test_no_home_changes_below_what_runs(made: RootedNode) -> None:
    made.programs["ps"] = lambda argv, root: Ran(argv=tuple(argv), code=0, stdout=b"  12\n", stderr=b"")
    drift = await find_drift(STEP, {"user": "svc", "home": "/srv/new"}, made)
    assert "nothing runs as svc" in drift.problem
    assert (await find_drift(STEP, {"user": "svc", "shell": "/bin/false"}, made)).changes


async def test_what_cannot_be_seen_is_not_guessed(tmp_path: Path) -> None:
    made = RootedNode(tmp_path)
    found = STEP.compare({"user": "svc"}, await look_for(STEP, {"user": "svc"}, made))
    assert isinstance(found, Missing)
    assert found.kind == "failed"


async def test_one_node_is_the_model_of_another(made: RootedNode) -> None:
    group = made.root / "etc/group"
    group.write_text(group.read_text().replace("render:x:104:", "render:x:104:svc"))
    looked = await look_for(STEP, {"user": "svc"}, made)
    assert STEP.copy({"user": "svc", "shell": "/bin/false"}, looked) == {
        "user": "svc",
        "group": "svc",
        "groups": ("render",),
        "home": "/srv/svc",
        "shell": "/bin/false",
    }
    assert isinstance(STEP.copy({"user": "nobody2"}, await look_for(STEP, {"user": "nobody2"}, made)), Missing)


def test_it_is_proposed_for_what_runs_as_a_service() -> None:
    def seeing(name: str, uid: int) -> Observation:
        subject = Ref("engine", ("here", name))
        value: dict[str, Value] = {"pid": 1, "user": name, "uid": uid}
        return Observation(subject=subject, name="engine.process", value=value, at=1.0, source="test")

    seen = Seen([seeing("svc", 990), seeing("root", 0), seeing("ann", 1000)])
    assert STEP.propose(seen, "here") == ({"user": "svc"},)
    assert STEP.propose(seen, "other") == ()


def test_shadow_is_never_looked_at() -> None:
    needs = STEP.needs({"user": "svc", "groups": ("a",)}, Looked(node="here"))
    assert not any("shadow" in path for path in (*needs.paths, *(word for one in needs.commands for word in one)))


async def test_a_directory_that_does_not_answer_is_no_absence(made: RootedNode) -> None:
    def down(argv: Sequence[str], root: Path) -> Ran:
        return Ran(argv=tuple(argv), code=1, stdout=b"", stderr=b"no answer")

    made.programs["getent"] = down
    for wish in ({"user": "llm"}, {"user": "svc", "groups": ("elsewhere",)}):
        found = STEP.compare(wish, await look_for(STEP, wish, made))
        assert isinstance(found, Missing)
        assert (found.kind, "cannot be told" in found.reason) == ("failed", True)


def test_a_number_is_no_name() -> None:
    shapes = {key.name: key.shape for key in STEP.keys}
    assert shapes["user"]("llm") == "llm"
    assert shapes["groups"](["render", "a1"]) == ("render", "a1")
    for name, value in (("user", "44"), ("group", "44"), ("groups", ["44"]), ("uid", -1), ("user", "-x")):
        with pytest.raises(ValueError):
            shapes[name](value)
