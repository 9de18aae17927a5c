"""A job's folder in the state folder: `jobs/NAME/` with what was asked for, how it stands, its log and its pipe.

Written by the command that asks and by the supervisor, each file whole or not at all. By `json` alone: whoever
imports `keepwell.store` has twice the memory of a supervisor.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from keepwell.core.errors import DamagedError
from keepwell.core.job import JobSpec, JobState, ProcessId

#: Where jobs lie in the state folder, and the files of each.
JOBS_FOLDER = "jobs"
SPEC_FILE, STATE_FILE, LOG_FILE = "job.json", "state.json", "log"
PIPE_FILE, LOCK_FILE, ERROR_FILE = "output", "lock", "supervisor.err"
#: Bytes of such a file: an argument list may have 2 MiB (ARG_MAX of Linux), its JSON some more.
RECORD_BYTES = 8 * 1024 * 1024


def load_spec(folder: Path) -> JobSpec:
    """What was asked for. Raises FileNotFoundError, DamagedError."""
    path = folder / SPEC_FILE
    row = _load(path)
    try:
        spec = JobSpec(**{**row, "argv": tuple(row["argv"])})
    except (TypeError, KeyError) as error:
        raise _damaged(path, error) from error
    if not spec.argv or not all(isinstance(one, str) for one in (spec.name, spec.folder, *spec.argv)):
        raise _damaged(path, "no command")
    return spec


def load_state(folder: Path) -> JobState:
    """How it stood; that of a job that waits to begin where nothing is kept yet. Raises DamagedError."""
    path = folder / STATE_FILE
    try:
        row = _load(path)
    except FileNotFoundError:
        return JobState(stage="waiting")
    try:
        row |= {name: _process(row[name]) for name in ("supervisor", "program")}
        return JobState(**{**row, "left": tuple(row["left"])})
    except (TypeError, KeyError) as error:
        raise _damaged(path, error) from error


def save_record(path: Path, record: JobSpec | JobState, *, durable: bool = True) -> None:
    """Put it in its place whole; `durable`: also through a loss of power. Raises OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            json.dump(asdict(record), file)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _load(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        content = file.read(RECORD_BYTES + 1)
    try:
        row = json.loads(content)
    except ValueError as error:
        raise _damaged(path, error) from error
    if not isinstance(row, dict) or len(content) > RECORD_BYTES:
        raise _damaged(path, "not a record")
    known = {one.name for one in (*fields(JobSpec), *fields(JobState))}
    return {name: value for name, value in row.items() if name in known}


def _process(row: object) -> ProcessId | None:
    if row is None:
        return None
    if not isinstance(row, dict):
        raise TypeError("a process is told as an object")
    return ProcessId(**row)


def _damaged(path: Path, error: object) -> DamagedError:
    return DamagedError(f"this is no record of a job: {error}", where=str(path), hint="move its folder away")
