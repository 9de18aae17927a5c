"""The hub's duty of alerts: decides, writes down, and has people told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from keepwell.alerts.decide import Decision, decide
from keepwell.alerts.inputs import Inputs, Pin
from keepwell.alerts.outbox import write_letters
from keepwell.alerts.tree import Tree
from keepwell.app.alerting.circumstances import Circumstances, find_mute_outlets, find_needs, make_inputs
from keepwell.app.alerting.courier import Courier, find_lasting
from keepwell.app.alerting.explaining import Explaining
from keepwell.app.alerting.heartbeat import Heartbeat
from keepwell.app.alerting.ledger import Ledger
from keepwell.app.hub.duty import Hub
from keepwell.core.errors import AccessError
from keepwell.gateway.choice.cordons import Cordon, load_cordons
from keepwell.store.alert_desk import Desk, load_desk
from keepwell.store.alert_history import Entry
from keepwell.store.folder import make_private_folder

#: Touched at each decision, so that commands know whether anybody looks.
BEAT_FILE = "alerts/beat"
#: Under which name its own findings are pinned.
SOURCE = "alerts"


class Alerting:
    """Everything that is pinned on the board becomes messages here."""

    name = "alerts"
    every_seconds = 5.0

    def __init__(self) -> None:
        self._ledger: Ledger | None = None
        self._courier: Courier | None = None
        self._explaining: Explaining | None = None
        self._heartbeat: Heartbeat | None = None
        self._needs: dict[str, tuple[str, ...]] = {}
        self._tree = Tree()

    async def do(self, hub: Hub, now: float) -> None:
        """One decision. What cannot be written down is told all the same, and then raised."""
        ledger, courier, explaining, heartbeat = await self._begin(hub)
        config = hub.wiring.config
        hub.board.pin(SOURCE, find_mute_outlets(ledger.file, config.notify, hub.here, now), now)
        desk, cordons = await asyncio.to_thread(_read_said, hub.state)
        circumstances = Circumstances(
            config=config,
            here=hub.here,
            sites=tuple(hub.sites.every()),
            desk=desk,
            cordons=cordons,
            pins=tuple(Pin(*one) for one in hub.board.pins()),
            explained=explaining.explained,
            tree=self._find_tree(hub),
        )
        inputs = make_inputs(circumstances, now)
        decision = await asyncio.to_thread(decide, ledger.file.state, inputs)
        outlets = await asyncio.to_thread(courier.find_outlets, config.notify)
        file = replace(ledger.file, state=decision.state)
        ledger.file = write_letters(file, decision.tellings, outlets, now, inputs.zone)
        problem = await _keep(ledger, decision, inputs)
        if config.alerts.explain:
            explaining.ask(hub.wiring, decision.opened, now)
        courier.go(config.notify, find_lasting(decision.state, now), now)
        heartbeat.beat(config.alerts, ledger.file.outlets, now)
        await asyncio.to_thread(_touch, hub.state / BEAT_FILE)
        if problem is not None:
            raise problem

    async def close(self) -> None:
        """What was decided is on disk; letters that are under way stay there and are taken by the next hub."""
        for one in (self._courier, self._explaining, self._heartbeat):
            if one is not None:
                await one.close()
        if self._ledger is not None:
            await self._ledger.save()

    def _find_tree(self, hub: Hub) -> Tree:
        """The same as long as what is declared and found is the same."""
        needs = find_needs(hub.wiring.config, hub.sites.every(), hub.here)
        if needs != self._needs:
            self._needs, self._tree = needs, Tree(needs)
        return self._tree

    async def _begin(self, hub: Hub) -> tuple[Ledger, Courier, Explaining, Heartbeat]:
        """What there is from the first time on."""
        if self._ledger is None:
            ledger = Ledger(hub.state)
            said = await ledger.load()
            if said:
                hub.tell(said)
            self._ledger = ledger
        self._courier = self._courier or Courier(self._ledger, hub.wiring.clock, hub.tell)
        self._explaining = self._explaining or Explaining(hub.tell)
        self._heartbeat = self._heartbeat or Heartbeat(hub.tell)
        return self._ledger, self._courier, self._explaining, self._heartbeat


async def _keep(ledger: Ledger, decision: Decision, inputs: Inputs) -> AccessError | None:
    """Put it on disk; gives what kept it from that: a full disk is a reason to tell people, not to be silent."""
    try:
        await ledger.save()
        await ledger.note(_entries(decision, inputs.now))
    except AccessError as error:
        return error
    return None


def _entries(decision: Decision, now: float) -> Iterator[Entry]:
    for one in decision.opened:
        yield Entry(at=now, what="opened", incident=one)
    for telling in decision.tellings:
        for item in telling.items:
            yield Entry(at=now, what=item.why, incident=item.incident)
    for one in decision.closed:
        yield Entry(at=now, what="closed", incident=one)


def _read_said(state: Path) -> tuple[Desk, tuple[Cordon, ...]]:
    return load_desk(state), load_cordons(state)


def _touch(path: Path) -> None:
    with contextlib.suppress(OSError, AccessError):  # a full disk: that nobody looks is told then, as it should
        make_private_folder(path.parent)
        path.touch(mode=0o600)
