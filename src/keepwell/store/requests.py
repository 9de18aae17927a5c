"""The record of requests that the gateway served: one row each, in SQLite. No text of any request is in it.

Write-ahead logging: what is committed survives the end of the process that wrote it, and readers never wait.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeAlias

import msgspec

from keepwell.core.errors import AccessError
from keepwell.store.folder import make_private_folder

#: Where it lies in the state folder.
RECORD_FILE = "gateway/requests.db"
#: Rows that are kept, the oldest go first, and days for which each key's tokens are.
ROWS_KEPT, DAYS_KEPT = 1_000_000, 60
#: Seconds that a writer waits for another one; its own rows wait longer, outside of the file.
BUSY_SECONDS = 2.0
#: Requests whose numbers a gateway may have given out without their rows being there.
UNWRITTEN = 100_000
#: Seconds of a day, roughly: only to forget old days.
_DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """One request. `at` is when it came, seconds since the epoch; `_seconds` are -1 where there was no such moment,
    tokens -1 where the engine did not tell. `outcome` is "" for one that went well, else the kind of error.

    `proof` says how it is known which model answered, `digest` and `device` what the engine said of it. `energy_joules`
    is the request's share of what its node's devices drew, `cost` that energy by the owner's tariff; -1 where unknown.
    """

    id: int
    at: float
    key: str
    path: str
    dialect: str
    route: str
    asked: str
    answered: str
    replica: str
    status: int
    outcome: str
    stream: bool
    retries: int
    queue_seconds: float
    first_byte_seconds: float
    total_seconds: float
    output_token_seconds: float
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    bytes_out: int
    bytes_in: int = 0
    proof: str = ""
    digest: str = ""
    device: str = ""
    changed_options: int = 0
    energy_joules: float = -1.0
    cost: float = -1.0


#: A row as it is written: the fields of RequestRow in their order.
Values: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows: of this key, of this route (or asked by this name), only failed ones, only since this time."""

    key: str = ""
    route: str = ""
    failed: bool = False
    since: float = 0.0


EVERY = Wanted()
COLUMNS = tuple(one.name for one in fields(RequestRow))
_TABLES = f"""
CREATE TABLE IF NOT EXISTS request (row INTEGER PRIMARY KEY, {", ".join(COLUMNS)});
CREATE TABLE IF NOT EXISTS spent (day, key, tokens, PRIMARY KEY (day, key)) WITHOUT ROWID;
DROP INDEX IF EXISTS request_at;
"""
_INSERT = f"INSERT INTO request ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_SPEND = "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT (day, key) DO UPDATE SET tokens = tokens + excluded.tokens"


def open_record(path: Path) -> sqlite3.Connection:
    """The record, made if need be; one of an older release gets its new columns. Raises AccessError."""
    make_private_folder(path.parent)
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise _cannot("opened", error, path) from error
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_TABLES)
        there = _columns(connection)
        for name in COLUMNS:
            if name not in there:
                connection.execute(f"ALTER TABLE request ADD COLUMN {name}")
        path.chmod(0o600)
    except (sqlite3.Error, OSError) as error:
        connection.close()
        raise _cannot("opened", error, path) from error
    return connection


def add_rows(connection: sqlite3.Connection, rows: Sequence[Values], spent: Mapping[tuple[str, str], int]) -> None:
    """Add them and the tokens of each day and key in one transaction; the oldest go. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_INSERT, rows)
        connection.executemany(_SPEND, [(day, key, tokens) for (day, key), tokens in spent.items()])
        connection.execute("DELETE FROM request WHERE row <= (SELECT max(row) FROM request) - ?", (ROWS_KEPT,))
        if spent:
            oldest = day_of(time.time() - DAYS_KEPT * _DAY)
            connection.execute("DELETE FROM spent WHERE day < ?", (oldest,))
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def read_rows(path: Path, *, after: int = 0, last: int = 20, wanted: Wanted = EVERY) -> list[tuple[int, RequestRow]]:
    """The newest rows with their numbers, oldest of them first; only those after row `after`. () if there is none."""
    where: list[str] = ["row > ?"]
    values: list[object] = [after]
    for clause, value in _clauses(wanted):
        where.append(clause)
        values += value
    query = f"FROM request WHERE {' AND '.join(where)} ORDER BY row DESC LIMIT ?"
    if not path.exists():
        return []
    try:
        with closing(_open_to_read(path)) as connection:
            names = [name for name in COLUMNS if name in _columns(connection)]
            if not names:  # it is being made at this moment
                return []
            found = connection.execute(f"SELECT row, {', '.join(names)} {query}", (*values, last)).fetchall()
    except sqlite3.Error as error:
        raise _cannot("read", error, path) from error
    return list(_rows(names, reversed(found)))


def load_spent(path: Path, now: float) -> dict[str, int]:
    """Tokens of each key since local midnight; {} if there is no record, or none that can be read."""
    try:
        with closing(_open_to_read(path)) as connection:
            found = connection.execute("SELECT key, tokens FROM spent WHERE day = ?", (day_of(now),)).fetchall()
    except sqlite3.Error:
        return {}
    return {str(key): int(tokens) for key, tokens in found}


def load_next_id(path: Path) -> int:
    """A number above those of all requests in the record, and of those that an earlier gateway may still be at work on;
    0 if there is no record.
    """
    try:
        with closing(_open_to_read(path)) as connection:
            found = connection.execute("SELECT max(id) FROM request WHERE row > (SELECT max(row) FROM request) - 10000")
            last = found.fetchone()[0]
    except sqlite3.Error:
        return 0
    if last is None:
        return 0
    return int(last) + UNWRITTEN


def day_of(at: float) -> str:
    """The local day of a time in seconds since the epoch."""
    return time.strftime("%Y-%m-%d", time.localtime(at))


def midnight_after(at: float) -> float:
    """When the local day of this time ends, in seconds since the epoch; a day may have 23 or 25 hours."""
    day = time.localtime(at)
    return time.mktime((day.tm_year, day.tm_mon, day.tm_mday + 1, 0, 0, 0, 0, 0, -1))


def _clauses(wanted: Wanted) -> Iterator[tuple[str, list[object]]]:
    if wanted.key:
        yield "key = ?", [wanted.key]
    if wanted.route:
        yield "(route = ? OR asked = ?)", [wanted.route, wanted.route]
    if wanted.failed:
        yield "(outcome != '' OR status >= 400)", []
    if wanted.since:
        yield "at >= ?", [wanted.since]


def _open_to_read(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)


def _columns(connection: sqlite3.Connection) -> frozenset[str]:
    return frozenset(str(one[1]) for one in connection.execute("PRAGMA table_info(request)"))


def _rows(names: Sequence[str], found: Iterable[tuple[object, ...]]) -> Iterator[tuple[int, RequestRow]]:
    for number, *values in found:
        row = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        yield int(str(number)), msgspec.convert({**row, "stream": bool(row.get("stream"))}, RequestRow)


def _cannot(what: str, error: Exception, path: Path) -> AccessError:
    return AccessError(f"the record of requests cannot be {what}: {error}", where=str(path))
