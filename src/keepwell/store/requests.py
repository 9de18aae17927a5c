"""The record of requests that the gateway served: one row each, in SQLite. No text of any request is in it.

Rows are written as they come together, many at once and as one text: that costs a thirtieth of inserting each. The
view `request` shows them one by one, with a column for each field. Write-ahead logging: what is committed survives the
end of the process that wrote it, and readers never wait.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
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
#: Characters of a row as it usually is at most, and of one name in a row that is longer.
ROW_CHARACTERS, NAME_CHARACTERS = 1500, 256
#: Rows that are written as one: each reader of one of them reads all.
TOGETHER = 1000
#: Seconds that a writer waits for another one; its own rows wait longer, outside of the file.
BUSY_SECONDS = 2.0
#: Requests whose numbers a gateway may have given out without their rows being there.
UNWRITTEN = 100_000
#: Seconds of a day, roughly: only to forget old days.
_DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """One request. `at` is when it came, seconds since the epoch; `_seconds` are -1 where there was no such moment,
    tokens -1 where the engine did not tell. `dialect` is the client's wire format, and after " > " the engine's where
    the request was translated. `outcome` is "" for one that went well, else the kind of error.

    `proof` says how it is known which model answered, `digest` and `device` what the engine said of it. `energy_joules`
    is the request's share of what its node's devices drew, `cost` that energy by the owner's tariff; -1 where unknown.

    `load_seconds`, `prefill_seconds` and `decode_seconds` are what the engine tells of loading the model, reading the
    prompt and making the answer; `stalled_seconds` is how long the client took nothing of what was there. `cold` is 1
    where the model was not in memory when the request reached its engine, 0 where it was; -1 where nobody knows.
    """

    id: int
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
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    bytes_in: int
    bytes_out: int
    proof: str
    digest: str
    device: str
    changed_options: int
    at: float
    queue_seconds: float
    first_byte_seconds: float
    total_seconds: float
    output_token_seconds: float
    energy_joules: float = -1.0
    cost: float = -1.0
    load_seconds: float = -1.0
    prefill_seconds: float = -1.0
    decode_seconds: float = -1.0
    stalled_seconds: float = -1.0
    cold: int = -1


#: A row as it is written: the fields of RequestRow in their order. New fields come last.
Values: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows: of this key, of this route (or asked by this name), only failed ones, only since this time."""

    key: str = ""
    route: str = ""
    failed: bool = False
    since: float = 0.0


#: KiB of pages that SQLite keeps in memory: rows are added at the end and read seldom, its own 2 MiB would only grow.
CACHE_KIB = 256
EVERY = Wanted()
COLUMNS = tuple(one.name for one in fields(RequestRow))
_SHOWN = ", ".join(f"json_extract(one.value, '$[{place}]') AS {name}" for place, name in enumerate(COLUMNS))
_TABLES = f"""
CREATE TABLE IF NOT EXISTS batch (first INTEGER PRIMARY KEY, count INTEGER, latest REAL, rows TEXT);
CREATE TABLE IF NOT EXISTS spent (day, key, tokens, PRIMARY KEY (day, key)) WITHOUT ROWID;
DROP VIEW IF EXISTS request;
CREATE VIEW request AS SELECT first + one.key AS row, {_SHOWN} FROM batch, json_each(batch.rows) AS one;
"""
_NEXT = "SELECT coalesce(max(first + count), 1) FROM batch WHERE first = (SELECT max(first) FROM batch)"
_SPEND = "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT (day, key) DO UPDATE SET tokens = tokens + excluded.tokens"
_AT = COLUMNS.index("at")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[list[str | int | float | bool | None]]).decode


def open_record(path: Path) -> sqlite3.Connection:
    """The record, made if need be. Raises AccessError."""
    make_private_folder(path.parent)
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise _cannot("opened", error, path) from error
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.executescript(_TABLES)
        path.chmod(0o600)
    except (sqlite3.Error, OSError) as error:
        connection.close()
        raise _cannot("opened", error, path) from error
    return connection


