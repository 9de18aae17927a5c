"""The state of alerts in the hub: held in memory, on disk whenever it changed and before anything is sent for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from keepwell.core.errors import DamagedError
from keepwell.store.alert_history import Entry, add_entries
from keepwell.store.alert_state import FILE_NAME, AlertFile, load_alerts, save_alerts

#: Seconds until a change is put on disk that no decision goes by: the words of a condition, when it was heard of.
SLIGHT_SECONDS = 60.0


class Ledger:
    """`file` is the newest; whoever changes it calls `save`. Only one hub may have a state folder."""

    def __init__(self, state: Path) -> None:
        self.file = AlertFile()
        self._state = state
        self._saved = self.file
        self._saved_at = 0.0
        self._lock = asyncio.Lock()

    async def load(self) -> str:
        """Read what was kept. A file that cannot be used is put aside; says so in a sentence, else ""."""
        try:
            self.file = self._saved = await asyncio.to_thread(load_alerts, self._state)
        except DamagedError as error:
            aside = self._state / f"{FILE_NAME}.damaged"
            (self._state / FILE_NAME).rename(aside)
            return f"alerts: {error.what}; it was put aside as {aside}, what is wrong now is told anew"
        return ""

    async def save(self) -> None:
        """Put it on disk if it changed; slight changes once a minute. Raises AccessError; then it is tried again at the
        next call.
        """
        async with self._lock:
            file, now = self.file, time.monotonic()
            if file == self._saved or (now - self._saved_at < SLIGHT_SECONDS and _weight(file) == _weight(self._saved)):
                return
            await asyncio.to_thread(save_alerts, self._state, file)
            self._saved, self._saved_at = file, now

    async def note(self, entries: Iterable[Entry]) -> None:
        """Write into the history. Raises AccessError."""
        found = tuple(entries)
        if found:
            await asyncio.to_thread(add_entries, self._state, found)


def _weight(file: AlertFile) -> AlertFile:
    """The file without what changes all the time and decides nothing."""
    conditions = {key: replace(one, message="", heard_at=0.0, facts={}) for key, one in file.state.conditions.items()}
    incidents = {name: replace(one, message="") for name, one in file.state.incidents.items()}
    return replace(file, state=replace(file.state, conditions=conditions, incidents=incidents))
