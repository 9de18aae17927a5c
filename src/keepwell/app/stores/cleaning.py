"""Plan to set aside what is broken or left over in stores, and ask afterwards whether that is all that happened."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from keepwell.app.operation import Caller
from keepwell.app.repair_report import PlannedRun, PlanReport, RefusedPlan
from keepwell.app.stores.stores import fetch_command, find_stores, open_store, wire_at
from keepwell.app.stores.verifying import Verified, read_stores
from keepwell.app.wiring import Wiring
from keepwell.app.word import day_of
from keepwell.conform.execute import Recheck
from keepwell.conform.hands import get_exact
from keepwell.conform.ledger import plan_items
from keepwell.conform.models.clean import (
    BROKEN,
    CHECK,
    Aside,
    choose_faults,
    folders_of,
    judge_cleaned,
    plan_clean,
    show_fetch,
    summarise,
)
from keepwell.conform.models.judge import Fault, judge_stock
from keepwell.conform.models.tree import find_real
from keepwell.conform.plan_file import render_plan
from keepwell.conform.protection import find_objection
from keepwell.core.entry import Entry
from keepwell.core.errors import AccessError
from keepwell.core.finding import Finding
from keepwell.core.observation import Missing
from keepwell.core.ref import Ref
from keepwell.core.run import Run
from keepwell.core.step import Plan
from keepwell.formats.mounts import parse_mountinfo
from keepwell.plugins.stock import SET_ASIDE
from keepwell.store.journal import create_journal, make_run_id
from keepwell.transport.base import ExactHands, Transport

#: The kind of run; the same as other plans, so that `apply` and `undo` take it.
KIND = "plan"
#: The folder beside a store, and in one that is a file system of its own, which nothing can be renamed out of.
BESIDE, WITHIN = f"{{root}}{SET_ASIDE}", f"{{root}}/{SET_ASIDE}"


async def plan_cleaning(caller: Caller, wanted: str, node: str = "") -> PlanReport:
    """Verify the stores, and keep a plan for each in which something can be set aside."""
    async with wire_at(caller, node, wanted) as wiring:
        stores = await find_stores(wiring, caller, wanted)
        verified, _ = await read_stores(stores, wiring, caller)
        planned: list[PlannedRun] = []
        refused: list[RefusedPlan] = []
        findings = []
        for one in verified:
            if one.faults:
                findings.append(_finding(one, one.faults, wiring))
            faults = choose_faults(one.faults)
            if not faults:
                continue
            run_id = make_run_id(KIND, wiring.clock.now())
            plan, finding = await _plan(one, faults, run_id, wiring), _finding(one, faults, wiring)
            objection = find_objection(plan, wiring.config.decisions, day_of(wiring.clock.now()))
            if objection is None:
                _keep(run_id, plan, caller, wiring)
                planned.append(PlannedRun(id=run_id, issue="", finding=finding, plan=plan))
            else:
                refused.append(RefusedPlan(issue="", finding=finding, plan=plan, decision=objection))
    return PlanReport(planned=tuple(planned), findings=tuple(findings), asked_for=wanted, refused=tuple(refused))


def recheck_cleaned(plan: Plan, wiring: Wiring) -> Recheck:
    """Asks whether what was set aside is gone and no model lacks anything else; reads no weights."""

    async def ask() -> Finding | None:
        try:
            store = await open_store(plan.subject.name, wiring.hands)
        except AccessError:
            return None
        if isinstance(store.stock, Missing):
            return None
        faults = judge_stock(store.stock, {}, wiring.clock.now())
        return judge_cleaned(plan, await resolve_faults(faults, wiring.hands))

    return ask


async def _plan(one: Verified, faults: Sequence[Fault], run_id: str, wiring: Wiring) -> Plan:
    """One folder beside the store, and one beside each folder of another disk that a link in the store leads to."""
    hands = get_exact(wiring.hands)
    lacking = [model for fault in faults if fault.kind in BROKEN for model in fault.models]
    fetch = show_fetch(fetch_command(one.store.engine, model) for model in lacking)
    real, beside = await find_real(one.stock.root, hands), defaultdict[str, list[Fault]](list)
    for fault in await resolve_faults(faults, hands):
        folder = posixpath.dirname(fault.path)
        beside[{True: real}.get(f"{folder}/".startswith(f"{real}/"), folder)].append(fault)
    plans = [
        plan_clean(found, await _find_aside(root, run_id, found, hands), hands.name, one.store.engine, fetch)
        for root, found in beside.items()
    ]
    waiting = len([fault for fault in one.faults if fault.kind == "orphan" and fault not in faults])
    later = f"; {waiting} orphans stay: something may need them yet; plan again afterwards"
    return replace(
        plans[0],
        subject=Ref("path", (hands.name, one.stock.root)),
        why=summarise(faults),
        changes=tuple(change for plan in plans for change in plan.changes),
        note=plans[0].note + later * bool(waiting),
    )


async def _find_aside(root: str, run_id: str, faults: Sequence[Fault], hands: ExactHands) -> Aside:
    """Where things of one folder are set aside, and what is known of the folders that change."""
    form = {True: WITHIN, False: BESIDE}[await _is_mounted(root, hands)]
    folder = posixpath.join(form.format(root=root), run_id)
    entries: dict[str, Entry] = {}
    for path in (root, posixpath.dirname(folder), folder, *folders_of(fault.path for fault in faults)):
        entries[path] = await hands.entry(path, max_bytes=0)
    return Aside(root=root, folder=folder, entries=entries)


async def resolve_faults(faults: Sequence[Fault], hands: Transport) -> list[Fault]:
    """The same, with the paths where the files really lie: nothing is renamed from one disk to another."""
    real: dict[str, str] = {}
    for folder in folders_of(fault.path for fault in faults):
        try:
            real[folder] = await find_real(folder, hands)
        except AccessError:
            real[folder] = folder  # what models need there, and is not there
    return [
        replace(one, path=posixpath.join(real[posixpath.dirname(one.path)], posixpath.basename(one.path)))
        for one in faults
    ]


async def _is_mounted(root: str, hands: Transport) -> bool:
    """Whether a file system begins there; False where that cannot be told, and a rename would say so."""
    try:
        mounts = parse_mountinfo((await hands.read("/proc/self/mountinfo")).decode("utf-8", "replace"))
    except AccessError:
        return False
    return root in {mount.path for mount in mounts}


def _finding(one: Verified, faults: Sequence[Fault], wiring: Wiring) -> Finding:
    subject = Ref("path", (wiring.hands.name, one.stock.root))
    status = max(fault.status for fault in faults)
    message = f"{one.store.title}'s store at {one.stock.root}: {summarise(faults)}"
    return Finding(check=CHECK, subject=subject, status=status, message=message)


def _keep(run_id: str, plan: Plan, caller: Caller, wiring: Wiring) -> None:
    now = wiring.clock.now()
    run = Run(id=run_id, kind=KIND, asked_by=caller.asked_by, created_at=now, items=plan_items(plan))
    create_journal(wiring.state, run, render_plan(plan), wiring.clock).close()
