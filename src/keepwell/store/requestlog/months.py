"""Which files there are: one for each month (UTC) in which rows were added."""

from __future__ import annotations

import re
import time
from calendar import timegm
from contextlib import suppress
from pathlib import Path

#: Where they lie in the state folder.
LOG_FOLDER = "requests"
_NAME = re.compile(r"(\d{4})-(\d{2})\.db")
#: What SQLite keeps beside a file.
_BESIDE = ("-wal", "-shm")


def list_months(folder: Path) -> list[Path]:
    """The files, the oldest month first; [] if there is no folder. Raises OSError."""
    try:
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except FileNotFoundError:
        return []


def month_of(folder: Path, now: float) -> Path:
    """The file of the month of this time, in seconds since the epoch."""
    return folder / time.strftime("%Y-%m.db", time.gmtime(now))


def end_of(path: Path) -> float:
    """When the month of this file ends, in seconds since the epoch."""
    year, month = (int(part) for part in path.stem.split("-"))
    return float(timegm((year, month + 1, 1, 0, 0, 0)))


def unlink_month(path: Path) -> None:
    """The file and what is beside it. Raises OSError."""
    path.unlink(missing_ok=True)
    for end in _BESIDE:
        path.with_name(path.name + end).unlink(missing_ok=True)


def put_aside(path: Path) -> None:
    """Keep a damaged file under another name."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    with suppress(OSError):
        path.rename(path.with_name(f"{path.name}.damaged-{stamp}"))
    for end in _BESIDE:
        with suppress(OSError):
            path.with_name(path.name + end).unlink()


def wal_bytes(path: Path) -> int:
    """Bytes of a file's write-ahead log; 0 if there is none."""
    try:
        return path.with_name(path.name + _BESIDE[0]).stat().st_size
    except OSError:
        return 0


def all_wal_bytes(folder: Path) -> int:
    """Bytes of write-ahead logs that could not be emptied yet; many where a reader does not let go."""
    try:
        return sum(map(wal_bytes, list_months(folder)))
    except OSError:
        return 0


def number_of(path: Path) -> int:
    """What tells this file from another one of the same name; 0 if it is not there."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0
