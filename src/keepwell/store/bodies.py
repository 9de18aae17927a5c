"""What was asked and answered on routes whose owner wishes to keep that: without names and secrets, cut, for a time.

A file of its own beside the record: it can be deleted at any time, and what goes from it is overwritten.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.store.folder import make_private_folder

#: Where it lies in the state folder.
BODIES_FILE = "gateway/bodies.db"
#: Bytes of a request, and of an answer, that are kept: the beginning tells most, and images are larger.
BODY_BYTES = 64 * 1024
#: Bodies that are kept at most, the newest: some GB if all were of full length.
KEPT = 20_000
#: Seconds that a writer waits for another one.
BUSY_SECONDS = 2.0
_TABLE = """
CREATE TABLE IF NOT EXISTS body (id INTEGER PRIMARY KEY, at REAL, route TEXT, key TEXT, asked TEXT, answered TEXT)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBody:
    """What request `id` asked and what was answered, as text; `at` in seconds since the epoch."""

    id: int
    at: float
    route: str
    key: str
    asked: str
    answered: str


def add_bodies(path: Path, bodies: Iterable[KeptBody], *, oldest: float) -> None:
    """Keep these; those from before `oldest` and beyond the limit go. Raises AccessError."""
    rows = [(one.id, one.at, one.route, one.key, one.asked, one.answered) for one in bodies]
    make_private_folder(path.parent)
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection, connection:
            path.chmod(0o600)
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(_TABLE)
            connection.executemany("INSERT OR REPLACE INTO body VALUES (?, ?, ?, ?, ?, ?)", rows)
            connection.execute("DELETE FROM body WHERE at < ?", (oldest,))
            connection.execute("DELETE FROM body WHERE id <= (SELECT max(id) FROM body) - ?", (KEPT,))
    except (sqlite3.Error, OSError) as error:
        raise AccessError(f"bodies cannot be kept: {error}", where=str(path)) from error


def list_bodies(path: Path, route: str, most: int) -> list[KeptBody]:
    """The newest ones of a route, newest first; [] if none is kept. Raises AccessError."""
    if not path.exists():
        return []
    query = "SELECT id, at, route, key, asked, answered FROM body WHERE route = ? ORDER BY at DESC LIMIT ?"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as found:
            rows = found.execute(query, (route, most)).fetchall()
    except sqlite3.Error as error:
        raise AccessError(f"kept bodies cannot be read: {error}", where=str(path)) from error
    return [KeptBody(id=row[0], at=row[1], route=row[2], key=row[3], asked=row[4], answered=row[5]) for row in rows]


def find_body(path: Path, number: int) -> KeptBody | None:
    """That of the request with this number, None if it is not kept. Raises AccessError."""
    if not path.exists():
        return None
    query = "SELECT id, at, route, key, asked, answered FROM body WHERE id = ?"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as found:
            row = found.execute(query, (number,)).fetchone()
    except sqlite3.Error as error:
        raise AccessError(f"kept bodies cannot be read: {error}", where=str(path)) from error
    if row is None:
        return None
    return KeptBody(id=row[0], at=row[1], route=row[2], key=row[3], asked=row[4], answered=row[5])
