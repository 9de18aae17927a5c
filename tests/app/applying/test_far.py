"""Plans of other nodes, over a real sshd: carried out there, one node after the other, broken off and taken back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.app.applying.carrying import Manner, apply_run, apply_runs, undo_run
from keepwell.app.applying.runs import list_all
from keepwell.app.desired.planning import plan_all
from keepwell.app.operation import Caller
from keepwell.app.repair_report import RolledReport, RunReport
from keepwell.core.errors import AccessError
from keepwell.store.backups import find_backup
from keepwell.testing.sshd import Sshd, find_sshd, run_sshd
from tests.conform.test_exact import look
from tests.engines.real import skip

NODES = ("far1", "far2", "far3")
#: Records of the journal after which a run is killed: while it is copied, in its changes, and before it is asked about.
MOMENTS = (1, 3, 5)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if not find_sshd():
        skip("no sshd here")
    with run_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def make_world(folder: Path, names: Sequence[str]) -> Path:
    """A folder for each node, with a file that is not as wished and one that is missing."""
    for name in names:
        (folder / "world" / name).mkdir(parents=True)
        (folder / "world" / name / "settings").write_bytes(b"old\r\n\xff")
        (folder / "world" / name / "settings").chmod(0o640)
        os.utime(folder / "world" / name / "settings", ns=(7, 1_000_000_007))
    return folder / "world"


def make_caller(folder: Path, sshd: Sshd, names: Sequence[str]) -> Caller:
    """Nodes by several names, each with its own wishes."""
    node = sshd.node()
    rows = []
    for name in names:
        at = folder / "world" / name
        rows += ["[[node]]", f'name = "{name}"', f'address = "{node.address}"', f"port = {node.port}"]
        rows += [f'user = "{node.user}"', f'key = "{node.key}"', f'known_hosts = "{node.known_hosts}"']
        rows += ["[[desired]]", f'name = "{name}"', f'nodes = ["{name}"]']
        rows += ["[[desired.file]]", f'path = "{at}/settings"', 'text = "new\\n"', 'mode = "600"']
        rows += ["[[desired.file]]", f'path = "{at}/made"', 'text = "made\\n"']
    path = folder / "keepwell.toml"
    path.write_text("\n".join(rows) + "\n")
    return Caller(state=folder / "state", config=path)


async def plan(caller: Caller, names: Sequence[str]) -> list[str]:
    """The runs that wait, by node."""
    report = await plan_all(caller, "", names)
    return [one.id for one in sorted(report.planned, key=lambda one: one.plan.subject.node)]


@pytest.mark.long
async def test_node_after_node_until_one_is_not_well(sshd: Sshd, tmp_path: Path) -> None:
    world, caller = make_world(tmp_path, NODES), make_caller(tmp_path, sshd, NODES)
    before = look(world)
    runs = await plan(caller, NODES)
    assert len(runs) == len(NODES)
    (world / "far2" / "settings").write_bytes(b"by hand")
    rolled = await apply_runs(caller, (), every=True, manner=Manner())
    assert isinstance(rolled, RolledReport)
    assert [(one.id, one.outcome.state) for one in rolled.runs] == [(runs[0], "well")]
    assert rolled.stopped_by is not None
    assert (rolled.stopped_by.run, rolled.left, rolled.exit_code) == (runs[1], (runs[2],), 2)
    assert (world / "far1" / "settings").read_bytes() == b"new\n"
    assert (world / "far3" / "settings").read_bytes() == b"old\r\n\xff"
    assert find_backup(tmp_path / "state", runs[0]).exists()

    again = await plan(caller, ["far2"])
    assert [one.state for one in (await list_all(caller)).runs].count("pending") == 3
    rolled = await apply_runs(caller, (), every=True, manner=Manner())
    assert isinstance(rolled, RolledReport)
    assert [one.id for one in rolled.runs] == [*again, runs[2]], "of two plans for the same the newer one counts"
    assert rolled.exit_code == 0
    for run_id in (runs[2], *again, runs[0]):
        assert (await undo_run(caller, run_id)).outcome.state == "undone"
    (world / "far2" / "settings").write_bytes(b"old\r\n\xff")
    os.utime(world / "far2" / "settings", ns=(7, 1_000_000_007))
    assert look(world) == before


async def test_step_by_step_until_somebody_says_no(sshd: Sshd, tmp_path: Path) -> None:
    world, caller = make_world(tmp_path, NODES[:1]), make_caller(tmp_path, sshd, NODES[:1])
    before, asked = look(world), []

    def agree(lines: Sequence[str]) -> bool:
        asked.append(lines)
        return len(asked) == 1

    (run_id,) = await plan(caller, NODES[:1])
    report = await apply_runs(replace(caller, agree=agree), [run_id], every=False, manner=Manner(step=True))
    assert isinstance(report, RunReport)
    assert (report.outcome.state, report.exit_code, len(asked)) == ("stopped", 1, 2)
    assert any(line.startswith("before: ") for line in asked[0])
    assert len([item for item in report.items if item.state == "done"]) == 2, "its backup and one change"
    assert (await apply_run(caller, run_id)).outcome.state == "well"
    assert (await undo_run(caller, run_id)).outcome.state == "undone"
    assert look(world) == before


def carry_out_and_die(caller: Caller, run_id: str, records: int) -> int:
    """The exit status of a child that is killed at the n-th record of its journal."""
    argv = [sys.executable, "-m", "tests.app.applying.dying", str(caller.config), str(caller.state), run_id]
    return subprocess.run([*argv, str(records)], check=False, timeout=60).returncode


@pytest.mark.long
@pytest.mark.parametrize("back", [False, True])
async def test_killed_while_it_works_on_another_node(sshd: Sshd, tmp_path: Path, back: bool) -> None:
    for number in MOMENTS:
        folder = tmp_path / str(number)
        world = make_world(folder, NODES[:1])
        caller = make_caller(folder, sshd, NODES[:1])
        before = look(world)
        (run_id,) = await plan(caller, NODES[:1])
        assert carry_out_and_die(caller, run_id, number) == -signal.SIGKILL
        if not back:
            assert (await apply_run(caller, run_id)).outcome.state == "well"
            assert (world / "far1" / "settings").read_bytes() == b"new\n"
            assert [one.state for one in (await list_all(caller)).runs] == ["done"]
        assert (await undo_run(caller, run_id)).outcome.state == "undone"
        assert look(world) == before


async def test_a_node_that_cannot_be_reached_is_an_error_and_nothing_is_begun(sshd: Sshd, tmp_path: Path) -> None:
    make_world(tmp_path, NODES[:1])
    caller = make_caller(tmp_path, sshd, NODES[:1])
    (run_id,) = await plan(caller, NODES[:1])
    config = (tmp_path / "keepwell.toml").read_text().replace(f"port = {sshd.port}", "port = 1")
    (tmp_path / "keepwell.toml").write_text(config)
    with pytest.raises(AccessError):
        await apply_run(caller, run_id)
    assert [one.state for one in (await list_all(caller)).runs] == ["pending"]
