"""Writes the record of requests beside the data plane: a bounded queue and one thread, so that no request waits.

What finds no room is counted, and so is what could not be written.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.gateway.facts import Facts
from keepwell.store.requests import RequestRow, add_rows, open_record

#: Requests that may wait to be written: some seconds of the most that one process serves.
WAITING = 50_000
#: Seconds between two writes.
WRITE_SECONDS = 0.5


class Recorder:
    """`lost` counts requests that are not in the record; `why` is the last reason."""

    def __init__(self, path: Path) -> None:
        self.lost = 0
        self.why = ""
        self._path = path
        self._waiting: deque[Facts] = deque()
        self._connection: sqlite3.Connection | None = None
        self._offset = time.time() - time.monotonic()

    def put(self, facts: Facts) -> None:
        """A request is over. Costs an append."""
        if len(self._waiting) >= WAITING:
            self.lost += 1
            self.why = "too many at once"
        else:
            self._waiting.append(facts)

    async def keep_writing(self) -> None:
        """Write what is there, again and again."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            if self._waiting:
                await asyncio.to_thread(self.write)

    def write(self) -> None:
        """Write all that waits."""
        taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            if self._connection is None:
                self._connection = open_record(self._path)
            add_rows(self._connection, [_row(one, self._offset) for one in taken])
        except (AccessError, sqlite3.Error) as error:
            self.lost += len(taken)
            self.why = str(error)

    def close(self) -> None:
        """Write the rest."""
        if self._waiting:
            self.write()
        if self._connection is not None:
            self._connection.close()


def _row(facts: Facts, offset: float) -> RequestRow:
    usage = facts.usage
    return RequestRow(
        id=facts.id,
        at=round(facts.began + offset, 6),
        key=facts.key,
        path=facts.path,
        dialect=facts.dialect,
        route=facts.route,
        asked=facts.asked,
        answered=facts.answered,
        replica=facts.replica,
        status=facts.status,
        outcome=facts.error,
        stream=facts.stream,
        retries=facts.retries,
        queue_seconds=_between(facts.began, facts.started),
        first_byte_seconds=_between(facts.began, facts.first),
        total_seconds=_between(facts.began, facts.ended),
        output_token_seconds=_pace(facts),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        bytes_out=facts.bytes_out,
    )


def _between(begin: float, end: float) -> float:
    """Seconds, -1 where there was no end."""
    if not end:
        return -1.0
    return round(end - begin, 6)


def _pace(facts: Facts) -> float:
    """Seconds for each output token after the first, -1 where it cannot be told."""
    if not facts.stream or facts.usage.output_tokens < 2:
        return -1.0
    return round((facts.last - facts.first) / (facts.usage.output_tokens - 1), 6)
