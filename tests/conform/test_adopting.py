"""The gateway takes an engine's address: killed with -9 at any moment, gone on with or taken back, all is whole."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from keepwell.conform.adopting import Adoption, Gateway, find_needs, plan_adoption, restart_gateway, start_gateway
from keepwell.conform.desired.look import look
from keepwell.conform.execute import Bench, apply
from keepwell.conform.ledger import Ledger
from keepwell.conform.undo import undo
from keepwell.core.finding import Status
from keepwell.core.step import Plan, StartProcess
from keepwell.plugins.running import Running
from tests.conform.killing import KILLED, WELL, in_child
from tests.conform.kit import SUBJECT, Answers, Doom, DoomedJournal, HastyClock, snapshot
from tests.conform.machine import NEW, OLD, OWN, SETTING, UNIT, Machine

MARK = "run"
#: More moments than any plan has.
MOMENTS = 200
BEFORE = {
    "keepwell.toml": f"{OWN}\n",
    "engine.env": f"A=1\n{SETTING}={OLD}\n",
    "drop-in.conf": f"[Service]\nEnvironment={SETTING}={OLD}\n",
}


@dataclass(frozen=True, slots=True)
class Case:
    """How the engine is run ("command", "file" or "unit"), and whether a gateway serves another address already."""

    kind: str
    fronted: bool


CASES = [Case(kind, fronted) for kind in ("command", "file", "unit") for fronted in (False, True)]


def make_world(root: Path, case: Case) -> Machine:
    """The engine at its address, and a gateway at its own where one runs."""
    machine = Machine(root)
    machine.files.mkdir(parents=True)
    for name, text in BEFORE.items():
        (machine.files / name).write_text({True: "", False: text}[name == "keepwell.toml" and not case.fronted])
    assert machine.start("engine", OLD, {True: UNIT, False: "mine"}[case.kind == "unit"]) == (0, "")
    if case.fronted:
        assert machine.start("gateway", "", "front") == (0, "")
    machine.settle()
    machine.save()
    return machine


async def make_plan(root: Path, case: Case) -> Plan:
    machine = Machine(root)
    env, toml = machine.files / "engine.env", machine.files / "keepwell.toml"
    start = {
        "command": StartProcess(argv=("env", f"{SETTING}={OLD}", "engine"), mark="mine"),
        "file": StartProcess(argv=("env", "B=2", "engine"), environment_files=(str(env),), mark="mine"),
    }.get(case.kind)
    running = Running(ref=SUBJECT, title="Some", kind="process", start=start, pid=11, started_at=1.0)
    if start is None:
        commands = {"begin": ("systemctl", "start", UNIT), "end": ("systemctl", "stop", UNIT)}
        running = Running(ref=SUBJECT, title="Some", kind="systemd", unit=UNIT, pid=11, **commands)
    adoption = Adoption(
        running=running,
        url=f"http://{OLD}",
        moved_url=f"http://{NEW}",
        setting=SETTING,
        value=OLD,
        moved=NEW,
        file={"file": str(env), "unit": str(machine.files / "drop-in.conf")}.get(case.kind, ""),
        toml=str(toml),
        toml_after=f"{OWN * case.fronted}\n{OLD}\n".encode(),
        listen=OLD,
        proof=(),
    )
    looked = await look([partial(find_needs, adoption)], machine)
    return plan_adoption(adoption, make_gateway(running, case), looked, MARK)


def make_gateway(running: Running, case: Case) -> Gateway:
    if case.fronted:
        return restart_gateway(running, ("gateway", "--restart"), OLD, patient=case.kind != "unit")
    start = StartProcess(argv=("env", "A=1", "gateway"), mark="run-gateway", ready="/ready")
    return start_gateway(running, start, OLD)


async def work(root: Path, plan: Plan, back: bool, at: int = 0) -> str:
    """Apply or take back, and die at the given moment; how it came out."""
    doom = Doom(at)
    journal, hands = DoomedJournal(root / "state", plan, doom), Machine(root, doom)
    try:
        ledger = Ledger(journal.run, journal)
        bench = Bench(hands=hands, clock=HastyClock(100.0), ledger=ledger, backups=root / "state")
        if back:
            return (await undo(plan, bench)).state
        return (await apply(plan, bench, Answers([Status.OK]))).state
    finally:
        journal.close()


def in_process(root: Path, plan: Plan, back: bool, at: int = 0) -> int:
    """The same in a child."""

    def go() -> None:
        state = asyncio.run(work(root, plan, back, at))
        os._exit({"well": WELL, "undone": WELL}.get(state, 1))

    return in_child(go)


def look_at(root: Path) -> tuple[object, object]:
    """Files and who holds which address."""
    return snapshot(root / "world"), Machine(root).find_holders()


def fresh(root: Path, case: Case) -> None:
    shutil.rmtree(root, ignore_errors=True)
    make_world(root, case)


def check_moments(root: Path, case: Case, moments: Iterable[int], *, undoing: bool) -> bool:
    """Die at each of them, then go on, and (again) take back: the new state whole, or the old one; True if the last one
    was beyond the end.
    """
    fresh(root, case)
    before = look_at(root)
    plan = asyncio.run(make_plan(root, case))
    assert in_process(root, plan, False) == WELL
    after = look_at(root)
    front = {OWN: "gateway"} if case.fronted else {}
    assert (before[1], after[1]) == ({OLD: "engine", **front}, {NEW: "engine", OLD: "gateway", **front})
    ended = 0
    for at in moments:
        for back in (True, False)[: 2 - undoing]:
            fresh(root, case)
            if undoing:
                assert in_process(root, plan, False) == WELL
            ended = in_process(root, plan, undoing, at)
            assert in_process(root, plan, back) == WELL, (at, back)
            assert look_at(root) == {True: before, False: after}[back], (at, back)
        if ended != KILLED:
            return True
    return False


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_killed_at_some_moments(tmp_path: Path, case: Case) -> None:
    """One in five; the long test has them all."""
    number = CASES.index(case)
    check_moments(tmp_path / "root", case, range(1 + number % 5, 60, 20), undoing=bool(number % 2))


async def test_an_engine_that_cannot_start_at_its_new_port_costs_clients_nothing(tmp_path: Path) -> None:
    machine = make_world(tmp_path, Case("command", False))
    plan = await make_plan(tmp_path, Case("command", False))
    machine.world["held"][NEW] = 11
    machine.save()
    assert await work(tmp_path, plan, False) == "failed"
    assert await work(tmp_path, plan, True) == "undone"
    assert [one["pid"] for one in Machine(tmp_path).world["programs"]] == [11]


@pytest.mark.long
@pytest.mark.parametrize("undoing", [False, True], ids=["applying", "undoing"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_killed_at_every_moment(tmp_path: Path, case: Case, undoing: bool) -> None:
    assert check_moments(tmp_path / "root", case, range(1, MOMENTS), undoing=undoing)