def add_rows(connection: sqlite3.Connection, rows: Sequence[Values], spent: Mapping[tuple[str, str], int]) -> None:
    """Add them and the tokens of each day and key in one transaction; the oldest go. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        first = int(connection.execute(_NEXT).fetchone()[0])
        for start in range(0, len(rows), TOGETHER):
            together = rows[start : start + TOGETHER]
            values = (first + start, len(together), together[-1][_AT], _render(together))
            connection.execute("INSERT INTO batch VALUES (?, ?, ?, ?)", values)
        connection.execute("DELETE FROM batch WHERE first + count <= ?", (first + len(rows) - ROWS_KEPT,))
        connection.executemany(_SPEND, [(day, key, tokens) for (day, key), tokens in spent.items()])
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
    if not path.exists():
        return []
    found: list[tuple[int, RequestRow]] = []
    try:
        with closing(open_to_read(path)) as connection:
            for number, row in _rows(connection, after, wanted.since):
                if is_wanted(row, wanted):
                    found.append((number, row))
                    if len(found) >= last:
                        break
    except (sqlite3.Error, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise _cannot("read", error, path) from error
    return found[::-1]


def find_rows(path: Path, word: str, since: float) -> Iterator[RequestRow]:
    """Rows since a time that may hold this word as a value, the newest first; nothing where there is no record.

    Only texts that hold it are read as rows: some tenths of a second for a million. Raises AccessError.
    """
    if not path.exists():
        return
    try:
        with closing(open_to_read(path)) as connection:
            for _, row in _rows(connection, 0, since, f'"{word}"'):
                if row.at >= since:
                    yield row
    except (sqlite3.Error, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise _cannot("read", error, path) from error


def find_by_id(path: Path, request: int) -> list[RequestRow]:
    """Rows of this request; [] where there is no record. Looks at every text: some tenths of a second for a million.

    Raises AccessError.
    """
    if not path.exists():
        return []
    try:
        with closing(open_to_read(path)) as connection:
            return [row for _, row in _rows(connection, 0, 0.0, f"[{request},") if row.id == request]
    except (sqlite3.Error, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise _cannot("read", error, path) from error


def load_spent(path: Path, now: float) -> dict[str, int]:
    """Tokens of each key since local midnight; {} if there is no record, or none that can be read."""
    try:
        with closing(open_to_read(path)) as connection:
            found = connection.execute("SELECT key, tokens FROM spent WHERE day = ?", (day_of(now),)).fetchall()
    except sqlite3.Error:
        return {}
    return {str(key): int(tokens) for key, tokens in found}


def load_next_id(path: Path) -> int:
    """A number above those of all requests in the record, and of those that an earlier gateway may still be at work on;
    0 if there is no record.
    """
    try:
        rows = read_rows(path, last=TOGETHER)
    except AccessError:
        return 0
    if not rows:
        return 0
    return max(row.id for _, row in rows) + UNWRITTEN


def open_to_read(path: Path) -> sqlite3.Connection:
    """The record, to read only. Raises sqlite3.Error."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)


def parse_rows(text: str) -> list[Values]:
    """The rows that were written together. Raises msgspec.DecodeError, msgspec.ValidationError."""
    return [tuple(row) for row in _decode(text)]


def is_wanted(row: RequestRow, wanted: Wanted) -> bool:
    """Whether it is one of these."""
    return (
        (not wanted.key or row.key == wanted.key)
        and (not wanted.route or wanted.route in (row.route, row.asked))
        and (not wanted.failed or bool(row.outcome) or row.status >= 400)
        and row.at >= wanted.since
    )


def day_of(at: float) -> str:
    """The local day of a time in seconds since the epoch."""
    return time.strftime("%Y-%m-%d", time.localtime(at))


def midnight_after(at: float) -> float:
    """When the local day of this time ends, in seconds since the epoch; a day may have 23 or 25 hours."""
    day = time.localtime(at)
    return time.mktime((day.tm_year, day.tm_mon, day.tm_mday + 1, 0, 0, 0, 0, 0, -1))


def _rows(
    connection: sqlite3.Connection, after: int, since: float, holding: str = ""
) -> Iterator[tuple[int, RequestRow]]:
    """The newest first; only of texts that hold this."""
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'batch'").fetchone():
        return  # it is being made at this moment
    query = (
        "SELECT first, rows FROM batch WHERE first > ? AND first + count > ? AND latest >= ? AND instr(rows, ?)"
        " ORDER BY first DESC"
    )
    bounds = after + 1 - TOGETHER, after + 1  # the first of them is in the index
    for first, text in connection.execute(query, (*bounds, since, holding)):
        rows = _decode(text)
        for place in range(len(rows) - 1, -1, -1):
            if first + place > after:
                named = dict(zip(COLUMNS, rows[place], strict=False))
                yield first + place, msgspec.convert(named, RequestRow)


def _render(rows: Sequence[Values]) -> str:
    """As JSON. Names that are no text, or are longer than any name, come from outside: they are made fit."""
    try:
        text = _encode(rows).decode()
    except UnicodeEncodeError:
        text = ""
    if not text or len(text) > ROW_CHARACTERS * len(rows):
        text = _encode([[_shorten(one) for one in row] for row in rows]).decode()
    return text


def _shorten(value: object) -> object:
    if isinstance(value, str):
        return value[:NAME_CHARACTERS].encode("utf-8", "replace").decode()
    return value


def _cannot(what: str, error: Exception, path: Path) -> AccessError:
    return AccessError(f"the record of requests cannot be {what}: {error}", where=str(path))
