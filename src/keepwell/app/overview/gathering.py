"""What is not in the hub's memory: the gateway's requests, incidents, batches and jobs; read when it may be new."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from keepwell.app.operation import Caller
from keepwell.app.overview.model import WorkRow
from keepwell.app.overview.work import Paces, draw_batches, draw_jobs
from keepwell.app.serving.doors import ask_planes
from keepwell.core.errors import KeepwellError
from keepwell.gateway.record.state import GatewayState
from keepwell.store.alert_state import FILE_NAME, AlertFile, load_alerts
from keepwell.transport.base import Transport

#: Seconds for which batches and jobs are believed: each of them costs a file or a database to open.
WORK_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """`notes` say what could not be read, and why."""

    planes: tuple[GatewayState, ...] = ()
    alerts: AlertFile = field(default_factory=AlertFile)
    work: tuple[WorkRow, ...] = ()
    notes: tuple[str, ...] = ()


NOTHING = Gathered()


class Gatherer:
    """Keeps what it read until it is old, or its file is another one. One of them a state folder."""

    def __init__(self) -> None:
        self._alerts = AlertFile()
        self._stamp: tuple[int, int] = (0, 0)
        self._work: tuple[WorkRow, ...] = ()
        self._problems: tuple[str, ...] = ()
        self._worked_at = 0.0
        self._paces = Paces()

    async def gather(self, state: Path, hands: Transport, now: float) -> Gathered:
        """All of it at this instant. Never raises for what is on disk: that is a note."""
        planes = await ask_planes(state, hands)
        notes = await asyncio.to_thread(self._read, state, now)
        return Gathered(planes=tuple(planes), alerts=self._alerts, work=self._work, notes=notes)

    def _read(self, state: Path, now: float) -> tuple[str, ...]:
        notes = self._read_alerts(state)
        if not 0 <= now - self._worked_at < WORK_SECONDS:
            self._worked_at = now
            self._read_work(Caller(asked_by="overview", state=state), now)
        return (*notes, *self._problems)

    def _read_alerts(self, state: Path) -> tuple[str, ...]:
        stamp = _stamp(state / FILE_NAME)
        if stamp == self._stamp:
            return ()
        try:
            self._alerts = load_alerts(state)
        except (KeepwellError, OSError) as error:
            return (f"alerts: {error}",)
        self._stamp = stamp
        return ()

    def _read_work(self, caller: Caller, now: float) -> None:
        from keepwell.app.batching.listing import list_batches  # what they import takes a while
        from keepwell.app.jobs.asking import list_jobs

        try:
            batches, jobs = list_batches(caller), list_jobs(caller)
        except KeepwellError as error:
            self._problems = (f"work: {error}",)
            return
        self._work = (*draw_batches(batches.batches, self._paces, now), *draw_jobs(jobs.jobs, now))
        self._problems = (*batches.problems, *jobs.problems)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino
