"""What a run did, for whoever has to answer for it: asked, changed, proved, interrupted, and how it is taken back."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.app.applying.interruption import Interruption, find_windows, measure
from keepwell.app.applying.runs import find_worked_on
from keepwell.app.operation import Caller
from keepwell.app.wiring import Wiring, wire
from keepwell.conform.ledger import BACKUP_KEY, CHECK_KEY, change_key, find_run_state, name_items
from keepwell.conform.plan_file import parse_plan
from keepwell.core.errors import AccessError
from keepwell.core.run import Item, ItemState
from keepwell.core.secret import mask_text
from keepwell.core.step import Plan
from keepwell.store.backups import find_backup
from keepwell.store.journal import StoredRun, load_run


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLine:
    """One change: what, before and after, how it stands, and since when (seconds since the epoch, 0: never begun)."""

    subject: str
    what: str
    before: str
    after: str
    state: ItemState
    at: float
    interrupts: str = ""
    irreversible: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that the journal tells: when, about what, and how it stood then."""

    at: float
    what: str
    state: ItemState
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookReport:
    """The answer of `report`. Times are seconds since the epoch.

    `why` is what the check said before, `proved` its last word ("" where it was not asked again). `interruptions` are
    the times in which the engine had no requests; `backup` is where a copy of what was changed lies, `kept` what is in
    it. `undo` is the command that takes the run back, "" where nothing can be taken back, and then `no_undo` says why.
    """

    id: str
    kind: str
    state: str
    asked_by: str
    created_at: float
    updated_at: float
    subject: str
    check: str
    why: str
    proved: str
    note: str
    changes: tuple[ChangeLine, ...]
    events: tuple[Event, ...]
    engine: str = ""
    interruptions: tuple[Interruption, ...] = ()
    backup: str = ""
    kept: str = ""
    undo: str = ""
    no_undo: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.runbook/1"

    @property
    def exit_code(self) -> int:
        """0: it tells of the past."""
        return 0


async def make_runbook(caller: Caller, run_id: str) -> RunbookReport:
    """Everything about one run, the newest that was begun if none is named. Raises NotThere, DamagedError."""
    async with wire(caller) as wiring:
        stored = load_run(wiring.state, run_id or find_worked_on(wiring))
        return describe(stored, parse_plan(stored.payload), wiring)


def describe(stored: StoredRun, plan: Plan, wiring: Wiring) -> RunbookReport:
    """The report; what looks like a secret is masked."""
    run, state = stored.run, find_run_state(stored.run)
    items = {item.key: item for item in run.items}
    names = name_items(plan)
    backup, kept = "", ""
    if BACKUP_KEY in items and items[BACKUP_KEY].state == "done":
        path = find_backup(wiring.state, run.id)
        backup, kept = str(path) * path.exists(), items[BACKUP_KEY].detail.removeprefix(f"{path}: ")
    undo, no_undo = _find_undo(plan, run.id, state)
    return RunbookReport(
        id=run.id,
        kind=run.kind,
        state=state,
        asked_by=run.asked_by,
        created_at=run.created_at,
        updated_at=stored.updated_at,
        subject=str(plan.subject),
        check=plan.check,
        why=mask_text(plan.why),
        proved=mask_text(items.get(CHECK_KEY, Item(key=CHECK_KEY)).detail),
        note=mask_text(plan.note),
        changes=_list_changes(stored, plan),
        events=tuple(
            Event(
                at=one.at,
                what=names.get(one.item.key, one.item.key),
                state=one.item.state,
                detail=mask_text(one.item.detail),
            )
            for one in stored.history
        ),
        engine=str(plan.engine or ""),
        interruptions=_measure(stored, plan, wiring),
        backup=backup,
        kept=mask_text(kept),
        undo=undo,
        no_undo=no_undo,
    )


def _list_changes(stored: StoredRun, plan: Plan) -> tuple[ChangeLine, ...]:
    items = {item.key: item for item in stored.run.items}
    times = {one.item.key: one.at for one in stored.history}
    found = []
    for number, one in enumerate(plan.changes):
        item = items.get(change_key(number), Item(key=change_key(number)))
        found.append(
            ChangeLine(
                subject=str(one.subject),
                what=mask_text(one.what),
                before=mask_text(one.before),
                after=mask_text(one.after),
                state=item.state,
                at=times.get(item.key, 0.0),
                interrupts=one.interrupts,
                irreversible=one.irreversible,
                detail=mask_text(item.detail),
            )
        )
    return tuple(found)


def _measure(stored: StoredRun, plan: Plan, wiring: Wiring) -> tuple[Interruption, ...]:
    """Of a record that cannot be read only the times are told."""
    windows = find_windows(stored.history)
    try:
        return measure(wiring.state, str(plan.engine or "").removeprefix("engine:"), windows)
    except AccessError:
        return tuple(Interruption(window=one, felt=None) for one in windows)


def _find_undo(plan: Plan, run_id: str, state: str) -> tuple[str, str]:
    """The command, or why there is none."""
    if state == "pending":
        return "", "nothing was changed yet"
    if state == "undone":
        return "", "it was taken back"
    lasting = [one.irreversible for one in plan.changes if one.undo is None]
    if lasting and len(lasting) == len(plan.changes):
        return "", "; ".join(dict.fromkeys(lasting))
    return f"keepwell undo {run_id}", f"but for: {'; '.join(dict.fromkeys(lasting))}" * bool(lasting)
