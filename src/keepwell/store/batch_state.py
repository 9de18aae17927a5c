"""A job as its journal tells it, and what SQLite says, in keepwell's own errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from keepwell.core.errors import AccessError, DamagedError, KeepwellError, RefusedError

#: SQLite's codes for a file that is none of its own any more.
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBegin:
    """What a job is begun with: what its answers depend on, where they go, how many tasks there are, its command."""

    manifest: Mapping[str, str]
    output: str
    errors: str
    total: int = 0
    command: str = ""


class BatchState(msgspec.Struct, kw_only=True):
    """A job as its journal tells it. `reached` is the first number that was never asked; `troubles` counts outcomes by
    trouble, answers by ""; `ended` is why the last run ended, "" while one goes on or after it died.
    """

    manifest: dict[str, str]
    created_at: float
    output: str
    errors: str
    renewed_at: float
    total: int = 0
    generation: int = 0
    owner: str = ""
    reached: int = 0
    troubles: dict[str, int] = {}
    input_tokens: int = 0
    output_tokens: int = 0
    output_bytes: int = 0
    error_bytes: int = 0
    ended: str = ""
    command: str = ""

    @property
    def done(self) -> int:
        """Tasks that have an outcome."""
        return sum(self.troubles.values())


@dataclass(frozen=True, slots=True)
class Tries:
    """How often a task was asked, which share of the tries that it has it has had (1: all), how many engines died of it
    or beside it, how many while it was alone, and which target is its next.
    """

    attempts: int = 0
    spent: float = 0.0
    deaths: int = 0
    alone: int = 0
    target: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An outcome as it is kept: its lines for the output and the file of errors, and what is counted."""

    number: int
    line: bytes
    error: bytes
    trouble: str = ""
    input_tokens: int = 0
    output_tokens: int = 0


_NAMES = ", ".join(BatchState.__struct_fields__)
_MARKS = ", ".join(f":{name}" for name in BatchState.__struct_fields__)


def read_state(connection: sqlite3.Connection) -> BatchState | None:
    """The job's row, None where the journal has none yet. Raises sqlite3.Error."""
    row = connection.execute(f"SELECT {_NAMES} FROM state").fetchone()
    if row is None:
        return None
    values = dict(zip(BatchState.__struct_fields__, row, strict=True))
    for name in ("manifest", "troubles"):
        values[name] = msgspec.json.decode(values[name])
    return msgspec.convert(values, BatchState)


def write_state(connection: sqlite3.Connection, state: BatchState) -> None:
    """The row of a new job. Raises sqlite3.Error."""
    values = msgspec.structs.asdict(state)
    for name in ("manifest", "troubles"):
        values[name] = msgspec.json.encode(values[name]).decode()
    connection.execute(f"INSERT INTO state (one, {_NAMES}) VALUES (1, {_MARKS})", values)


def require_same(found: BatchState, begin: BatchBegin) -> None:
    """RefusedError, with what is another, where a job was begun with something else."""
    names = sorted({*found.manifest, *begin.manifest})
    told = [(name, found.manifest.get(name, "nothing"), begin.manifest.get(name, "nothing")) for name in names]
    changed = [f"{name} (was {was}, is {now})" for name, was, now in told if was != now]
    if changed:
        raise RefusedError(
            f"this job was begun with something else: {'; '.join(changed)}",
            where=begin.output,
            hint="--anew asks all of it again and overwrites the output, or name another output",
        )


def make_error(error: sqlite3.Error, folder: Path) -> KeepwellError:
    """What SQLite said, as an error with the way out."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
        return DamagedError(f"the journal of a batch: {error}", where=str(folder), hint="begin again with --anew")
    return AccessError(f"the journal of a batch: {error}", where=str(folder), hint="make room, then the same command")
