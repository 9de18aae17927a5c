"""Tallies of objectives, minute by minute, in SQLite: what was counted of requests, and up to which of them.

A tally and the number of the last request that is in it are written together: each request counts once, whenever the
process ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.store.folder import make_private_folder

#: Where it lies in the state folder.
TALLIES_FILE = "objectives/tallies.db"
#: Seconds that a writer waits for another one.
BUSY_SECONDS = 2.0
#: Seconds for which minutes are kept: the longest period, and the days by which it rolls on.
KEPT_SECONDS = 100 * 86400.0
#: Seconds and rows for which single failures are kept: a message names a few, patterns need a day's.
FAILURES_SECONDS, FAILURES = 2 * 86400.0, 1000
_TABLES = """
CREATE TABLE IF NOT EXISTS objective (id INTEGER PRIMARY KEY, digest TEXT UNIQUE, position INTEGER, since REAL);
CREATE TABLE IF NOT EXISTS tally (objective, minute, good, bad, cold_good, cold_bad, spells,
    PRIMARY KEY (objective, minute)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failure (objective, at, request, key, replica, outcome, number, sign);
CREATE INDEX IF NOT EXISTS failure_at ON failure (objective, at);
"""
_ADD = """
INSERT INTO tally VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (objective, minute) DO UPDATE SET
    good = good + excluded.good, bad = bad + excluded.bad, spells = spells + excluded.spells,
    cold_good = cold_good + excluded.cold_good, cold_bad = cold_bad + excluded.cold_bad
"""
_SUM = """
SELECT coalesce(sum(good), 0), coalesce(sum(bad), 0), coalesce(sum(cold_good), 0), coalesce(sum(cold_bad), 0),
    coalesce(sum(spells), 0) FROM tally WHERE objective = ? AND minute >= ? AND minute < ?
"""
_CROWD = """
DELETE FROM failure WHERE objective = ?1 AND (at < ?2 OR rowid <= (SELECT rowid FROM failure WHERE objective = ?1
    ORDER BY rowid DESC LIMIT 1 OFFSET ?3))
"""

#: A tally's minute and numbers: good, bad, cold_good, cold_bad, spells.
Minute = tuple[int, int, int, int, int, int]
#: A failure's fields: at, request, key, replica, outcome, number, sign.
Failed = tuple[float, int, str, str, str, float, bool]


class Tallies:
    """The file, open. Raises AccessError where it cannot be read or written. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        make_private_folder(path.parent)
        try:
            self._file = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._cannot("opened", error) from error
        try:
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = NORMAL")
            self._file.executescript(_TABLES)
            path.chmod(0o600)
        except (sqlite3.Error, OSError) as error:
            self._file.close()
            raise self._cannot("opened", error) from error

    def enter(self, digest: str, position: int, since: float) -> tuple[int, int, float]:
        """The id of an objective, the number of the last request that is counted in it and when counting began: those
        given where it is new.
        """
        try:
            self._file.execute(
                "INSERT OR IGNORE INTO objective (digest, position, since) VALUES (?, ?, ?)", (digest, position, since)
            )
            found = self._file.execute("SELECT id, position, since FROM objective WHERE digest = ?", (digest,))
            row = found.fetchone()
        except sqlite3.Error as error:
            raise self._cannot("written", error) from error
        return int(row[0]), int(row[1]), float(row[2])

    def find(self, digest: str) -> tuple[int, int, float] | None:
        """The same of an objective that was counted before; None of another."""
        try:
            found = self._file.execute("SELECT id, position, since FROM objective WHERE digest = ?", (digest,))
            row = found.fetchone()
        except sqlite3.Error as error:
            raise self._cannot("read", error) from error
        if row is None:
            return None
        return int(row[0]), int(row[1]), float(row[2])

    def add(self, objective: int, minutes: Iterable[Minute], failures: Sequence[Failed], span: tuple[int, int]) -> bool:
        """Add what was counted after the first number of `span` up to the second, and say that it is: both or neither.

        False, and nothing is added, where another process counted on from there meanwhile.
        """
        try:
            self._file.execute("BEGIN IMMEDIATE")
            moved = "UPDATE objective SET position = ? WHERE id = ? AND position = ?"
            if not self._file.execute(moved, (span[1], objective, span[0])).rowcount:
                self._file.execute("ROLLBACK")
                return False
            self._file.executemany(_ADD, [(objective, *one) for one in minutes])
            self._file.executemany(
                "INSERT INTO failure VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [(objective, *one) for one in failures]
            )
            if failures:
                self._file.execute(_CROWD, (objective, failures[-1][0] - FAILURES_SECONDS, FAILURES))
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
            raise self._cannot("written", error) from error
        return True

    def total(self, objective: int, since: float, until: float) -> Minute:
        """All minutes that begin in this span, added up; the first number is `since`."""
        try:
            row = self._file.execute(_SUM, (objective, int(since), int(until))).fetchone()
        except sqlite3.Error as error:
            raise self._cannot("read", error) from error
        good, bad, cold_good, cold_bad, spells = (int(one) for one in row)
        return int(since), good, bad, cold_good, cold_bad, spells

    def minutes(self, objective: int, since: float, until: float) -> list[Minute]:
        """Those of this span in which there was anything, in order."""
        query = "SELECT minute, good, bad, cold_good, cold_bad, spells FROM tally WHERE objective = ? AND minute >= ? "
        try:
            found = self._file.execute(query + "AND minute < ? ORDER BY minute", (objective, int(since), int(until)))
            return [(int(a), int(b), int(c), int(d), int(e), int(f)) for a, b, c, d, e, f in found]
        except sqlite3.Error as error:
            raise self._cannot("read", error) from error

    def failures(self, objective: int, since: float) -> list[Failed]:
        """Those since this time that are kept, in order."""
        query = "SELECT at, request, key, replica, outcome, number, sign FROM failure WHERE objective = ? AND at >= ? "
        try:
            found = self._file.execute(query + "ORDER BY at", (objective, since))
            return [(float(a), int(b), str(c), str(d), str(e), float(f), bool(g)) for a, b, c, d, e, f, g in found]
        except sqlite3.Error as error:
            raise self._cannot("read", error) from error

    def drop(self, now: float, keep: Iterable[str]) -> None:
        """Let go of minutes that are too old, and of objectives that are not among these digests."""
        try:
            self._file.execute("BEGIN IMMEDIATE")
            kept = set(keep)
            for number, digest in self._file.execute("SELECT id, digest FROM objective").fetchall():
                if digest not in kept:
                    for table, column in (("tally", "objective"), ("failure", "objective"), ("objective", "id")):
                        self._file.execute(f"DELETE FROM {table} WHERE {column} = ?", (number,))
                self._file.execute(
                    "DELETE FROM tally WHERE objective = ? AND minute < ?", (number, int(now - KEPT_SECONDS))
                )
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
            raise self._cannot("written", error) from error

    def close(self) -> None:
        """Let go of the file; safe to call twice."""
        self._file.close()

    def _cannot(self, what: str, error: Exception) -> AccessError:
        return AccessError(f"the tallies of objectives cannot be {what}: {error}", where=str(self._path))
