"""Sketches are made of rows that are in the file already: whenever it is done, and after whatever crash, the sketches
and the row up to which they count are written in one transaction, so that each row counts once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from keepwell.core.errors import AccessError
from keepwell.store.request_log import MEASURES, MINUTES_SECONDS
from keepwell.store.requestlog.columns import MICRO
from keepwell.store.requestlog.schema import get_about, set_about
from keepwell.store.requestlog.tallies import HOUR, Label, Tallies, make_label, merge, roll_up, tally_minutes

#: Rows that are put into sketches in one transaction: a fifth of a second of work.
FOLD_ROWS = 50_000
#: Rows after one: when, what, and the four measures.
_ROWS = (
    "SELECT number, kind, at, first_byte_seconds, output_token_seconds, queue_seconds, total_seconds FROM request"
    " WHERE number > ? ORDER BY number LIMIT ?"
)


def fold(connection: sqlite3.Connection) -> int:
    """Put rows that no sketch counts yet into sketches, FOLD_ROWS at most: how many. Raises sqlite3.Error, and
    AccessError where a sketch that is there is damaged.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        rest = Rest(connection, FOLD_ROWS)
        minutes = tally_minutes(rest)
        if rest.count:
            labels = _Labels(connection)
            _add_minutes(connection, minutes, labels)
            hours, routes = roll_up(minutes)
            _add(connection, "hour", hours, labels)
            _add(connection, "route_hour", routes, labels)
            set_about(connection, "folded", rest.last)
            _forget_minutes(connection)
        connection.execute("COMMIT")
    except ValueError as error:
        raise AccessError(f"the log of requests: {error}") from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return rest.count


class Rest:
    """Rows that no sketch counts yet, those that went well, as `tally_minutes` takes them; at most so many, -1 is all.

    `count` is how many there were of any kind, `last` the number of the last one.
    """

    def __init__(self, connection: sqlite3.Connection, most: int = -1) -> None:
        self.count = 0
        self.last = get_about(connection, "folded")
        self._connection = connection
        self._most = most

    def __iter__(self) -> Iterator[tuple[Label, int, Sequence[int | None]]]:
        label_of = dict(_find_labels(self._connection)).get
        rows = self._connection.execute(_ROWS, (self.last, self._most)).fetchall()
        if rows:
            self.count, self.last = len(rows), rows[-1][0]
        for row in rows:
            label = label_of(row[1])
            if label is not None:
                yield label, row[2], row[3:]


def _find_labels(connection: sqlite3.Connection) -> Iterator[tuple[int, Label]]:
    """Of each kind of request that went well."""
    query = "SELECT kind, route, replica, cold FROM kind WHERE outcome = '' AND status < 400"
    for kind, route, replica, cold in connection.execute(query):
        yield kind, make_label(route, replica, cold)


class _Labels:
    """Numbers of labels; new ones are written."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        found = connection.execute("SELECT route, replica, class, label FROM label")
        self._numbers: dict[Label, int] = {(route, replica, name): label for route, replica, name, label in found}

    def get(self, label: Label) -> int:
        """The number of this one."""
        number = self._numbers.get(label)
        if number is None:
            query = "INSERT INTO label (route, replica, class) VALUES (?, ?, ?)"
            number = self._numbers[label] = self._connection.execute(query, label).lastrowid or 0
        return number


def _add(connection: sqlite3.Connection, table: str, tallies: Tallies, labels: _Labels) -> None:
    """Add tallies to the sketches that are there."""
    find = f"SELECT sketch FROM {table} WHERE measure = ? AND at = ? AND label = ?"
    put = f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)"
    for (at, label), counters in tallies.items():
        number = labels.get(label)
        for measure, more in enumerate(counters):
            if more:
                key = measure, at, number
                (there,) = connection.execute(find, key).fetchone() or (None,)
                connection.execute(put, (*key, merge(there, more)))


def _add_minutes(connection: sqlite3.Connection, minutes: Tallies, labels: _Labels) -> None:
    """As `_add`, all measures of a minute in one row."""
    find = f"SELECT {', '.join(MEASURES)} FROM minute WHERE at = ? AND label = ?"
    put = f"INSERT OR REPLACE INTO minute VALUES (?, ?, {', '.join('?' * len(MEASURES))})"
    for (at, label), counters in minutes.items():
        key = at, labels.get(label)
        there = connection.execute(find, key).fetchone() or (None,) * len(MEASURES)
        connection.execute(put, (*key, *map(merge, there, counters)))


def _forget_minutes(connection: sqlite3.Connection) -> None:
    """Those of whole hours that are too old; hours are there still."""
    newest = connection.execute("SELECT max(high) FROM zone").fetchone()[0] or 0
    since = int(newest / MICRO - MINUTES_SECONDS) // HOUR * HOUR
    if since <= get_about(connection, "minutes"):
        return
    connection.execute("DELETE FROM minute WHERE at < ?", (since,))
    set_about(connection, "minutes", since)
