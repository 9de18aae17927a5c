"""A sign of life to somebody outside, who notices when it stays away: what keepwell cannot tell itself."""

from __future__ import annotations

import asyncio
import os
import urllib.request
from collections.abc import Callable, Mapping
from urllib.error import HTTPError

from keepwell.alerts.outbox import MUTE_SECONDS, failing_for
from keepwell.config import load_secret
from keepwell.config.alert_model import AlertsEntry
from keepwell.core.errors import ConfigurationError
from keepwell.store.alert_state import OutletState

#: Seconds for one sign of life.
TIMEOUT_SECONDS = 10.0


class Heartbeat:
    """Asks an address again and again; one request at a time."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._at = 0.0
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def beat(self, entry: AlertsEntry, outlets: Mapping[str, OutletState], now: float) -> None:
        """If it is time and messages can go out."""
        if entry.heartbeat is None or now - self._at < entry.heartbeat_seconds or is_mute(outlets, now):
            return
        if self._task is None or self._task.done():
            self._at = now
            self._task = asyncio.create_task(self._ask(entry))

    async def close(self) -> None:
        """Nothing is under way afterwards."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _ask(self, entry: AlertsEntry) -> None:
        problem = await asyncio.to_thread(ask, entry)
        if problem and not self._failing:
            self._tell(f"alerts: the heartbeat was not taken: {problem}")
        self._failing = bool(problem)


def is_mute(outlets: Mapping[str, OutletState], now: float) -> bool:
    """True if there are outlets and all are mute: nobody can be told, so the sign of life stays away as well."""
    return bool(outlets) and all(failing_for(outlets, name, now) >= MUTE_SECONDS for name in outlets)


def ask(entry: AlertsEntry) -> str:
    """One request; "" where it was answered well, else why not, without the address. Blocks, within its limit."""
    try:
        address = load_secret(entry.heartbeat, os.environ)
    except ConfigurationError as error:
        return str(error)
    if not address.startswith(("http://", "https://")):
        return "its address begins with neither http:// nor https://"
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS):
            return ""
    except HTTPError as error:
        return f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", "") or type(error).__name__)
