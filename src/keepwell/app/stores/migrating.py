"""Move a store to another folder while its engine serves: copy, switch without requests for a moment, prove, go on
where it was broken off.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from keepwell.app.applying.smoking import Taster
from keepwell.app.applying.traffic import GatewayTraffic
from keepwell.app.operation import Caller
from keepwell.app.stores.away import StoreTraffic
from keepwell.app.stores.migrate_report import MigrateReport, MoveState
from keepwell.app.stores.moved import recheck_moved
from keepwell.app.stores.place import Scene, clean_target, find_corrupt, find_scene, require_room, require_target
from keepwell.app.stores.stores import open_store
from keepwell.app.stores.switch import make_switch
from keepwell.app.targets import find_target as find_node
from keepwell.app.wiring import Wiring, reach, wire
from keepwell.app.word import day_of
from keepwell.config.gateway_shapes import size as parse_size
from keepwell.conform.execute import Bench, apply
from keepwell.conform.ledger import CHECK_KEY, Ledger, plan_items
from keepwell.conform.models.migrate import KIND, find_old, find_target
from keepwell.conform.models.moving import Mover, MovingHands, copy_items
from keepwell.conform.models.tree import walk
from keepwell.conform.plan_file import parse_plan, render_plan
from keepwell.conform.protection import require_consent
from keepwell.core.errors import ConfigurationError, DamagedError, RefusedError
from keepwell.core.observation import Missing, absent
from keepwell.core.run import Run
from keepwell.core.step import Plan
from keepwell.core.words import size
from keepwell.plugins.stock import Stock
from keepwell.store.journal import Journal, StoredRun, create_journal, list_runs, make_run_id, open_journal

#: Seconds between two words about how far it is.
TELL_SECONDS = 0.5
_STATES: dict[str, MoveState] = {"well": "moved", "failed": "held"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asked for: `engine` is an engine or a folder, `to` the new folder, `limit` "" or like "100 MiB/s".

    With `setting` the engine's own setting names the new folder; else a link takes the old one's place.
    """

    engine: str
    to: str
    node: str = ""
    setting: bool = False
    limit: str = ""


async def migrate(caller: Caller, wish: Wish) -> MigrateReport:
    """Move it, or go on with moving it. Raises ConfigurationError, RefusedError, AccessError."""
    rate, target = parse_limit(wish.limit), clean_target(wish.to)
    async with wire(caller) as wiring, open_hands(wiring, wish.node) as hands:
        scene = await find_scene(wiring, caller, hands, wish.engine)
        moves = find_moves(wiring, scene)
        begun = find_begun(moves, target)
        if begun is None:
            await require_target(scene, target, again=target in {find_target(plan) for _, plan in moves})
            await require_room(await walk(scene.source, hands), target, hands)
            begun = await _begin(wiring, caller, scene, replace(wish, to=target))
        else:
            caller.tell(f"goes on with {begun}")
        with open_journal(wiring.state, begun, wiring.clock) as journal:
            plan = parse_plan(journal.payload)
            require_consent(plan, wiring.config.decisions, day_of(wiring.clock.now()))
            return await _Going(caller, wiring, scene, plan, journal, rate).go()


def parse_limit(written: str) -> float:
    """Bytes a second from "100 MiB/s", 0.0 from "". Raises ConfigurationError."""
    if not written:
        return 0.0
    try:
        return float(parse_size(written.strip().removesuffix("/s")))
    except ValueError:
        raise ConfigurationError(f"--limit {written!r} is no speed", hint='write it like "100 MiB/s"') from None


@contextlib.asynccontextmanager
async def open_hands(wiring: Wiring, node: str) -> AsyncIterator[MovingHands]:
    """Hands on a node that may change it. Raises ConfigurationError, AccessError, RefusedError."""
    async with reach(wiring, find_node(node, wiring.config, wiring.hands.name), changes=True) as reached:
        if not isinstance(reached.transport, MovingHands) or reached.recorded:
            raise RefusedError("nothing can be moved over this connection", where=reached.transport.name)
        yield reached.transport


def find_begun(moves: Sequence[tuple[StoredRun, Plan]], target: str) -> str | None:
    """The id of the move that was begun and is not over. Raises RefusedError where it leads elsewhere."""
    for one, plan in moves:
        states = {item.key: item.state for item in one.run.items}
        if states[CHECK_KEY] == "done" or {"undoing", "undone"} & set(states.values()):
            continue
        if find_target(plan) != target:
            hint = f"keepwell undo {one.run.id}"
            raise RefusedError(f"it is being moved to {find_target(plan)}", where=one.run.id, hint=hint)
        return one.run.id
    return None


