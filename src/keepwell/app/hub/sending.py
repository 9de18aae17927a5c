"""The duty that sends numbers to the receivers of keepwell.toml, each by itself: a slow one holds up no other."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

from keepwell.app.hub.duty import Hub
from keepwell.app.hub.outlet import Outlet, describe
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import service
from keepwell.core.series import Batch

#: Seconds between two looks whether anything is due.
LOOK_SECONDS = 1.0
#: Seconds for which a receiver must have failed before its owner is told: it may be starting again.
FAILING_SECONDS = 300.0
#: Where messages wait, in the state folder.
FOLDER = "sinks"
#: What a name may hold to stand in a path.
_UNFIT = re.compile("[^A-Za-z0-9_-]")


class Sending:
    """Receivers come and go with keepwell.toml; what waits for one that is gone stays where it is."""

    name = "sinks"
    every_seconds = LOOK_SECONDS

    def __init__(self) -> None:
        self._outlets: dict[str, Outlet] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def do(self, hub: Hub, now: float) -> None:
        """Begin to send to each that is due and has nothing under way. Raises what a bug in a sink raises."""
        self._settle(hub)
        for name, task in list(self._tasks.items()):
            if task.done():
                del self._tasks[name]
                task.result()
        for name, outlet in self._outlets.items():
            if name not in self._tasks and outlet.is_due(now):
                self._tasks[name] = asyncio.create_task(outlet.send(hub.table, hub.wiring.hands, now))
        if self._outlets:
            hub.table.put(Batch(node=hub.here, at=now, readings=describe(self._outlets.values(), hub.here)))
        hub.board.pin(self.name, self._findings(hub, now), now)

    async def close(self) -> None:
        """What is under way ends; what was not taken waits on disk for the next time."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _settle(self, hub: Hub) -> None:
        entries = {one.name: one for one in hub.wiring.config.sinks}
        for name in [name for name in self._outlets if name not in entries]:
            del self._outlets[name]
        for name, entry in entries.items():
            known = self._outlets.get(name)
            if known is None or (known.entry != entry and name not in self._tasks):
                folder = hub.state / FOLDER / _UNFIT.sub("_", f"{entry.kind}-{name}")
                self._outlets[name] = Outlet(entry, folder)

    def _findings(self, hub: Hub, now: float) -> Iterator[Finding]:
        for name, one in self._outlets.items():
            subject = service(hub.here, f"hub/sink/{name}")
            facts = {"sink": name, "url": one.entry.url}
            if one.problem and now - one.failing_since >= FAILING_SECONDS:
                waiting, _ = one.waiting
                message = f"numbers do not reach {name}: {one.problem}; {waiting} messages wait"
                yield Finding(check="hub.sink", subject=subject, status=Status.WARNING, message=message, facts=facts)
            else:
                yield Finding(
                    check="hub.sink", subject=subject, status=Status.OK, message=f"{name} takes what it is sent"
                )
