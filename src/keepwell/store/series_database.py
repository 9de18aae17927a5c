"""One SQLite file of series: which series there are, and rows of bytes of minutes and hours. See `series_files`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from keepwell.core.errors import AccessError, DamagedError, NotThere
from keepwell.core.series import SeriesKey
from keepwell.store.folder import make_private_folder

#: Seconds that a writer waits for another one: there is none but a hub that is leaving.
BUSY_SECONDS = 5.0
#: KiB of pages that SQLite keeps in memory, and bytes to which a log of changes is cut after it was taken over.
CACHE_KIB, LOG_BYTES = 512, 4 * 1024 * 1024
#: Bytes of a page: rows of a kilobyte then waste little of it.
PAGE_BYTES = 8192
#: Series of one file that places tell apart.
SERIES = 2**24
#: What the files are made of. `block` is a minute of all series as it came in, `packed` an hour of one series. A
#: place is the hour's number times SERIES and the series' number: an hour lies together, and rows come in order.
TABLES = """
CREATE TABLE IF NOT EXISTS key (
    id INTEGER PRIMARY KEY, metric TEXT, subject TEXT, labels TEXT, UNIQUE (metric, subject, labels));
CREATE TABLE IF NOT EXISTS block (n INTEGER PRIMARY KEY, at INTEGER, rows BLOB);
CREATE TABLE IF NOT EXISTS packed (place INTEGER PRIMARY KEY, points BLOB, sketch BLOB);
PRAGMA user_version = 1;
"""


def find_place(hour: int, key: int) -> int:
    """Where an hour that begins at `hour` (seconds since the epoch) of a series lies."""
    return hour // 3600 * SERIES + key


class SeriesDatabase:
    """An open file. Not made where it is not there, unless `writing`. Raises AccessError, DamagedError."""

    def __init__(self, path: Path, *, writing: bool) -> None:
        self.path = path
        self._ids: dict[SeriesKey, int] = {}
        if not writing and not path.exists():
            raise NotThere("no series of that time", where=str(path))
        with self.told("opened"):
            self._connection = _open(path, writing=writing)

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Errors within are ours: what could not be done, and where."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise AccessError(f"series cannot be {what}: {error}", where=str(self.path)) from error
        except sqlite3.DatabaseError as error:
            raise DamagedError(f"series cannot be {what}: {error}", where=str(self.path)) from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it, or nothing."""
        with self.told("written"):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._ids.clear()  # ids that were given in it are none
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """What a query gives."""
        with self.told("read"):
            return self._connection.execute(query, values).fetchall()

    def give_ids(self, keys: Iterable[SeriesKey]) -> list[int]:
        """The number of each series, given if it is new; within a transaction."""
        if not self._ids:
            self._ids = {key: number for number, key in self.series()}
        found = []
        for key in keys:
            number = self._ids.get(key)
            if number is None:
                row = (key.metric, key.subject, json.dumps(key.labels))
                made = self._connection.execute("INSERT INTO key (metric, subject, labels) VALUES (?, ?, ?)", row)
                number = self._ids[key] = made.lastrowid or 0
            found.append(number)
        return found

    def find_id(self, key: SeriesKey) -> int:
        """The number of a series; 0 where it is not in this file."""
        row = (key.metric, key.subject, json.dumps(key.labels))
        found = self.rows("SELECT id FROM key WHERE metric = ? AND subject = ? AND labels = ?", row)
        return next((int(str(one)) for (one,) in found), 0)

    def series(self) -> list[tuple[int, SeriesKey]]:
        """All series of the file with their numbers."""
        found = self.rows("SELECT id, metric, subject, labels FROM key")
        return [
            (int(str(number)), _key(str(metric), str(subject), str(labels)))
            for number, metric, subject, labels in found
        ]

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()


def _key(metric: str, subject: str, labels: str) -> SeriesKey:
    return SeriesKey(metric, subject, tuple((name, value) for name, value in json.loads(labels)))


def _open(path: Path, *, writing: bool) -> sqlite3.Connection:
    if not writing:
        address = f"{path.absolute().as_uri()}?mode=ro"
        return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    make_private_folder(path.parent)
    made = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        path.chmod(0o600)
        made.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("PRAGMA synchronous = NORMAL")
        made.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        made.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
        made.executescript(TABLES)
    except (sqlite3.Error, OSError):
        made.close()
        raise
    return made
