"""Writes the month's file: rows, marks and sketches, each time in one transaction; and empties its write-ahead log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.store.folder import make_private_folder
from keepwell.store.request_log import Mark
from keepwell.store.requestlog.columns import COUNTS, KIND, PARTS, Kind, columns_of, complete, fit_kind, kinds_of
from keepwell.store.requestlog.folding import FOLD_ROWS, fold
from keepwell.store.requestlog.months import list_months, month_of, number_of, put_aside, wal_bytes
from keepwell.store.requestlog.reading import load_last, load_marks, save_mark
from keepwell.store.requestlog.schema import ZONE_BITS, is_made, open_month, open_to_read
from keepwell.store.requests import Values

#: Combinations of words that are remembered; more of them are asked for or written again.
KINDS = 20_000
#: Bytes of the write-ahead log from which on readers are waited for: they have kept it from being begun anew.
WAL_BYTES = 64 << 20
#: What SQLite calls a file that is damaged, or none of its own.
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
#: What is less than 0 is not known: NULL, which takes no room. SQLite counts the parts, in half the time.
_COUNT = "nullif(max(?{0}, -1), -1)"
_PART = "CASE WHEN ?{0} >= 0 THEN CAST(?{0} * {1} + 0.5 AS INTEGER) END"
_FIRST = ["?1", "?2", "?3", "?4", *map(_COUNT.format, (5, 6, 7)), "?8", "?9"]
_VALUES = [*_FIRST, *map(_PART.format, range(10, 10 + len(PARTS)), [f"{parts}.0" for parts in PARTS.values()])]
_INSERT = f"INSERT INTO request (number, kind, at, {', '.join((*COUNTS, *PARTS))}) VALUES ({', '.join(_VALUES)})"
_KIND = f"INSERT INTO kind ({', '.join(KIND)}) VALUES ({', '.join('?' * len(KIND))})"
_ZONE = (
    "INSERT INTO zone VALUES (?, ?, ?) ON CONFLICT (zone) DO UPDATE"
    " SET low = min(low, excluded.low), high = max(high, excluded.high)"
)


class Writer:
    """One thread at a time. `wall` gives seconds since the epoch: its month says which file is written."""

    def __init__(self, folder: Path, wall: Callable[[], float], busy_seconds: float) -> None:
        self._folder = folder
        self._wall = wall
        self._busy_seconds = busy_seconds
        self._path = folder
        self._file = 0
        self._floor = 0
        self._unfolded = 0
        self._kinds: dict[Kind, int] = {}
        self._marks: dict[str, Mark] = {}
        self._connection: sqlite3.Connection | None = None

    def remembered(self, source: str) -> Mark | None:
        """The mark that was written last to the file that is open now: whoever moves each second need not look."""
        if self._connection is None or number_of(self._path) != self._file:
            return None
        return self._marks.get(source)

    def add(self, rows: Sequence[Values], mark: Mark | None) -> None:
        """Add them. Raises sqlite3.Error, OSError, AccessError; ValueError for what is no row."""
        whole = complete(rows)
        connection = self._open()
        done = False
        connection.execute("BEGIN IMMEDIATE")
        try:
            if whole:
                self._insert(connection, whole)
            if mark is not None:
                save_mark(connection, mark)
            connection.execute("COMMIT")
            done = True
        finally:
            if not done:
                self._kinds.clear()  # some may not be there
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        if mark is not None:
            self._marks[mark.source] = mark
        self._unfolded += len(rows)
        if self._unfolded >= FOLD_ROWS:
            with suppress(sqlite3.Error, AccessError):  # the rows are there: sketches can wait
                self._fold(connection)

    def tend(self) -> None:
        """Count rows in sketches, and empty the write-ahead log as far as no reader needs it. Raises as `add`."""
        if self._connection is None and not list_months(self._folder):
            return
        connection = self._open()
        self._fold(connection)
        how = "PASSIVE"
        if wal_bytes(self._path) > WAL_BYTES:
            how = "TRUNCATE"
        connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()

    def close(self, error: Exception | None = None) -> None:
        """Let go of the file; after this error put it aside if it is damaged."""
        connection, self._connection = self._connection, None
        self._marks.clear()
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
            put_aside(self._path)

    def _open(self) -> sqlite3.Connection:
        """This month's file; another one where the month is over, or the file is gone."""
        path = month_of(self._folder, self._wall())
        if self._connection is not None and (path != self._path or number_of(path) != self._file):
            self._finish(self._connection)
        if self._connection is None:
            make_private_folder(self._folder)
            self._path = path
            self._floor, marks = _what_is_before(self._folder, path)
            connection = open_month(path, self._floor, self._busy_seconds)
            self._connection, self._file = connection, number_of(path)
            self._kinds.clear()
            self._unfolded = FOLD_ROWS  # a crash may have left some: the next look counts them
            if not load_marks(connection):
                for mark in marks:
                    save_mark(connection, mark)
        return self._connection

    def _finish(self, connection: sqlite3.Connection) -> None:
        with suppress(sqlite3.Error, AccessError):
            self._fold(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self.close()

    def _fold(self, connection: sqlite3.Connection) -> None:
        while fold(connection) == FOLD_ROWS:
            pass
        self._unfolded = 0

    def _insert(self, connection: sqlite3.Connection, rows: Sequence[Values]) -> None:
        times, columns = columns_of(rows)
        words = kinds_of(rows)
        try:
            kinds = list(map(self._kinds.get, words))
        except TypeError as error:  # a list where a word should be
            raise ValueError(f"a row holds what is no word: {error}") from error
        if None in kinds:
            kinds = [self._kind(connection, kind) for kind in words]
        first = max(self._floor, load_last(connection)) + 1
        numbers = range(first, first + len(rows))
        connection.executemany(_INSERT, zip(numbers, kinds, times, *columns, strict=True))
        connection.executemany(_ZONE, _zones(first, times))

    def _kind(self, connection: sqlite3.Connection, kind: Kind) -> int:
        """The number of a combination."""
        number = self._kinds.get(kind)
        if number is None:
            if not self._kinds or len(self._kinds) >= KINDS:
                self._load_kinds(connection)
            fitted = fit_kind(kind)
            number = self._kinds.get(fitted) or connection.execute(_KIND, fitted).lastrowid or 0
            self._kinds[kind] = number
        return number

    def _load_kinds(self, connection: sqlite3.Connection) -> None:
        query = f"SELECT {', '.join(KIND)}, kind FROM kind ORDER BY kind DESC LIMIT ?"
        self._kinds = {tuple(words): number for *words, number in connection.execute(query, (KINDS // 2,))}


def _zones(first: int, times: Sequence[int]) -> list[tuple[int, int, int]]:
    """When rows from this number on came, by zone."""
    found = []
    start = 0
    while start < len(times):
        zone = (first + start) >> ZONE_BITS
        end = min(len(times), ((zone + 1) << ZONE_BITS) - first)
        found.append((zone, min(times[start:end]), max(times[start:end])))
        start = end
    return found


def _what_is_before(folder: Path, path: Path) -> tuple[int, list[Mark]]:
    """The last number and the newest marks of the other files."""
    last, marks = 0, list[Mark]()
    for other in list_months(folder):
        if other == path or not is_made(other):
            continue
        with closing(open_to_read(other)) as connection:
            number = load_last(connection)
            if number >= last:
                last, marks = number, load_marks(connection) or marks
    return last, marks


def explain(error: Exception, path: Path) -> AccessError:
    """The error as one of the store's."""
    if isinstance(error, AccessError):
        return error
    return AccessError(f"the log of requests: {error}", where=str(path), hint="see that its disk has room and works")
