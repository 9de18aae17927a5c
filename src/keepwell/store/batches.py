"""Journals of batches, one SQLite file each: what is done, what was tried, what goes into the output and how far it is.

A job's folder is `batches/<id>/` in the state folder, and its id is made of the path of its output: the same command
finds it again. What `keep` was given survives kill -9 at once and a power cut after `sync`. The output is written from
here and never the other way round, so a line of it is there once, whatever died between two steps.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from keepwell.core.errors import KeepwellError, RefusedError
from keepwell.store.batch_bits import DoneBits
from keepwell.store.batch_schema import open_database
from keepwell.store.batch_state import (
    BatchBegin,
    BatchState,
    Kept,
    Tries,
    make_error,
    read_state,
    require_same,
    write_state,
)
from keepwell.store.folder import make_private_folder, state_error

FOLDER, FILE_NAME, LOCK_NAME, STOP_NAME = "batches", "journal.db", "lock", "stop"
#: Seconds after which a runner on another machine that did not say that it lives has lost its job.
LEASE_SECONDS = 60.0
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


class BatchJournal:
    """The open journal of one job; nobody else can open it meanwhile. Made by `open_batch`."""

    def __init__(self, folder: Path, lock: int, connection: sqlite3.Connection, state: BatchState) -> None:
        self.folder = folder
        self.state = state
        self._lock = lock
        self._connection = connection
        self._bits = DoneBits(connection.execute("SELECT page, bits FROM done ORDER BY page"))
        #: Done, and not yet surely in the output.
        self._unwritten = {number for (number,) in connection.execute("SELECT number FROM outbox")}
        rows = connection.execute("SELECT number, attempts, spent, deaths, alone, target FROM tries")
        self._tries = {number: Tries(*rest) for number, *rest in rows}
        self._was_reached = state.reached
        self._wal = os.open(folder / f"{FILE_NAME}-wal", os.O_RDONLY | os.O_CLOEXEC)

    @property
    def unwritten(self) -> int:
        """Outcomes that are kept and not in the output."""
        return len(self._unwritten)

    def is_done(self, number: int) -> bool:
        """True if this task has its outcome."""
        return number in self._bits or number in self._unwritten

    def find_tries(self, number: int) -> Tries:
        """How often a task that is not done was asked. One that was in flight when its runner died was asked once."""
        if number < self._was_reached:
            return self._tries.get(number, Tries(attempts=1))
        return self._tries.get(number, Tries())

    def keep(self, kept: Sequence[Kept], tries: Mapping[int, Tries], reached: int, now: float) -> None:
        """Outcomes, tasks that are tried again, and how far the input was read: all of it or nothing.

        Raises AccessError where it cannot be kept, RefusedError where another runner has the job by now.
        """
        state = self.state
        troubles = dict(state.troubles)
        for one in kept:
            troubles[one.trouble] = troubles.get(one.trouble, 0) + 1
        read = state.input_tokens + sum(one.input_tokens for one in kept)
        made = state.output_tokens + sum(one.output_tokens for one in kept)
        with self._changing():
            rows = [(one.number, one.line, one.error) for one in kept]
            self._connection.executemany("INSERT INTO outbox VALUES (?, ?, ?)", rows)
            tried = [(one.number,) for one in kept if one.number in self._tries]
            if tried:
                self._connection.executemany("DELETE FROM tries WHERE number = ?", tried)
            if tries:
                again = [
                    (number, one.attempts, one.spent, one.deaths, one.alone, one.target)
                    for number, one in tries.items()
                ]
                self._connection.executemany("INSERT OR REPLACE INTO tries VALUES (?, ?, ?, ?, ?, ?)", again)
            words = msgspec.json.encode(troubles).decode()
            self._set(
                "reached = ?, troubles = ?, input_tokens = ?, output_tokens = ?, renewed_at = ?",
                (reached, words, read, made, now),
            )
        state.reached, state.troubles, state.renewed_at = reached, troubles, now
        state.input_tokens, state.output_tokens = read, made
        self._unwritten.update(one.number for one in kept)
        for one in kept:
            self._tries.pop(one.number, None)
        self._tries.update(tries)

    def sync(self) -> None:
        """What was kept is safe from a power cut when this returns. Costs one flush; may run in another thread. Raises
        AccessError.
        """
        try:
            os.fsync(self._wal)
        except OSError as error:
            raise state_error(error, self.folder) from error

    def find_unwritten(self, most: int, *, ordered: bool) -> list[tuple[int, bytes, bytes]]:
        """Outcomes that are kept and not in the output: number, line, line of the error; the lowest numbers, and with
        `ordered` only such as have all lower ones before them.
        """
        with self._reading():
            rows = self._connection.execute("SELECT * FROM outbox ORDER BY number LIMIT ?", (most,)).fetchall()
        if ordered:
            low = self._bits.low
            rows = [row for place, row in enumerate(rows) if row[0] == low + place]
        return rows

    def wrote(self, numbers: Sequence[int], output_bytes: int, error_bytes: int) -> None:
        """These are in the output for good, which has so many bytes now. Raises as `keep`."""
        self._bits.add(numbers)
        with self._changing():
            rows = [(number,) for number in numbers]
            self._connection.executemany("DELETE FROM outbox WHERE number = ?", rows)
            self._connection.executemany("INSERT OR REPLACE INTO done VALUES (?, ?)", self._bits.take_changed())
            self._set("output_bytes = ?, error_bytes = ?", (output_bytes, error_bytes))
        self.state.output_bytes, self.state.error_bytes = output_bytes, error_bytes
        self._unwritten.difference_update(numbers)

    def require(self) -> None:
        """RefusedError where another runner has the job by now: its output is that one's, too."""
        with self._reading():
            (generation,) = self._connection.execute("SELECT generation FROM state").fetchone()
        if generation != self.state.generation:
            raise RefusedError("another runner has taken this job over", where=self.state.output)

    def renew(self, now: float) -> None:
        """This runner lives. Raises as `keep`."""
        with self._changing():
            self._set("renewed_at = ?", (now,))
        self.state.renewed_at = now

    def end(self, why: str, now: float) -> None:
        """This run ended. Raises as `keep`."""
        with self._changing():
            self._set("ended = ?, renewed_at = ?, owner = ''", (why, now))
        self.state.ended, self.state.renewed_at, self.state.owner = why, now, ""

    def is_asked_to_stop(self) -> bool:
        """True once somebody asked for it (`ask_to_stop`)."""
        return (self.folder / STOP_NAME).exists()

    def close(self) -> None:
        """Let go of the job; safe to call twice."""
        if self._lock >= 0:
            self._connection.close()
            os.close(self._wal)
            os.close(self._lock)
        self._lock = -1

    def __enter__(self) -> BatchJournal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _set(self, columns: str, values: tuple[object, ...]) -> None:
        generation = self.state.generation
        query = f"UPDATE state SET {columns} WHERE generation = ?"
        if self._connection.execute(query, (*values, generation)).rowcount != 1:
            raise RefusedError("another runner has taken this job over", where=self.state.output)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        with self._reading():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except (sqlite3.Error, RefusedError):
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise make_error(error, self.folder) from error


