"""The boots that a journal holds, as `journalctl --list-boots --utc` prints them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

#: systemd to 252: ` -1 f3c0... Wed 2026-11-18 10:12:13 UTC—Thu 2026-11-19 09:00:00 UTC`; later in columns, with a
#: heading. With --utc every time is in UTC.
_BOOT = re.compile(
    r"^\s{0,8}(-?\d{1,6})\s+([0-9a-f]{32})\s+\S{1,12} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC"
    r"\s{0,4}(?:—|-|\s)\s{0,4}\S{1,12} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC\s*$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalBoot:
    """One boot: 0 is this one, -1 the one before. Its first and last entry, in seconds since the epoch."""

    index: int
    boot_id: str
    first_at: float
    last_at: float


def parse_boots(text: str) -> tuple[JournalBoot, ...]:
    """The boots in order, oldest first; lines of another shape are left out."""
    found = (_BOOT.match(line) for line in text.splitlines())
    boots = (_boot(one) for one in found if one is not None)
    return tuple(one for one in boots if one is not None)


def _boot(found: re.Match[str]) -> JournalBoot | None:
    try:
        first, last = (datetime.fromisoformat(one).replace(tzinfo=UTC).timestamp() for one in (found[3], found[4]))
    except ValueError:
        return None
    return JournalBoot(index=int(found[1]), boot_id=found[2], first_at=first, last_at=last)
