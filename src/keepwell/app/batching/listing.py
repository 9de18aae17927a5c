"""What is known of batches: those that run, ended or died; and how one is stopped or gone on with."""

from __future__ import annotations

import fcntl
import os
import shlex
import sqlite3
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import msgspec

from keepwell.app.batching.report import BatchesReport, BatchFigures, BatchPlanReport, BatchReport, BatchSampleReport
from keepwell.app.batching.running import load_wish, run_batch
from keepwell.app.batching.tables import find_output
from keepwell.app.operation import Caller
from keepwell.app.wiring import find_state
from keepwell.core.errors import ConfigurationError, DamagedError, KeepwellError, NotThere
from keepwell.store.batch_schema import open_to_read
from keepwell.store.batch_state import BatchState, make_error, read_state
from keepwell.store.batches import FILE_NAME, FOLDER, LOCK_NAME, STOP_NAME

#: Jobs that are listed, newest first.
LIST_JOBS = 200


def list_batches(caller: Caller) -> BatchesReport:
    """All jobs of this state folder."""
    found: list[BatchFigures] = []
    problems: list[str] = []
    for folder in (find_state(caller) / FOLDER).glob("*"):
        try:
            found.append(_load(folder))
        except NotThere:
            continue
        except KeepwellError as error:
            problems.append(str(error))
    found.sort(key=_begun, reverse=True)
    return BatchesReport(batches=tuple(found[:LIST_JOBS]), problems=tuple(problems))


def show_batch(caller: Caller, name: str) -> BatchReport:
    """One of them. Raises ConfigurationError for a name that none or several have."""
    figures = _load(_find(caller, name))
    following = ""
    if figures.state not in ("done", "running"):
        following = f"keepwell batch resume {figures.id}"
    return BatchReport(batch=figures, next=following)


def stop_batch(caller: Caller, name: str) -> BatchReport:
    """Ask its runner to end. Raises ConfigurationError where none runs."""
    folder = _find(caller, name)
    if not _is_running(folder):
        raise ConfigurationError("nobody works on this job", where=folder.name, hint="keepwell batch list")
    (folder / STOP_NAME).touch(mode=0o600)
    return BatchReport(batch=_load(folder), next="it begins nothing more, and ends when what is in flight has ended")


async def resume_batch(caller: Caller, name: str) -> BatchReport | BatchPlanReport | BatchSampleReport:
    """Go on with one as it was run last."""
    folder = _find(caller, name)
    command = _read(folder).command
    try:
        wish = load_wish(command)
    except msgspec.MsgspecError as error:
        raise DamagedError("the command of this job is not known", where=str(folder)) from error
    return await run_batch(caller, wish)


def render_command(command: str) -> str:
    """A job's command as it can be typed; "" where it is not known."""
    try:
        wish = load_wish(command)
    except msgspec.MsgspecError:
        return ""
    words = ["keepwell", "batch", "run", wish.input]
    for field in fields(wish):
        value = getattr(wish, field.name)
        flag = f"--{field.name.replace('_', '-')}"
        if field.name == "input" or not value or value == field.default:
            continue
        if value is True:
            words.append(flag)
        elif isinstance(value, list):
            words += [word for one in value for word in (flag, one)]
        else:
            words += [flag, str(value)]
    return shlex.join(words)


def _find(caller: Caller, name: str) -> Path:
    folder = find_state(caller) / FOLDER
    known = [one for one in folder.glob("*") if (one / FILE_NAME).exists()]
    found = [one for one in known if one.name == name] or [one for one in known if one.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(one.name for one in found or known)[:10])
    many = {True: "several jobs", False: "no job"}[len(found) > 1]
    raise ConfigurationError(f"{name!r} is {many}", hint=f"known: {names or 'none'}")


def _load(folder: Path) -> BatchFigures:
    state = _read(folder)
    word = state.ended or {True: "running", False: "died"}[_is_running(folder)]
    return BatchFigures(
        id=folder.name,
        state=word,
        output=find_output(state),
        errors=state.errors,
        total=state.total,
        done=state.done,
        answered=state.troubles.get("", 0),
        troubles={name: count for name, count in state.troubles.items() if name},
        input_tokens=state.input_tokens,
        output_tokens=state.output_tokens,
        command=render_command(state.command),
        created_at=state.created_at,
        renewed_at=state.renewed_at,
        manifest=state.manifest,
    )


def _read(folder: Path) -> BatchState:
    path = folder / FILE_NAME
    if not path.exists():
        raise NotThere("no such job", where=folder.name)
    try:
        with closing(open_to_read(path)) as connection:
            state = read_state(connection)
    except sqlite3.Error as error:
        raise make_error(error, folder) from error
    if state is None:
        raise NotThere("the job was not begun", where=folder.name)
    return state


def _is_running(folder: Path) -> bool:
    """True while a runner of this machine has the job's lock."""
    try:
        lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _begun(one: BatchFigures) -> float:
    return one.created_at
