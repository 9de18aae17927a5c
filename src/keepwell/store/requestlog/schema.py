"""What a month's file holds, and how one of an earlier release becomes one of this.

`about` holds three numbers: `floor` (the last number of a row in the files before this one), `folded` (up to which
row the sketches count) and `minutes` (since when sketches of minutes are there). `zone` says for each ZONE rows when
the first and the last of them came: rows stand in the order in which they were added, which is nearly, not quite,
that of their coming. Times of sketches are seconds, all others microseconds since the epoch.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.store.request_log import MEASURES
from keepwell.store.requestlog.columns import COUNTS, KIND, PARTS, render_view

#: What `PRAGMA application_id` says of these files: "kwrl".
APPLICATION = 0x6B77726C
#: Version of the schema, in `PRAGMA user_version`.
VERSION = 1
#: Rows that share an entry of when they came.
ZONE_BITS = 10
ZONE = 1 << ZONE_BITS
#: Bytes of a page: sketches fit into one.
PAGE_BYTES = 8192
#: KiB of pages that SQLite keeps in memory; new rows and their index stand at the end of both.
CACHE_KIB = 4096
#: Seconds that a writer or reader waits for another one.
BUSY_SECONDS = 5.0
#: Bytes of the write-ahead log that are kept when it was emptied.
JOURNAL_BYTES = 16 << 20
_NUMBERS = ", ".join(f"{name} INTEGER" for name in (*COUNTS, "at", *PARTS))
#: Of hours one measure's sketches stand together, so that a question reads no other; minutes are few and many at once.
_SKETCHES = "".join(
    f"CREATE TABLE {name} (measure INTEGER, at INTEGER, label INTEGER, sketch BLOB, PRIMARY KEY (measure, at, label))"
    " WITHOUT ROWID;"
    for name in ("hour", "route_hour")
)
_MINUTES = (
    f"CREATE TABLE minute (at INTEGER, label INTEGER, {', '.join(MEASURES)}, PRIMARY KEY (at, label)) WITHOUT ROWID;"
)
_FIRST = f"""
CREATE TABLE about (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE mark (source TEXT PRIMARY KEY, number INTEGER, id INTEGER, at INTEGER, doubtful INTEGER) WITHOUT ROWID;
CREATE TABLE kind (kind INTEGER PRIMARY KEY, {", ".join(KIND)});
CREATE TABLE request (number INTEGER PRIMARY KEY, kind INTEGER NOT NULL, {_NUMBERS});
CREATE INDEX request_id ON request (id);
CREATE TABLE zone (zone INTEGER PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL);
CREATE TABLE label (label INTEGER PRIMARY KEY, route TEXT, replica TEXT, class TEXT);
{_SKETCHES}
{_MINUTES}
CREATE VIEW requests AS SELECT request.number AS number, {", ".join(render_view())}
FROM request JOIN kind ON kind.kind = request.kind;
PRAGMA application_id = {APPLICATION};
"""
#: What leads from each version to the next. A released step is never changed; a new version is one more of them.
_STEPS = (_FIRST,)


def open_month(path: Path, floor: int, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """A month's file to write to, made or brought to this version if need be; what is made goes on after row `floor`.

    Raises AccessError, and sqlite3.Error where SQLite cannot.
    """
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        path.chmod(0o600)
        migrate(connection, path, floor)
    except (sqlite3.Error, AccessError, OSError):
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """A month's file, to read only. Raises AccessError where it is of a newer release, else sqlite3.Error."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _refuse_newer(connection, path)
    except (sqlite3.Error, AccessError):
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, path: Path, floor: int) -> None:
    """Bring it to this version, each step in a transaction of its own. Raises AccessError, sqlite3.Error."""
    while _refuse_newer(connection, path) < VERSION:
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _refuse_newer(connection, path)  # another process may have done it meanwhile
            if version < VERSION:
                for statement in _STEPS[version].split(";"):
                    connection.execute(statement)
                connection.execute("INSERT OR IGNORE INTO about VALUES ('floor', ?), ('folded', ?)", (floor, floor))
                connection.execute("INSERT OR IGNORE INTO about VALUES ('minutes', 0)")
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except (sqlite3.Error, AccessError):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def is_made(path: Path) -> bool:
    """Whether there is a month's file with tables in it: one that is being made has none yet. Raises sqlite3.Error."""
    with closing(open_to_read(path)) as connection:
        return bool(connection.execute("PRAGMA user_version").fetchone()[0])


def get_about(connection: sqlite3.Connection, name: str) -> int:
    """One of the numbers that a file holds about itself."""
    return int(connection.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()[0])


def set_about(connection: sqlite3.Connection, name: str, value: int) -> None:
    """Another number in its place."""
    connection.execute("UPDATE about SET value = ? WHERE name = ?", (value, name))


def _refuse_newer(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise AccessError(
            f"this log of requests was written by a newer keepwell (schema {version}, this one knows {VERSION})",
            where=str(path),
            hint="use that release, or move the file away",
        )
    return version
