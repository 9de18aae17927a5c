"""Takes letters to outlets, one at a time for each, and keeps programs told of what lasts. Waits for nobody."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from keepwell.alerts.letters import deliver, find_notifier
from keepwell.alerts.outbox import Outlet, find_next, make_notice, note_try
from keepwell.alerts.wording import render_for_programs
from keepwell.app.alerting.ledger import Ledger
from keepwell.config import load_secret
from keepwell.config.alert_model import NotifyEntry
from keepwell.core.clock import Clock
from keepwell.core.errors import AccessError, ConfigurationError
from keepwell.core.finding import Status
from keepwell.store.alert_state import AlertState, Incident, OutletState


@dataclass(slots=True)
class _Program:
    """A program that is told again and again: what it was told lasts, and when last (0: it must be now)."""

    lasting: Mapping[str, Incident] = field(default_factory=dict)
    told_at: float = 0.0


class Courier:
    """Deliveries under way, by outlet."""

    def __init__(self, ledger: Ledger, clock: Clock, tell: Callable[[str], None]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._tell = tell
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._programs: dict[str, _Program] = {}
        self._pauses: dict[str, float] = {}

    @property
    def busy(self) -> bool:
        """True while anything is under way."""
        return any(not task.done() for task in self._tasks.values())

    def find_outlets(self, entries: Iterable[NotifyEntry]) -> tuple[Outlet, ...]:
        """Those that are told by letters; programs are told otherwise. Reads addresses, so it may block."""
        chosen = tuple(entries)
        for one in chosen:
            address, problem = read_address(one)
            if not problem or one.name not in self._pauses:
                self._pauses[one.name] = find_notifier(address).renews_seconds
        return tuple(Outlet(name=one.name, least=one.least) for one in chosen if not self._pauses[one.name])

    def go(self, entries: Iterable[NotifyEntry], lasting: Mapping[str, Incident], now: float) -> None:
        """Begin whatever is due at outlets that nothing is under way to; after `find_outlets`, which knows programs
        (`lasting` is for them) from people.
        """
        for entry in entries:
            task = self._tasks.get(entry.name)
            if task is not None and not task.done():
                continue
            if task is not None and not task.cancelled() and task.exception() is not None:
                raise RuntimeError(f"delivery to {entry.name} failed by a bug") from task.exception()
            self._tasks.pop(entry.name, None)
            pause = self._pauses.get(entry.name, 0.0)
            if pause and self._is_due(entry.name, lasting, now, pause):
                self._tasks[entry.name] = asyncio.create_task(self._renew(entry, lasting, now))
            elif not pause and find_next(self._ledger.file, entry.name, now) is not None:
                self._tasks[entry.name] = asyncio.create_task(self._send(entry))

    async def close(self) -> None:
        """Let go of what is under way; its letters stay and are taken by the next hub."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, entry: NotifyEntry) -> None:
        """All letters to one outlet that may go now, in order; each is gone for good before the next."""
        while (letter := find_next(self._ledger.file, entry.name, self._clock.now())) is not None:
            address, problem = await asyncio.to_thread(read_address, entry)
            if not problem:
                (problem,) = await deliver(address, (make_notice(letter),))
            self._say(entry.name, problem)
            self._ledger.file = note_try(self._ledger.file, letter, problem, self._clock.now())
            await self._save()

    def _is_due(self, name: str, lasting: Mapping[str, Incident], now: float, pause: float) -> bool:
        program = self._programs.setdefault(name, _Program())
        changed = lasting.keys() != program.lasting.keys()
        return changed or bool(lasting and now - program.told_at >= pause)

    async def _renew(self, entry: NotifyEntry, lasting: Mapping[str, Incident], now: float) -> None:
        """All that lasts, and the end of what did."""
        program = self._programs[entry.name]
        ended = [replace(one, ended_at=now) for name, one in program.lasting.items() if name not in lasting]
        least = {"warning": Status.WARNING, "critical": Status.CRITICAL}[entry.least]
        notices = [render_for_programs(one, one.keys[1:]) for one in (*lasting.values(), *ended) if one.most >= least]
        problem = ""
        if notices:
            address, problem = await asyncio.to_thread(read_address, entry)
            if not problem:
                outcomes = await deliver(address, tuple(notices))
                problem = next((one for one in outcomes if one), "")
        self._say(entry.name, problem)
        self._note(entry.name, problem)
        if not problem:
            self._programs[entry.name] = _Program(lasting, now)

    def _note(self, name: str, problem: str) -> None:
        now = self._clock.now()
        state = self._ledger.file.outlets.get(name, OutletState())
        after = replace(state, taken_at=now, failing_since=0.0, problem="")
        if problem:
            after = replace(state, failing_since=state.failing_since or now, problem=problem)
        self._ledger.file = replace(self._ledger.file, outlets={**self._ledger.file.outlets, name: after})

    def _say(self, name: str, problem: str) -> None:
        """Tell the owner once that an outlet takes nothing, and once that it does again."""
        failing = self._ledger.file.outlets.get(name, OutletState()).failing_since
        if problem and not failing:
            self._tell(f"alerts: {name} was not told: {problem}; it is tried again")
        elif failing and not problem:
            self._tell(f"alerts: {name} takes messages again")

    async def _save(self) -> None:
        try:
            await self._ledger.save()
        except AccessError as error:
            self._tell(f"alerts: {error}")


def find_lasting(state: AlertState, now: float) -> dict[str, Incident]:
    """What programs are told of: all that has waited for others to come with it, whatever hour it is."""
    return {
        name: one
        for name, one in state.incidents.items()
        if not one.ended_at and (one.told is not Status.OK or now >= one.due_at)
    }


def read_address(entry: NotifyEntry) -> tuple[str, str]:
    """An outlet's address as it stands there now, or "" and why not."""
    try:
        return load_secret(entry.address, os.environ), ""
    except ConfigurationError as error:
        return "", f"its address: {error}"
