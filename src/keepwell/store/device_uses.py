"""What of a device those had who had its time: memory now and at most, and for how long it worked for them.

One JSON file in the state folder, for its owner alone, by wish; losing it costs these figures and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing
from keepwell.store.folder import read_private, replace_private

USES_FILE = "devices/uses.json"
#: Bytes of the file, and wishes of which it tells, the newest.
USES_BYTES, KEPT = 1024 * 1024, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceUse:
    """Of one wish, when it was looked at last (`at`, seconds since the epoch): bytes of the device's memory then and at
    most, and seconds in which the device worked for it, as far as looks saw.
    """

    at: float
    memory_bytes: int | Missing
    peak_memory_bytes: int | Missing
    busy_seconds: float | Missing


def load_uses(state: Path) -> dict[str, DeviceUse]:
    """By wish; none where there is no file, or one that cannot be used."""
    try:
        return msgspec.json.decode(read_private(state / USES_FILE, USES_BYTES), type=dict[str, DeviceUse])
    except (FileNotFoundError, ValueError, RecursionError):
        return {}


def save_uses(state: Path, uses: Mapping[str, DeviceUse]) -> None:
    """Replace the file. What cannot be written is not known later."""
    newest = sorted(uses.items(), key=_at)[-KEPT:]
    try:
        replace_private(state / USES_FILE, msgspec.json.encode(dict(newest)))
    except AccessError:
        return


def _at(item: tuple[str, DeviceUse]) -> float:
    return item[1].at
