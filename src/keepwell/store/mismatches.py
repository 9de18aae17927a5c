"""From the record of requests: answers of another model than was asked, counted by replica and names."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from keepwell.store.requests import RECORD_FILE

#: Rows that are told, the newest: there are as many as names were mixed up.
TOLD = 100
_QUERY = """
SELECT replica, asked, answered, count(*), max(at) FROM request
WHERE at >= ? AND proof = 'mismatch' GROUP BY replica, asked, answered ORDER BY max(at) DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """`count` answers of `replica` named the model `answered` where `asked` was asked, the last one at `last_at`."""

    replica: str
    asked: str
    answered: str
    count: int
    last_at: float


def find_mismatches(state: Path, since: float) -> tuple[Mismatch, ...]:
    """Those since a time, in seconds since the epoch; () where there is no record, or none that can be read.

    Costs a look at every row: some tenths of a second for a million.
    """
    path = state / RECORD_FILE
    if not path.exists():
        return ()
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
            rows = connection.execute(_QUERY, (since, TOLD)).fetchall()
    except sqlite3.Error:
        return ()
    return tuple(
        Mismatch(replica=str(one[0]), asked=str(one[1]), answered=str(one[2]), count=int(one[3]), last_at=float(one[4]))
        for one in rows
    )