def make_batch_id(output: Path) -> str:
    """The id of the job whose output is there: its name, and eight digits that tell apart outputs of one name."""
    whole = output.resolve()
    name = _NOT_IN_NAMES.sub("-", whole.name).strip("-.")[:60]
    return f"{name or 'batch'}-{hashlib.sha256(os.fsencode(whole)).hexdigest()[:8]}"


def open_batch(
    state: Path, batch: str, begin: BatchBegin, *, owner: str, now: float, anew: bool = False
) -> BatchJournal:
    """The journal of a job, new or to go on with; with `anew` what there was is forgotten. `owner` is this machine.

    Raises RefusedError while another runner has it, or where it was begun with something else (it is told what),
    AccessError, DamagedError.
    """
    folder = state / FOLDER / batch
    make_private_folder(folder)
    lock = _take_lock(folder / LOCK_NAME, begin.output)
    try:
        if anew:
            _forget(folder, begin)
        (folder / STOP_NAME).unlink(missing_ok=True)
        connection = open_database(folder / FILE_NAME)
        try:
            found = _take(connection, begin, owner, now)
            return BatchJournal(folder, lock, connection, found)
        except (sqlite3.Error, OSError, KeepwellError):
            connection.close()
            raise
    except OSError as error:
        os.close(lock)
        raise state_error(error, folder) from error
    except sqlite3.Error as error:
        os.close(lock)
        raise make_error(error, folder) from error
    except KeepwellError:
        os.close(lock)
        raise


def _take(connection: sqlite3.Connection, begin: BatchBegin, owner: str, now: float) -> BatchState:
    """This runner's turn: the state with a generation of its own."""
    connection.execute("BEGIN IMMEDIATE")
    found = read_state(connection) or _begin(connection, begin, now)
    require_same(found, begin)
    _require_free(found, owner, now)
    found.generation, found.owner, found.renewed_at = found.generation + 1, owner, now
    found.ended, found.command, found.total = "", begin.command or found.command, begin.total or found.total
    connection.execute(
        "UPDATE state SET generation = ?, owner = ?, renewed_at = ?, ended = '', command = ?, total = ?",
        (found.generation, owner, now, found.command, found.total),
    )
    connection.execute("COMMIT")
    return found


def _begin(connection: sqlite3.Connection, begin: BatchBegin, now: float) -> BatchState:
    for path in (begin.output, begin.errors):
        if os.path.exists(path) and os.path.getsize(path):
            raise RefusedError(
                "there is a file already, and no job is known that made it",
                where=path,
                hint="name another output, or --anew to overwrite it",
            )
    found = BatchState(
        manifest=dict(begin.manifest), created_at=now, renewed_at=now, output=begin.output, errors=begin.errors
    )
    write_state(connection, found)
    return found


def _require_free(found: BatchState, owner: str, now: float) -> None:
    """The lock is ours, so no runner of this machine lives; one elsewhere may."""
    left = found.renewed_at + LEASE_SECONDS - now
    if found.owner not in ("", owner) and left > 0:
        raise RefusedError(
            f"{found.owner} works on this job, or died less than {LEASE_SECONDS:g} s ago",
            where=found.output,
            hint=f"keepwell batch stop there, or wait {left:.0f} s",
        )


def _take_lock(path: Path, output: str) -> int:
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise state_error(error, path) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise RefusedError("another keepwell works on this job", where=output, hint="keepwell batch list") from error
    return lock


def _forget(folder: Path, begin: BatchBegin) -> None:
    for end in ("", "-wal", "-shm"):
        (folder / f"{FILE_NAME}{end}").unlink(missing_ok=True)
    for path in (begin.output, begin.errors):
        Path(path).unlink(missing_ok=True)
