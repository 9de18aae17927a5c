"""What the journal of a batch holds, and how it is opened.

`state` is one row. `outbox` are outcomes that are kept and not yet surely in the output; once they are, they are bits
of `done`. `tries` are tasks that were asked and have no outcome; a task below `reached` that is in none of the three
was asked once and was in flight when its runner died.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from keepwell.core.errors import DamagedError

#: What `PRAGMA application_id` says of these files: "kwbj".
APPLICATION = 0x6B77626A
#: Version of the schema, in `PRAGMA user_version`.
VERSION = 1
#: Seconds that one waits for another: only for somebody who looks at it.
BUSY_SECONDS = 10.0
#: Bytes of the write-ahead log that are kept when it was emptied.
WAL_BYTES = 16 << 20
_TABLES = f"""
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1), manifest TEXT NOT NULL, created_at REAL NOT NULL, output TEXT NOT NULL,
    errors TEXT NOT NULL, total INTEGER NOT NULL, generation INTEGER NOT NULL, owner TEXT NOT NULL,
    renewed_at REAL NOT NULL, reached INTEGER NOT NULL, troubles TEXT NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, output_bytes INTEGER NOT NULL, error_bytes INTEGER NOT NULL, ended TEXT NOT NULL,
    command TEXT NOT NULL);
CREATE TABLE outbox (number INTEGER PRIMARY KEY, line BLOB NOT NULL, error BLOB NOT NULL);
CREATE TABLE done (page INTEGER PRIMARY KEY, bits BLOB NOT NULL);
CREATE TABLE tries (number INTEGER PRIMARY KEY, attempts INTEGER NOT NULL, spent REAL NOT NULL,
    deaths INTEGER NOT NULL, alone INTEGER NOT NULL, target INTEGER NOT NULL);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""


def open_database(path: Path) -> sqlite3.Connection:
    """The journal's file to write to, made if need be. Raises sqlite3.Error, OSError, DamagedError for another file."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        path.chmod(0o600)
        if read_version(connection, path) == 0:
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
    except (sqlite3.Error, OSError, DamagedError):
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """The same, for one who only looks, also while it is written. Raises sqlite3.Error, DamagedError."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = 1")
        if read_version(connection, path) == 0:
            raise DamagedError("the journal of a batch is empty", where=str(path))
    except (sqlite3.Error, DamagedError):
        connection.close()
        raise
    return connection


def read_version(connection: sqlite3.Connection, path: Path) -> int:
    """Its version, 0 for a new file. Raises sqlite3.Error, DamagedError for another file, or one of a later release."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if (application, version) not in ((0, 0), (APPLICATION, VERSION)):
        raise DamagedError(
            "not the journal of a batch, or one of a later release", where=str(path), hint="keepwell --version"
        )
    return int(version)
