"""Engines as they are wished: what runs, with which arguments; releases are told, with the way to install them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.conform.actions import perform
from keepwell.conform.desired.look import look
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.step import RunCommand
from keepwell.plugins.release import ReleaseWish, parse_wish
from keepwell.plugins.wish import Wish
from keepwell.steps.engine import STEP
from keepwell.testing.rooted import RootedNode
from keepwell.testing.unit_runner import UnitRunner
from keepwell.transport.base import Ran, Reply
from tests.steps.keeping import find_drift, make, snapshot, take_back

UNIT = "ollama.service"
DROP_IN = f"etc/systemd/system/{UNIT}.d/60-keepwell-arguments.conf"
URL = "http://127.0.0.1:11434"


@pytest.fixture
def units() -> Iterator[UnitRunner]:
    """A systemctl whose processes end with the test."""
    made = UnitRunner()
    yield made
    made.close()


def make_node(root: Path, units: UnitRunner, release: str = "0.9.3") -> RootedNode:
    folder = root / "usr/lib/systemd/system"
    folder.mkdir(parents=True)
    (root / "etc/systemd/system").mkdir(parents=True)
    (folder / UNIT).write_text("[Service]\nExecStart=/bin/sleep 60\n")
    node = RootedNode(root, programs={"systemctl": units})
    if release:
        body = json.dumps({"version": release}).encode()
        node.pages[f"{URL}/api/version"] = Reply(status=200, headers={}, body=body, seconds=0.0)
    return node


def wish_of(**more: object) -> Wish:
    return {"kind": "ollama", **more}


async def test_arguments_are_changed_by_a_drop_in_and_taken_back(tmp_path: Path, units: UnitRunner) -> None:
    node = make_node(tmp_path, units)
    units(("systemctl", "start", UNIT), tmp_path)
    first = units.processes[UNIT].pid
    wish, before = wish_of(unit=UNIT, arguments=("59",)), snapshot(tmp_path)
    drift = await find_drift(STEP, wish, node)
    await make(drift, node)
    assert (await find_drift(STEP, wish, node)).same
    assert (drift.before, drift.after) == ("60", "59")
    assert drift.engine == Ref("engine", ("made", "ollama"))
    assert (tmp_path / DROP_IN).read_text() == "[Service]\nExecStart=\nExecStart=/bin/sleep 59\n"
    assert units.processes[UNIT].args == ("/bin/sleep", "59")
    assert units.processes[UNIT].pid != first
    await take_back(drift, node)
    assert snapshot(tmp_path) == before
    for activation in drift.activate:
        await perform(activation, node)
    assert units.processes[UNIT].args == ("/bin/sleep", "60")


async def test_a_drop_in_that_counts_less_is_told(tmp_path: Path, units: UnitRunner) -> None:
    node = make_node(tmp_path, units)
    wish = wish_of(unit=UNIT, arguments=("59",))
    await make(await find_drift(STEP, wish, node), node)
    (tmp_path / DROP_IN).with_name("99-mine.conf").write_text("[Service]\nExecStart=\nExecStart=/bin/sleep 58\n")
    units(("systemctl", "daemon-reload"), tmp_path)
    drift = await find_drift(STEP, wish, node)
    assert drift.changes == ()
    assert f"systemctl cat {UNIT}" in drift.problem


@pytest.mark.parametrize("wished", [True, False])
async def test_it_is_started_and_ended_and_that_is_taken_back(tmp_path: Path, units: UnitRunner, wished: bool) -> None:
    node = make_node(tmp_path, units)
    units(("systemctl", {True: "stop", False: "start"}[wished], UNIT), tmp_path)
    wish = wish_of(unit=UNIT, running=wished)
    drift = await find_drift(STEP, wish, node)
    assert (drift.engine is None) == (not wished)
    await make(drift, node)
    assert units.runs(UNIT) == wished
    assert (await find_drift(STEP, wish, node)).same
    await take_back(drift, node)
    assert units.runs(UNIT) != wished


async def test_a_release_is_told_with_the_command_that_installs_it(tmp_path: Path, units: UnitRunner) -> None:
    node = make_node(tmp_path, units)
    assert (await find_drift(STEP, wish_of(version=">=0.9"), node)).same
    drift = await find_drift(STEP, wish_of(version="0.10.1"), node)
    assert (drift.before, drift.after, drift.changes) == ("0.9.3", "0.10.1", ())
    assert "OLLAMA_VERSION=0.10.1 sh" in drift.problem
    both = await find_drift(STEP, wish_of(version="0.10.1", unit=UNIT, running=True), node)
    assert both.problem == ""
    assert both.changes
    assert "OLLAMA_VERSION=0.10.1 sh" in both.kept[0]


async def test_what_cannot_be_told_is_not_guessed(tmp_path: Path, units: UnitRunner) -> None:
    node = make_node(tmp_path, units, release="")
    silent = await find_drift(STEP, wish_of(version="0.9.3"), node)
    assert "does not answer" in silent.problem
    for wish in (wish_of(arguments=("serve",)), wish_of(unit="other.service", running=True), wish_of(container="x")):
        assert isinstance(STEP.compare(wish, await look([partial(STEP.needs, wish)], node)), Missing)
    started = await find_drift(STEP, wish_of(running=True), node)
    assert started.problem.endswith("keepwell engine start ollama")


async def test_a_container_is_ended_and_its_arguments_are_told(tmp_path: Path, units: UnitRunner) -> None:
    node = make_node(tmp_path, units)
    row = {"Name": "/box", "State": {"Status": "running"}, "Path": "/bin/ollama", "Args": ["serve"], "Config": {}}

    def docker(argv: object, root: Path) -> Ran:
        return Ran(argv=("docker",), code=0, stdout=json.dumps([row]).encode(), stderr=b"", seconds=0.0)

    node.programs["docker"] = docker
    drift = await find_drift(STEP, wish_of(container="box", running=False), node)
    do = drift.changes[0].do
    assert isinstance(do, RunCommand)
    assert do.argv == ("docker", "stop", "box")
    assert "when it is made" in (await find_drift(STEP, wish_of(container="box", arguments=("run",)), node)).problem
    assert (await find_drift(STEP, wish_of(container="box", arguments=("serve",)), node)).same


async def test_one_node_is_the_model_of_another(tmp_path: Path, units: UnitRunner) -> None:
    node = make_node(tmp_path, units)
    units(("systemctl", "start", UNIT), tmp_path)
    wish = wish_of(unit=UNIT, version=">=0.8")
    copied = STEP.copy(wish, await look([partial(STEP.needs, wish)], node))
    assert copied == {**wish, "running": True, "arguments": ("60",)}


def test_what_serves_is_proposed() -> None:
    ref = Ref("engine", ("made", "ollama"))
    site: Value = {"plug_in": "ollama", "url": URL}
    supervisor: Value = {"kind": "systemd", "unit": UNIT}
    told = {"engine.site": site, "engine.supervisor": supervisor}
    seen = Seen(Observation(subject=ref, name=name, value=value, at=0.0, source="t") for name, value in told.items())
    assert STEP.propose(seen, "made") == ({"kind": "ollama", "url": URL, "unit": UNIT},)
    assert STEP.propose(seen, "other") == ()


@pytest.mark.parametrize(
    ("wish", "release", "holds"),
    [
        ("0.9.3", "0.9.3", True),
        ("0.9.3", "v0.9.3", True),
        ("0.9.3", "0.9.30", False),
        (">=0.9", "0.10.0", True),
        (">=0.9", "0.8.9", False),
        ("<1", "0.99", True),
        (">=b9000", "b11434", True),
        ("<=0.9", "0.9.0", True),
        (">0.9", "0.9.0", False),
        (">=0.9", "unknown", False),
    ],
)
def test_which_releases_are_as_wished(wish: str, release: str, holds: bool) -> None:
    assert parse_wish(wish).holds(release) == holds


@given(st.sampled_from(["==", ">=", "<=", ">", "<"]), st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_a_wish_is_read_as_it_is_written(relation: str, numbers: list[int]) -> None:
    wish = ReleaseWish(relation=relation, release=".".join(map(str, numbers)))
    assert parse_wish(str(wish)) == wish
    assert wish.holds(wish.release) == ("=" in relation)


@pytest.mark.parametrize("text", ["", "latest", ">= ", "~1.0", "1 2"])
def test_what_is_no_release_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a release like"):
        parse_wish(text)