def find_moves(wiring: Wiring, scene: Scene) -> list[tuple[StoredRun, Plan]]:
    """All moves of this store, the newest first."""
    found = []
    for one in list_runs(wiring.state):
        with contextlib.suppress(DamagedError):
            plan = parse_plan(one.payload)
            if one.run.kind == KIND and plan.subject == scene.subject:
                found.append((one, plan))
    return found


async def _begin(wiring: Wiring, caller: Caller, scene: Scene, wish: Wish) -> str:
    """The id of a new run."""
    store, now = await open_store(scene.source, scene.hands), wiring.clock.now()
    run_id = make_run_id(KIND, now)
    plan = await make_switch(scene, store.title, wish.to, run_id, wiring.clock, setting=wish.setting)
    tree = await walk(scene.source, scene.hands)
    items = (*copy_items(tree.files), *plan_items(plan, backup=False))
    run = Run(id=run_id, kind=KIND, asked_by=caller.asked_by, created_at=now, items=items)
    create_journal(wiring.state, run, render_plan(plan), wiring.clock).close()
    return run_id


class _Going:
    """One try of one move."""

    def __init__(self, caller: Caller, wiring: Wiring, scene: Scene, plan: Plan, journal: Journal, rate: float) -> None:
        self._caller, self._wiring, self._scene, self._plan = caller, wiring, scene, plan
        self._run_id = journal.run.id
        self._ledger = Ledger(journal.run, journal)
        self._heard = 0
        self._seconds = 0.0
        self._stock: Stock | Missing = absent("not looked at")
        self._passed_over: tuple[str, ...] = ()
        self._mover = Mover(
            source=scene.source,
            target=find_target(plan),
            hands=scene.hands,
            ledger=self._ledger,
            rate=rate,
            tell=self._hear,
        )
        self._taster = Taster(wiring, caller, scene.hands)
        inner = GatewayTraffic(wiring=wiring, caller=caller, taster=self._taster, run_id=self._run_id)
        self._traffic = StoreTraffic(inner=inner, mover=self._mover, plan=plan, clock=wiring.clock)

    async def go(self) -> MigrateReport:
        """Copy, switch, prove. Ctrl-C leaves what the same command goes on with."""
        scene, plan = self._scene, self._plan
        try:
            if not await self._traffic.has_left():
                self._stock = (await open_store(scene.source, scene.hands)).stock
                await self._copy()
            if plan.engine is not None:
                await self._taster.find_loaded(plan.engine)  # looks for it, before it goes without requests
            bench = Bench(hands=scene.hands, clock=self._wiring.clock, ledger=self._ledger, traffic=self._traffic)
            outcome = await apply(plan, bench, recheck_moved(plan, self._wiring, scene.hands))
        except asyncio.CancelledError:
            return self._report("held", "broken off; the same command goes on")
        return self._report(_STATES.get(outcome.state, "failed"), outcome.detail)

    async def _copy(self) -> None:
        tree = await walk(self._scene.source, self._scene.hands)
        self._passed_over = tree.passed_over
        began, total = self._wiring.clock.monotonic(), sum(one.size_bytes for one in tree.files)
        telling = asyncio.create_task(self._tell(total))
        try:
            await self._mover.run()
        finally:
            telling.cancel()
            self._seconds = self._wiring.clock.monotonic() - began

    async def _tell(self, total: int) -> None:
        while True:
            self._caller.progress(f"copying {size(total)}, MiB", self._heard >> 20, total >> 20)
            await asyncio.sleep(TELL_SECONDS)

    def _hear(self, count: int) -> None:
        self._heard += count

    def _report(self, state: MoveState, detail: str) -> MigrateReport:
        corrupt: tuple[str, ...] = ()
        if not isinstance(self._stock, Missing):
            corrupt = find_corrupt(self._stock, self._mover.digests)
        return MigrateReport(
            run=self._run_id,
            state=state,
            detail=detail,
            source=self._scene.source,
            target=self._mover.target,
            old=find_old(self._plan),
            files=self._mover.files,
            bytes_copied=self._mover.bytes_copied,
            copy_seconds=round(self._seconds, 3),
            away_seconds=round(self._traffic.seconds, 3),
            caught_up=self._traffic.caught_up,
            corrupt=corrupt,
            passed_over=self._passed_over,
        )
