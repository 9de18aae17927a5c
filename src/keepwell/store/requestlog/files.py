"""RequestFiles: the log of requests in SQLite, a file for each month; nothing but a folder is needed."""

from __future__ import annotations

import heapq
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import TypeVar

from keepwell.store.request_log import GATEWAY, Mark, QuantileRow, Quantiles
from keepwell.store.requestlog.asking import answer, find_pieces
from keepwell.store.requestlog.months import LOG_FOLDER, end_of, list_months, unlink_month
from keepwell.store.requestlog.reading import (
    load_after,
    load_by_id,
    load_known,
    load_last,
    load_marks,
    load_newest,
    walk_between,
)
from keepwell.store.requestlog.schema import BUSY_SECONDS, open_to_read
from keepwell.store.requestlog.writing import Writer, explain
from keepwell.store.requests import EVERY, RequestRow, Values, Wanted

_NUMBER = itemgetter(0)
_AT = attrgetter("at")
_Found = TypeVar("_Found")


class RequestFiles:
    """The log in a folder, for its owner alone; it need not exist. Any number of processes may read, one should write.

    What was added is there after the end of the process; the last seconds may go when the machine loses its power.
    `wall` gives seconds since the epoch: rows go into the file of its month. Another writer is waited for at most
    `busy_seconds`.
    """

    def __init__(
        self, folder: Path, wall: Callable[[], float] = time.time, *, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        self._folder = folder
        self._writing = threading.Lock()
        self._writer = Writer(folder, wall, busy_seconds)

    @property
    def source(self) -> str:
        """Always the same: one gateway's inbox lies beside one folder."""
        return GATEWAY

    def add(self, rows: Sequence[Values], mark: Mark | None = None) -> None:
        """Add them in one transaction: about 5 µs a row of many at once."""
        with self._write():
            self._writer.add(rows, mark)

    def tend(self) -> None:
        """Count new rows in sketches, and empty the write-ahead log."""
        with self._write():
            self._writer.tend()

    def find_mark(self, source: str) -> Mark | None:
        """How far the inbox of this source has been moved."""
        with self._writing:
            found = self._writer.remembered(source)
        if found is not None:
            return found
        newest = -1
        for last, marks in self._each(_last_and_marks):
            for mark in marks:
                if mark.source == source and last >= newest:
                    found, newest = mark, last
        return found

    def known(self, keys: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
        """Which of these requests are in the log, each an id and the microsecond in which it came."""
        return set().union(*self._each(load_known, keys))

    def last_number(self) -> int:
        """The number of the newest row; 0 if there is none."""
        return max(self._each(load_last), default=0)

    def after(self, number: int, most: int) -> list[tuple[int, RequestRow]]:
        """Rows that came after that one, the oldest first."""
        found = heapq.merge(*self._each(load_after, number, most), key=_NUMBER)
        return [one for one, _ in zip(found, range(most), strict=False)]

    def find(self, request: int) -> list[RequestRow]:
        """Rows with this id of a request: one, as a rule."""
        return [row for rows in self._each(load_by_id, request) for row in rows]

    def newest(self, *, last: int = 20, wanted: Wanted = EVERY) -> list[tuple[int, RequestRow]]:
        """The newest rows of this kind, the oldest of them first. Where few are of it all are looked at."""
        found = [one for rows in self._each(load_newest, last, wanted) for one in rows]
        return sorted(found, key=_NUMBER)[-last:]

    def between(self, since: float, until: float) -> Iterator[RequestRow]:
        """Rows that came from `since` on and before `until`, the oldest first."""
        walks = [self._walk(path, since, until) for path in self._months()]
        yield from heapq.merge(*walks, key=_AT)

    def quantiles(self, question: Quantiles) -> list[QuantileRow]:
        """By sketches, within SKETCH_ERROR; sorted by group."""
        pieces = [piece for pieces in self._each(_pieces, question) for piece in pieces]
        try:
            return answer(question, pieces)
        except ValueError as error:
            raise explain(error, self._folder) from error

    def drop(self, before: float) -> None:
        """Unlink the files of months that were over then; the newest stays, it has the number to go on from."""
        months = self._months()
        newest = max(self._each(_last_and_path), default=(0, ""))[1]
        with self._write():
            for path in months:
                if path.name != newest and end_of(path) <= before:
                    unlink_month(path)

    def close(self) -> None:
        """Let go of the file; safe to call twice."""
        with self._writing:
            self._writer.close()

    @contextmanager
    def _write(self) -> Iterator[None]:
        """One writer at a time; its errors as AccessError."""
        with self._writing:
            try:
                yield
            except (sqlite3.Error, OSError) as error:
                self._writer.close(error)
                raise explain(error, self._folder) from error

    def _months(self) -> list[Path]:
        try:
            return list_months(self._folder)
        except OSError as error:
            raise explain(error, self._folder) from error

    def _each(self, load: Callable[..., _Found], *arguments: object) -> Iterator[_Found]:
        """What this gives of each file, the oldest month first."""
        for path in self._months():
            try:
                with closing(open_to_read(path)) as connection:
                    if connection.execute("PRAGMA user_version").fetchone()[0]:  # else it is being made
                        yield load(connection, *arguments)
            except sqlite3.Error as error:
                if path.exists():  # else it was dropped
                    raise explain(error, path) from error

    def _walk(self, path: Path, since: float, until: float) -> Iterator[RequestRow]:
        try:
            with closing(open_to_read(path)) as connection:
                if connection.execute("PRAGMA user_version").fetchone()[0]:
                    yield from walk_between(connection, since, until)
        except sqlite3.Error as error:
            if path.exists():
                raise explain(error, path) from error


def open_request_log(state: Path) -> RequestFiles:
    """The log of requests in this state folder."""
    return RequestFiles(state / LOG_FOLDER)


def _last_and_marks(connection: sqlite3.Connection) -> tuple[int, list[Mark]]:
    return load_last(connection), load_marks(connection)


def _last_and_path(connection: sqlite3.Connection) -> tuple[int, str]:
    path = connection.execute("SELECT file FROM pragma_database_list").fetchone()[0]
    return load_last(connection), Path(path).name


def _pieces(connection: sqlite3.Connection, question: Quantiles) -> list[tuple[int, tuple[str, str, str], bytes]]:
    return list(find_pieces(connection, question))
