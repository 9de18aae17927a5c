"""RequestServer: the log of requests in a PostgreSQL database, where several hubs or gateways share one.

The same interface as files, and the same sketches, which are made of rows that are there already. Needs psycopg
(`pip install 'keepwell[postgres]'`): who imports this wants it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg

from keepwell.core.errors import AccessError, Unreachable
from keepwell.core.secret import mask_text
from keepwell.store.request_log import GATEWAY, Mark, QuantileRow, Quantiles
from keepwell.store.requestlog import postgres_schema as schema
from keepwell.store.requestlog.asking import answer
from keepwell.store.requestlog.columns import MICRO, PARTS, Kind, complete, fit_kind, kinds_of, make_row, numbers_of
from keepwell.store.requestlog.postgres_sketches import FOLD_ROWS, Connection, find_pieces, fold, get_about, hold_about
from keepwell.store.requests import EVERY, RequestRow, Values, Wanted

#: Seconds to get a connection, and for a statement: who waits longer goes on and tries again later.
CONNECT_SECONDS, STATEMENT_MS = 5, 60_000
#: Rows of a walk that are in memory.
WALK_ROWS = 2_000
#: What no text of a database can hold.
_NUL = "\x00"


class RequestServer:
    """The log in the database at this URL (`postgresql://user:password@host/name`); tables are made if need be.

    `wall` gives seconds since the epoch: rows go into the partition of its month. One connection, opened at the first
    use and again after it broke; any thread may use it, one at a time. `source` is the name under which this place's
    inbox is marked: where several hubs share a database each needs its own.
    """

    def __init__(self, url: str, wall: Callable[[], float] = time.time, *, source: str = GATEWAY) -> None:
        self.source = source
        self._url = url
        self._wall = wall
        self._turn = threading.Lock()
        self._connection: Connection | None = None
        self._months: set[int] = set()

    def add(self, rows: Sequence[Values], mark: Mark | None = None) -> None:
        """Add them in one transaction, with this mark in place of its source's last one."""
        whole = complete(rows)
        lines = list(_lines(whole))
        with self._use() as connection:
            if lines:
                self._copy(connection, lines)
            if mark is not None:
                values = (mark.source, mark.number, mark.id, mark.at, mark.doubtful)
                connection.execute("DELETE FROM keepwell_mark WHERE source = %s", (mark.source,))
                connection.execute("INSERT INTO keepwell_mark VALUES (%s, %s, %s, %s, %s)", values)

    def find_mark(self, source: str) -> Mark | None:
        """The mark that was last added with rows of this source."""
        query = "SELECT source, number, id, at, doubtful FROM keepwell_mark WHERE source = %s"
        with self._use() as connection:
            found = connection.execute(query, (source,)).fetchone()
        if found is None:
            return None
        return Mark(source=found[0], number=found[1], id=found[2], at=found[3], doubtful=found[4])

    def known(self, keys: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
        """Which of these requests, each an id and the microsecond in which it came, are in the log."""
        query = "SELECT id, at FROM keepwell_request WHERE id = ANY(%s)"
        with self._use() as connection:
            found = connection.execute(query, ([one for one, _ in keys],)).fetchall()
        return {(int(one), int(at)) for one, at in found} & set(keys)

    def tend(self) -> None:
        """Put rows that no sketch counts yet into sketches."""
        count = FOLD_ROWS
        while count == FOLD_ROWS:
            with self._use() as connection:
                count = fold(connection)

    def last_number(self) -> int:
        """The number of the newest row; 0 if there is none."""
        with self._use() as connection:
            return get_about(connection, "last")

    def after(self, number: int, most: int) -> list[tuple[int, RequestRow]]:
        """Rows that came after that one, the oldest first."""
        return self._load("WHERE number > %s ORDER BY number LIMIT %s", (number, most))

    def find(self, request: int) -> list[RequestRow]:
        """Rows with this id of a request: one, as a rule."""
        return [row for _, row in self._load("WHERE id = %s ORDER BY number", (request,))]

    def newest(self, *, last: int = 20, wanted: Wanted = EVERY) -> list[tuple[int, RequestRow]]:
        """The newest rows of this kind, the oldest of them first."""
        clauses: list[tuple[str, tuple[object, ...]]] = [("at >= %s", (round(wanted.since * MICRO),))]
        if wanted.key:
            clauses.append(("key = %s", (wanted.key,)))
        if wanted.route:
            clauses.append(("%s IN (route, asked)", (wanted.route,)))
        if wanted.failed:
            clauses.append(("(outcome <> '' OR status >= 400)", ()))
        where = " AND ".join(clause for clause, _ in clauses)
        values = [value for _, given in clauses for value in given]
        return self._load(f"WHERE {where} ORDER BY number DESC LIMIT %s", (*values, last))[::-1]

    def between(self, since: float, until: float) -> Iterator[RequestRow]:
        """Rows that came from `since` on and before `until`, the oldest first; over a connection of its own."""
        bounds = round(since * MICRO), round(until * MICRO)
        query = f"{schema.ROWS} WHERE at >= %s AND at < %s ORDER BY at, number"
        try:
            with (
                self._connect() as connection,
                connection.transaction(),
                connection.cursor(name="walk") as cursor,
            ):
                cursor.itersize = WALK_ROWS
                cursor.execute(query.encode(), bounds)
                for _, *values in cursor:
                    yield make_row(values)
        except psycopg.Error as error:
            raise self._explain(error) from error

    def quantiles(self, question: Quantiles) -> list[QuantileRow]:
        """By sketches, within SKETCH_ERROR; sorted by group."""
        with self._use() as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return answer(question, find_pieces(connection, question))

    def drop(self, before: float) -> None:
        """Drop the partitions of months that were over then."""
        with self._use() as connection:
            hold_about(connection, "last")  # nobody adds meanwhile
            for month in _find_months(connection):
                if month < schema.month_of(before):
                    connection.execute(f"DROP TABLE keepwell_request_{month}".encode())
                    self._months.discard(month)

    def close(self) -> None:
        """Let go of the connection; safe to call twice."""
        with self._turn:
            self._let_go()

    @contextmanager
    def _use(self) -> Iterator[Connection]:
        """A transaction. A connection that broke is let go of: the next use opens another one."""
        with self._turn:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = self._connect()
                with self._connection.transaction():
                    yield self._connection
            except psycopg.Error as error:
                self._let_go()
                raise self._explain(error) from error

    def _connect(self) -> Connection:
        options = f"-c statement_timeout={STATEMENT_MS} -c client_encoding=UTF8"
        connection = psycopg.connect(self._url, connect_timeout=CONNECT_SECONDS, options=options, autocommit=True)
        try:
            _migrate(connection)
        except (psycopg.Error, AccessError):
            connection.close()
            raise
        return connection

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        self._months.clear()
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _load(self, clauses: str, values: Sequence[object]) -> list[tuple[int, RequestRow]]:
        with self._use() as connection:
            found = connection.execute(f"{schema.ROWS} {clauses}".encode(), values).fetchall()
        return [(number, make_row(rest)) for number, *rest in found]

    def _copy(self, connection: Connection, lines: Sequence[tuple[object, ...]]) -> None:
        """Rows are numbered in the order in which transactions end: the row that counts them is held until then."""
        query = "UPDATE keepwell_about SET value = value + %s WHERE name = 'last' RETURNING value"
        found = connection.execute(query, (len(lines),)).fetchone()
        first = int((found or (0,))[0]) - len(lines) + 1
        if not self._months:
            self._months = set(_find_months(connection))
        month = max(schema.month_of(self._wall()), *self._months, 0)  # a clock may go back, months do not
        if month not in self._months:
            connection.execute(schema.render_partition(month).encode())
            self._months.add(month)
        with connection.cursor() as cursor, cursor.copy(schema.COPY.encode()) as copy:
            for place, line in enumerate(lines):
                copy.write_row((month, first + place, *line))

    def _explain(self, error: psycopg.Error) -> AccessError:
        words = mask_text(str(error)).strip().partition("\n")[0]
        return Unreachable(
            f"the database of requests: {words or type(error).__name__}",
            where=mask_text(self._url),
            hint="see that it runs and takes this user; requests wait in the gateway's record meanwhile",
        )


def _lines(rows: Sequence[Values]) -> Iterator[tuple[object, ...]]:
    """What is copied of each row but its month and number. ValueError for what is no row."""
    if not rows:
        return
    times, columns = numbers_of(rows)
    kinds = map(_clean, kinds_of(rows))
    counts, parts = columns[: -len(PARTS)], columns[-len(PARTS) :]
    whole = zip(*counts, strict=True)
    unsure = zip(*([_known(one) for one in column] for column in parts), strict=True)
    for at, kind, numbers, values in zip(times, kinds, whole, unsure, strict=True):
        yield (at, *kind, *(max(-1, one) for one in numbers), *values)


def _clean(kind: Kind) -> Kind:
    return tuple(_without_nul(one) for one in fit_kind(kind))


def _without_nul(value: object) -> object:
    if isinstance(value, str):
        return value.replace(_NUL, "")
    return value


def _known(number: int) -> int | None:
    """None where nobody knows it."""
    if number < 0:
        return None
    return number


def _migrate(connection: Connection) -> None:
    """Make the tables, or bring them to this version; AccessError for those of a newer release."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (schema.LOCK,))
        version = _find_version(connection)
        if version > schema.VERSION:
            raise AccessError(
                f"the database of requests was written by a newer keepwell (schema {version}, "
                f"this one knows {schema.VERSION})",
                hint="use that release",
            )
        for step in schema.STEPS[version:]:
            connection.execute(step.encode())
        if version < schema.VERSION:
            connection.execute("UPDATE keepwell_about SET value = %s WHERE name = 'version'", (schema.VERSION,))


def _find_months(connection: Connection) -> list[int]:
    """Those that have a partition."""
    query = "SELECT relid::regclass::text FROM pg_partition_tree('keepwell_request') WHERE isleaf AND level > 0"
    return [int(name.rpartition("_")[2]) for (name,) in connection.execute(query).fetchall()]


def _find_version(connection: Connection) -> int:
    found = connection.execute("SELECT to_regclass('keepwell_about')").fetchone()
    if found is None or found[0] is None:
        return 0
    return get_about(connection, "version")
