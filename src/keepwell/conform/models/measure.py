"""Read every byte of the files of stores, on as many cores as there are, and tell their digests."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, failed
from keepwell.plugins.stock import StockFile
from keepwell.transport.base import DigestForm, Digests

#: Bytes a second of the slowest disk that is worth waiting for, and seconds beside: what takes longer hangs.
SLOWEST_BYTES, PATIENCE_SECONDS = 2_000_000, 60.0
#: Seconds between two words about how far it is.
TELL_SECONDS = 0.2

#: Told how many bytes are read, of how many.
Told: TypeAlias = Callable[[int, int], None]


async def measure(files: Sequence[StockFile], hands: Digests, at_once: int, tell: Told) -> dict[str, str | Missing]:
    """The digest of each file by its path, Missing where it could not be read. `at_once` files are read at a time, in
    the order given: the largest first keeps all cores busy to the end.
    """
    found: dict[str, str | Missing] = {}
    waiting = deque(files)
    count = _Count(sum(one.size_bytes for one in files))

    async def work() -> None:
        while waiting:
            file = waiting.popleft()
            found[file.path] = await _digest(file, hands, count.add)

    told = asyncio.create_task(_tell(count, tell))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(files))):
                group.create_task(work())
    finally:
        told.cancel()
    tell(count.done, count.total)
    return found


class _Count:
    """Bytes that are read; added to by several threads, so it may lag by a piece, and only a bar is drawn of it."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0

    def add(self, count: int) -> None:
        """So many more."""
        self.done += count


async def _tell(count: _Count, tell: Told) -> None:
    while True:
        tell(count.done, count.total)
        await asyncio.sleep(TELL_SECONDS)


async def _digest(file: StockFile, hands: Digests, tell: Callable[[int], None]) -> str | Missing:
    form: DigestForm = file.form or "sha256"
    seconds = PATIENCE_SECONDS + file.size_bytes / SLOWEST_BYTES
    try:
        return await hands.digest(file.path, form, timeout_seconds=seconds, tell=tell)
    except AccessError as error:
        return failed(error)
