"""The record of requests that the gateway served: one row each, in SQLite. No text of any request is in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import msgspec

from keepwell.core.errors import AccessError
from keepwell.store.folder import make_private_folder

#: Where it lies in the state folder.
RECORD_FILE = "gateway/requests.db"
#: Rows that are kept; the oldest go first.
ROWS_KEPT = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """One request. `at` is when it came, seconds since the epoch; `_seconds` are -1 where there was no such moment,
    tokens -1 where the engine did not tell. `outcome` is "" for one that went well.
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


COLUMNS = tuple(one.name for one in fields(RequestRow))
_TABLE = f"""
CREATE TABLE IF NOT EXISTS request (row INTEGER PRIMARY KEY, {", ".join(COLUMNS)});
CREATE INDEX IF NOT EXISTS request_at ON request (at);
"""
_INSERT = f"INSERT INTO request ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"


def open_record(path: Path) -> sqlite3.Connection:
    """The record, made if need be. Raises AccessError."""
    make_private_folder(path.parent)
    try:
        connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_TABLE)
        path.chmod(0o600)
    except (sqlite3.Error, OSError) as error:
        raise AccessError(f"the record of requests cannot be opened: {error}", where=str(path)) from error
    return connection


def add_rows(connection: sqlite3.Connection, rows: Iterable[RequestRow]) -> None:
    """Add them in one transaction, and let the oldest go. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_INSERT, [astuple(one) for one in rows])
        connection.execute("DELETE FROM request WHERE row <= (SELECT max(row) FROM request) - ?", (ROWS_KEPT,))
    except sqlite3.Error:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def read_rows(path: Path, *, after: int = 0, last: int = 20) -> list[tuple[int, RequestRow]]:
    """The newest rows with their numbers, oldest of them first; only those after row `after`. () if there is none."""
    if not path.exists():
        return []
    query = f"SELECT row, {', '.join(COLUMNS)} FROM request WHERE row > ? ORDER BY row DESC LIMIT ?"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
            found = connection.execute(query, (after, last)).fetchall()
    except sqlite3.Error as error:
        raise AccessError(f"the record of requests cannot be read: {error}", where=str(path)) from error
    return list(_rows(reversed(found)))


def _rows(found: Iterable[tuple[object, ...]]) -> Iterator[tuple[int, RequestRow]]:
    for number, *values in found:
        row = dict(zip(COLUMNS, values, strict=True))
        yield int(str(number)), msgspec.convert({**row, "stream": bool(row["stream"])}, RequestRow)
