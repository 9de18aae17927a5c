"""The duty that moves requests from the gateway's record into the log, and keeps the log in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from keepwell.app.hub.duty import Hub
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import Ref, service
from keepwell.core.series import Batch, Reading, SeriesKey
from keepwell.store.request_log import RequestLog
from keepwell.store.requestlog.inbox import Moved, move
from keepwell.store.requestlog.months import LOG_FOLDER, all_wal_bytes
from keepwell.store.requests import RECORD_FILE

#: Under which name its findings are pinned.
SOURCE = "requests"
#: Seconds between two times that sketches are made and the write-ahead log is emptied, and that old months are let go
#: of: a month ends no sooner.
TEND_SECONDS, DROP_SECONDS = 10.0, 3600.0
#: Seconds for which requests are kept: thirteen months, so that a month can be seen beside that of a year ago.
KEPT_SECONDS = 400 * 86400.0
#: Moves of one go, each of some ten thousand rows: a million rows that waited take a minute, and others their turn.
GOES = 20
#: Bytes of the write-ahead log that the owner is told of: some reader has not let go for a long time.
WAL_ALARM_BYTES = 256 << 20


class Moving:
    """Each second what came; a crash at any instant moves nothing twice and loses nothing."""

    name = "requests"
    every_seconds = 1.0

    def __init__(self) -> None:
        self._tended = self._dropped = 0.0
        self._rows = self._missed = self._unfit = 0
        self._log: RequestLog | None = None

    async def do(self, hub: Hub, now: float) -> None:
        """Move, and tend the log every so often. Raises AccessError: then all waits in the gateway's record."""
        self._log = hub.requests
        try:
            await asyncio.to_thread(self._move, hub.state / RECORD_FILE, hub.requests)
            if abs(now - self._tended) >= TEND_SECONDS:
                self._tended = now
                await asyncio.to_thread(hub.requests.tend)
            if abs(now - self._dropped) >= DROP_SECONDS:
                self._dropped = now
                await asyncio.to_thread(hub.requests.drop, now - KEPT_SECONDS)
        finally:
            self._tell(hub, now)

    async def close(self) -> None:
        """Make the sketches of the last rows, and let go of the file."""
        if self._log is not None:
            await asyncio.to_thread(self._log.tend)
            await asyncio.to_thread(self._log.close)

    def _move(self, inbox: Path, log: RequestLog) -> None:
        for _ in range(GOES):
            moved = move(inbox, log)
            self._count(moved)
            if not moved.more:
                return

    def _count(self, moved: Moved) -> None:
        self._rows += moved.rows
        self._missed += moved.missed
        self._unfit += moved.unfit

    def _tell(self, hub: Hub, now: float) -> None:
        size = all_wal_bytes(hub.state / LOG_FOLDER)
        hub.table.put(Batch(node=hub.here, at=now, readings=list(self._readings(hub.here, size))))
        hub.board.pin(SOURCE, find_trouble(hub.here, size), now)

    def _readings(self, node: str, size: int) -> Iterator[Reading]:
        subject = str(Ref("node", (node,)))
        yield SeriesKey("hub.requests_logged_total", subject), float(self._rows)
        yield SeriesKey("hub.requests_missed_total", subject), float(self._missed)
        yield SeriesKey("hub.requests_unfit_total", subject), float(self._unfit)
        yield SeriesKey("hub.request_log_wal_bytes", subject), float(size)


def find_trouble(node: str, size: int) -> Iterator[Finding]:
    """What the owner should know of the log: that a reader keeps its write-ahead log, of this many bytes, growing."""
    if size > WAL_ALARM_BYTES:
        yield Finding(
            check="hub.request_log",
            subject=service(node, "hub/requests"),
            status=Status.WARNING,
            message=f"the write-ahead log of requests has {size >> 20} MiB: a program reads it and does not let go",
            facts={"kind": "wal", "bytes": str(size), "command": "fuser -v <state>/requests/*.db"},
        )
