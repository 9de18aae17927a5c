"""Rows of one month's file, by number, id, time, or what they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import accumulate

from keepwell.store.request_log import Mark
from keepwell.store.requestlog.columns import MICRO, make_row
from keepwell.store.requestlog.schema import ZONE, ZONE_BITS, get_about
from keepwell.store.requests import COLUMNS, RequestRow, Wanted

_ROWS = f"SELECT number, {', '.join(COLUMNS)} FROM requests"
#: Requests that are looked for in one question; SQLite takes some thousands.
_AT_ONCE = 500
#: Rows that wait for their turn in a span at most, so that memory is bounded: beyond, they come in the order of ends.
_WAITING = 100_000


def load_last(connection: sqlite3.Connection) -> int:
    """The number of its newest row, or of the one before its first."""
    (newest,) = connection.execute("SELECT max(number) FROM request").fetchone()
    return max(int(newest or 0), get_about(connection, "floor"))


def load_after(connection: sqlite3.Connection, number: int, most: int) -> list[tuple[int, RequestRow]]:
    """Rows after that number, the oldest first."""
    found = connection.execute(f"{_ROWS} WHERE number > ? ORDER BY number LIMIT ?", (number, most))
    return [(values[0], make_row(values[1:])) for values in found]


def load_by_id(connection: sqlite3.Connection, request: int) -> list[RequestRow]:
    """Rows of this request."""
    found = connection.execute(f"{_ROWS} WHERE id = ? ORDER BY number", (request,))
    return [make_row(values[1:]) for values in found]


def load_newest(connection: sqlite3.Connection, last: int, wanted: Wanted) -> list[tuple[int, RequestRow]]:
    """The newest of this kind, the newest first."""
    since = round(wanted.since * MICRO)
    (zone,) = connection.execute("SELECT min(zone) FROM zone WHERE high >= ?", (since,)).fetchone()
    if zone is None:
        return []
    clauses = {"key = :key": wanted.key, ":route IN (route, asked)": wanted.route}
    clauses["(outcome <> '' OR status >= 400)"] = wanted.failed * "failed"
    kinds = [clause for clause, wish in clauses.items() if wish]
    query = f"{_ROWS} WHERE number >= :first AND at >= :since"
    if kinds:
        query += f" AND number IN (SELECT number FROM request WHERE number >= :first AND kind IN ({_kinds(kinds)}))"
    values = {"key": wanted.key, "route": wanted.route, "first": zone << ZONE_BITS, "since": wanted.since, "most": last}
    found = connection.execute(f"{query} ORDER BY number DESC LIMIT :most", values)
    return [(values[0], make_row(values[1:])) for values in found]


def walk_between(connection: sqlite3.Connection, since: float, until: float) -> Iterator[RequestRow]:
    """Rows that came in this span, the oldest first. No transaction is open while nobody asks for more."""
    bounds = round(since * MICRO), round(until * MICRO)
    query = "SELECT zone, low FROM zone WHERE high >= ? AND low < ? ORDER BY zone"
    zones = connection.execute(query, bounds).fetchall()
    coming = list(accumulate((low for _, low in reversed(zones)), min))[::-1]  # nothing older is in this zone or later
    waiting: list[tuple[float, int, RequestRow]] = []
    for place, (zone, _) in enumerate(zones):
        for number, row in _load_zone(connection, zone):
            if since <= row.at < until:
                heappush(waiting, (row.at, number, row))
        before = coming[place + 1 : place + 2] or [bounds[1]]
        while waiting and (waiting[0][0] * MICRO < before[0] or len(waiting) > _WAITING):
            yield heappop(waiting)[2]
    while waiting:
        yield heappop(waiting)[2]


def load_known(connection: sqlite3.Connection, keys: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Which of these requests, each an id and the microsecond in which it came, are here."""
    found: set[tuple[int, int]] = set()
    for start in range(0, len(keys), _AT_ONCE):
        ids = [one for one, _ in keys[start : start + _AT_ONCE]]
        marks = ", ".join("?" * len(ids))
        found.update(connection.execute(f"SELECT id, at FROM request WHERE id IN ({marks})", ids))
    return found & set(keys)


def load_marks(connection: sqlite3.Connection) -> list[Mark]:
    """How far each inbox was moved when rows were added here."""
    found = connection.execute("SELECT source, number, id, at, doubtful FROM mark")
    return [
        Mark(source=source, number=number, id=request, at=at, doubtful=doubtful)
        for source, number, request, at, doubtful in found
    ]


def save_mark(connection: sqlite3.Connection, mark: Mark) -> None:
    """In place of that source's last one; within the transaction of its rows."""
    values = (mark.source, mark.number, mark.id, mark.at, mark.doubtful)
    connection.execute("INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?, ?)", values)


def _load_zone(connection: sqlite3.Connection, zone: int) -> list[tuple[int, RequestRow]]:
    first = zone << ZONE_BITS
    found = connection.execute(f"{_ROWS} WHERE number BETWEEN ? AND ? ORDER BY number", (first, first + ZONE - 1))
    return [(values[0], make_row(values[1:])) for values in found]


def _kinds(clauses: Sequence[str]) -> str:
    return f"SELECT kind FROM kind WHERE {' AND '.join(clauses)}"
