"""From the record of requests: answers of another model than was asked, counted by replica and names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.store.requests import RECORD_FILE, find_rows

#: Rows that are told, the newest: there are as many as names were mixed up.
TOLD = 100
#: What the record calls such an answer.
MISMATCH = "mismatch"


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
    found: dict[tuple[str, str, str], Mismatch] = {}
    try:
        for row in find_rows(state / RECORD_FILE, MISMATCH, since):
            key = row.replica, row.asked, row.answered
            if row.proof == MISMATCH and key in found:
                known = found[key]
                found[key] = replace(known, count=known.count + 1, last_at=max(known.last_at, row.at))
            elif row.proof == MISMATCH:
                found[key] = Mismatch(
                    replica=row.replica, asked=row.asked, answered=row.answered, count=1, last_at=row.at
                )
    except AccessError:
        return ()
    return tuple(sorted(found.values(), key=attrgetter("last_at"), reverse=True)[:TOLD])
