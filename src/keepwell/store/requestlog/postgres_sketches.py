"""Sketches in the database, made of rows that are there: with the row up to which they count, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import psycopg

from keepwell.store.request_log import MEASURES, MINUTES_SECONDS, Quantiles
from keepwell.store.requestlog import postgres_schema as schema
from keepwell.store.requestlog.asking import Piece, find_minutes, find_spans
from keepwell.store.requestlog.columns import MICRO
from keepwell.store.requestlog.sketch import encode
from keepwell.store.requestlog.tallies import HOUR, Tallies, make_label, merge, roll_up, tally_minutes

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
#: Rows that are put into sketches in one transaction.
FOLD_ROWS = 50_000


def get_about(connection: Connection, name: str) -> int:
    """One of the numbers that the database holds about itself; 0 where it has none of this name."""
    found = connection.execute("SELECT value FROM keepwell_about WHERE name = %s", (name,)).fetchone()
    return int((found or (0,))[0])


def hold_about(connection: Connection, name: str) -> int:
    """The same, held until this transaction ends."""
    query = "SELECT value FROM keepwell_about WHERE name = %s FOR UPDATE"
    return int((connection.execute(query, (name,)).fetchone() or (0,))[0])


def _tally_rest(connection: Connection, folded: int, most: int | None) -> tuple[int, int, Tallies]:
    """Of rows that no sketch counts: how many, the last one's number, and their tallies by minute."""
    rows = connection.execute(schema.MEASURED.encode(), (folded, most)).fetchall()
    well = (
        (make_label(route, replica, cold), at, measured)
        for _, fine, route, replica, cold, at, *measured in rows
        if fine
    )
    last = folded
    if rows:
        last = rows[-1][0]
    return len(rows), last, tally_minutes(well)


def fold(connection: Connection) -> int:
    """Put the next rows into sketches: how many there were."""
    folded = hold_about(connection, "folded")
    count, last, minutes = _tally_rest(connection, folded, FOLD_ROWS)
    if not count:
        return 0
    hours, routes = roll_up(minutes)
    for table, tallies in (("minute", minutes), ("hour", hours), ("route_hour", routes)):
        _add(connection, table, tallies)
    connection.execute("UPDATE keepwell_about SET value = %s WHERE name = 'folded'", (last,))
    _forget_minutes(connection)
    return count


def _add(connection: Connection, table: str, tallies: Tallies) -> None:
    key = "measure = %s AND at = %s AND route = %s AND replica = %s AND class = %s"
    find = f"SELECT sketch FROM keepwell_{table} WHERE {key}".encode()
    put = (
        f"INSERT INTO keepwell_{table} VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (measure, at, route, replica, class) DO UPDATE SET sketch = excluded.sketch"
    ).encode()
    for (at, label), counters in tallies.items():
        for measure, more in enumerate(counters):
            if more:
                place = (measure, at, *label)
                there = connection.execute(find, place).fetchone() or (None,)
                connection.execute(put, (*place, merge(there[0], more)))


def _forget_minutes(connection: Connection) -> None:
    """Those of whole hours that are too old; hours are there still."""
    newest = (connection.execute("SELECT max(at) FROM keepwell_request").fetchone() or (0,))[0] or 0
    since = int(newest / MICRO - MINUTES_SECONDS) // HOUR * HOUR
    if since > get_about(connection, "minutes"):
        connection.execute("DELETE FROM keepwell_minute WHERE at < %s", (since,))
        connection.execute("UPDATE keepwell_about SET value = %s WHERE name = 'minutes'", (since,))


def find_pieces(connection: Connection, question: Quantiles) -> Iterator[Piece]:
    """All sketches that the answer is made of, of those rows too that none counted yet."""
    measure = MEASURES.index(question.measure)
    for table, since, until in find_spans(question, get_about(connection, "minutes")):
        query = (
            f"SELECT at, route, replica, class, sketch FROM keepwell_{table}"
            " WHERE measure = %s AND at >= %s AND at < %s ORDER BY at"
        )
        for at, route, replica, name, sketch in connection.execute(query.encode(), (measure, since, until)).fetchall():
            yield at, (route, replica, name), sketch
    since, until = find_minutes(question)
    for (at, label), counters in _tally_rest(connection, get_about(connection, "folded"), None)[2].items():
        if since <= at < until and counters[measure]:
            yield at, label, encode(counters[measure])
