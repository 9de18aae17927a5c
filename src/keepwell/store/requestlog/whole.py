"""All requests that are known: those in the log, and those that are still in the gateway's inbox; nothing twice.

Where no log is given it is the one in the files of the state folder.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import closing, contextmanager
from operator import attrgetter
from pathlib import Path

from keepwell.store.request_log import Mark, RequestLog
from keepwell.store.requestlog.columns import MICRO, complete, fits, make_row
from keepwell.store.requestlog.files import open_request_log
from keepwell.store.requestlog.inbox import MOST, key_of, leave_out_known, read_unmoved
from keepwell.store.requests import EVERY, RECORD_FILE, RequestRow, Wanted, find_by_id, read_rows

_AT = attrgetter("at")
#: Rows of the inbox that wait for their turn, so that they come in the order in which they came: they are in the order
#: of their ends there.
_WAITING = 20_000
#: Requests that are remembered as told, for the case that the hub moves them at this moment.
_TOLD = 200_000


def each_request(state: Path, since: float, until: float, log: RequestLog | None = None) -> Iterator[RequestRow]:
    """Requests that came from `since` on and before `until` (seconds since the epoch), the oldest first; never all of
    them in memory. Raises AccessError.
    """
    told: set[tuple[int, int]] = set()
    with _opened(state, log) as opened:
        inbox = _in_order(_walk_inbox(state, opened), since, until, told)
        yield from heapq.merge(inbox, _leave_out(opened.between(since, until), told), key=_AT)


def newest_requests(
    state: Path, *, last: int = 20, wanted: Wanted = EVERY, log: RequestLog | None = None
) -> list[RequestRow]:
    """The newest of this kind, the oldest of them first. Raises AccessError."""
    inbox = state / RECORD_FILE
    fresh: list[RequestRow] = []
    with _opened(state, log) as opened:
        unmoved = read_unmoved(inbox, opened.find_mark(opened.source), 1).rows
        if unmoved:
            fresh = [row for _, row in read_rows(inbox, after=unmoved[0][0] - 1, last=last, wanted=wanted)]
        told = {_key(row) for row in fresh}
        older = [row for _, row in opened.newest(last=last, wanted=wanted) if _key(row) not in told]
    return (older + fresh)[-last:]


def find_requests(state: Path, request: int, log: RequestLog | None = None) -> list[RequestRow]:
    """Those with this id: one, as a rule. Raises AccessError."""
    with _opened(state, log) as opened:
        found = {_key(row): row for row in opened.find(request)}
    found.update({_key(row): row for row in find_by_id(state / RECORD_FILE, request)})
    return list(found.values())


@contextmanager
def _opened(state: Path, log: RequestLog | None) -> Iterator[RequestLog]:
    """This log, or the one in the state folder, which is closed again."""
    if log is not None:
        yield log
        return
    with closing(open_request_log(state)) as opened:
        yield opened


def _walk_inbox(state: Path, log: RequestLog) -> Iterator[RequestRow]:
    """Rows that are not in the log yet, in the order of their ends."""
    mark = log.find_mark(log.source)
    found = read_unmoved(state / RECORD_FILE, mark, MOST)
    while found.rows:
        yield from (make_row(row) for row in complete([row for row in leave_out_known(found, log) if fits(row)]))
        if len(found.rows) < MOST:
            return
        number, row = found.rows[-1]
        request, at = key_of(row)
        mark = Mark(source=log.source, number=number, id=request, at=at, doubtful=found.doubtful)
        found = read_unmoved(state / RECORD_FILE, mark, MOST)


def _in_order(
    rows: Iterator[RequestRow], since: float, until: float, told: set[tuple[int, int]]
) -> Iterator[RequestRow]:
    waiting: list[tuple[float, int, RequestRow]] = []
    for place, row in enumerate(rows):
        if not since <= row.at < until:
            continue
        if len(told) < _TOLD:
            told.add(_key(row))
        heapq.heappush(waiting, (row.at, place, row))
        if len(waiting) > _WAITING:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _leave_out(rows: Iterator[RequestRow], told: set[tuple[int, int]]) -> Iterator[RequestRow]:
    return (row for row in rows if _key(row) not in told)


def _key(row: RequestRow) -> tuple[int, int]:
    return row.id, round(row.at * MICRO)
