"""Moves rows from the gateway's inbox into the log, each exactly once, whatever ends when.

How far it has come (a Mark) is written in the transaction of the rows. The inbox may be deleted, replaced by an older
copy or begin anew at 1 meanwhile: the mark names the request that stood at its number. Where the inbox holds another
one there, or none although it should, all that the inbox has is gone through again, and rows that the log has already
(the same id in the same microsecond) are passed over.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from keepwell.core.errors import AccessError
from keepwell.store.request_log import Mark, RequestLog
from keepwell.store.requestlog.columns import MICRO, fits
from keepwell.store.requests import COLUMNS, Values, open_to_read, parse_rows

#: Rows that are moved in one transaction: of more, memory and the time that others wait for the file would grow.
MOST = 10_000
_AT = COLUMNS.index("at")
#: Numbers from here on fit into no log.
_LARGEST = 2**63
#: The numbers of its first and its last row, by the first and the last of its texts.
_BOUNDS = (
    "SELECT coalesce(min(first), 0), coalesce(max(first + count) - 1, 0) FROM batch"
    " WHERE first IN ((SELECT min(first) FROM batch), (SELECT max(first) FROM batch))"
)
#: A row of the inbox with its number there.
Numbered: TypeAlias = tuple[int, Values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What one look moved: `rows` of them; `again` were in the log already, `unfit` are no rows, `missed` had gone from
    the inbox before. `more` says that there is more.
    """

    rows: int = 0
    again: int = 0
    unfit: int = 0
    missed: int = 0
    more: bool = False


NOTHING = Moved()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmoved:
    """Rows of an inbox that come after a mark. Those up to `doubtful` may be in the log; `missed` as in Moved."""

    rows: Sequence[Numbered]
    doubtful: int = 0
    missed: int = 0


def move(inbox: Path, log: RequestLog, *, most: int = MOST) -> Moved:
    """Move rows that are not in the log yet, about `most` at once. Raises AccessError: nothing was moved then."""
    found = read_unmoved(inbox, log.find_mark(log.source), most)
    if not found.rows:
        return NOTHING
    number, last = found.rows[-1]
    request, at = key_of(last)
    mark = Mark(source=log.source, number=number, id=request, at=at, doubtful=found.doubtful)
    fresh = leave_out_known(found, log)
    again = len(found.rows) - len(fresh)
    try:
        log.add(fresh, mark)
    except ValueError:  # some are no rows: what was written by somebody else
        fresh = [row for row in fresh if fits(row)]
        log.add(fresh, mark)
    unfit = len(found.rows) - again - len(fresh)
    more = len(found.rows) >= most
    return Moved(rows=len(fresh), again=again, unfit=unfit, missed=found.missed, more=more)


def read_unmoved(inbox: Path, mark: Mark | None, most: int) -> Unmoved:
    """Rows after the mark, the oldest first, about `most`; none where there is no inbox. Raises AccessError."""
    if not inbox.exists():
        return Unmoved(rows=())
    try:
        with closing(open_to_read(inbox)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'batch'").fetchone():
                return Unmoved(rows=())  # it is being made at this moment
            connection.execute("BEGIN")
            return _read_unmoved(connection, mark, most)
    except (sqlite3.Error, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise AccessError(f"the record of requests cannot be read: {error}", where=str(inbox)) from error


def leave_out_known(found: Unmoved, log: RequestLog) -> list[Values]:
    """Those rows that the log has not."""
    keys = {number: key_of(row) for number, row in found.rows if number <= found.doubtful}
    known = log.known(list(keys.values()))
    return [row for number, row in found.rows if keys.get(number) not in known]


def key_of(row: Values) -> tuple[int, int]:
    """The request's id and the microsecond in which it came, as the log keeps them; 0 for what is no number."""
    request, at = (*row, 0)[0], (*row, *(0,) * (_AT + 1))[_AT]
    if not isinstance(request, int) or abs(request) >= _LARGEST:
        request = 0
    if not isinstance(at, int | float) or not abs(at) < _LARGEST / MICRO:
        at = 0
    return request, round(at * MICRO)


def _read_unmoved(connection: sqlite3.Connection, mark: Mark | None, most: int) -> Unmoved:
    first, last = connection.execute(_BOUNDS).fetchone()
    if mark is None:
        return Unmoved(rows=_take(connection, 0, most))
    there = _take(connection, mark.number - 1, 1)[:1]
    if [(number, *key_of(row)) for number, row in there] == [(mark.number, mark.id, mark.at)]:
        return Unmoved(rows=_take(connection, mark.number, most), doubtful=mark.doubtful)
    missed = max(0, first - mark.number - 1)  # the oldest have gone; in another inbox it begins with 1
    return Unmoved(rows=_take(connection, 0, most), doubtful=last, missed=missed)


def _take(connection: sqlite3.Connection, after: int, most: int) -> list[Numbered]:
    """Rows after this number, as many texts of them as it takes for `most`."""
    (start,) = connection.execute("SELECT max(first) FROM batch WHERE first <= ?", (after + 1,)).fetchone()
    found: list[Numbered] = []
    for first, text in connection.execute(
        "SELECT first, rows FROM batch WHERE first >= ? ORDER BY first", (start or 0,)
    ):
        found.extend(one for one in enumerate(parse_rows(text), first) if one[0] > after)
        if len(found) >= most:
            break
    return found
