"""What the gateway serves: its routes, replicas and models, as its settings say; read again when they are others."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from pathlib import Path

from keepwell.gateway.door import load_plates
from keepwell.gateway.settings import SETTINGS_FILE, Settings, load_settings


async def read_settings(state: Path) -> Settings | None:
    """Those of the last start; None where no gateway ran yet. Raises ConfigurationError for a damaged file."""
    path = state / SETTINGS_FILE
    try:
        found = path.stat()
    except OSError:
        return None
    return await asyncio.to_thread(_load, path, found.st_mtime_ns, found.st_ino)


def is_serving(state: Path) -> bool:
    """True while a gateway runs on this state folder."""
    return bool(load_plates(state))


@lru_cache(maxsize=4)
def _load(path: Path, changed_at: int, inode: int) -> Settings:
    return load_settings(path)
