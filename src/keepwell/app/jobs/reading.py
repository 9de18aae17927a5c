"""Read a job's log: its last lines, or as they come."""

from __future__ import annotations

import asyncio
from pathlib import Path

from keepwell.app.jobs.asking import find_folder
from keepwell.app.jobs.report import JobLogReport
from keepwell.app.operation import Caller, untold
from keepwell.core.errors import ConfigurationError
from keepwell.core.job import OVER
from keepwell.jobs.line_log import EARLIER_FILES, earlier
from keepwell.jobs.living import is_living
from keepwell.jobs.records import LOG_FILE, load_state
from keepwell.store.folder import state_error

#: Bytes at the end of a log that are read: a million lines are read with another program.
TAIL_BYTES = 8 * 1024 * 1024
#: Bytes that are read at once of what comes.
CHUNK_BYTES = 256 * 1024
#: Seconds between two looks for more.
FOLLOW_SECONDS = 0.25


def read_log(caller: Caller, name: str, lines: int) -> JobLogReport:
    """The last lines of it. Raises NotThere, AccessError."""
    path = find_folder(caller, name) / LOG_FILE
    found, left_out = _read_tail(path, lines)
    return JobLogReport(name=name, lines=tuple(found), left_out=left_out, path=str(path))


async def follow_log(caller: Caller, name: str, lines: int) -> None:
    """Tell the last lines, then each that comes, until the job is over. Raises NotThere, AccessError."""
    if caller.tell is untold:
        raise ConfigurationError(
            "-f tells lines as they come, which is no JSON document", hint="leave -f or --json out"
        )
    folder = find_folder(caller, name)
    path = folder / LOG_FILE
    known = _size(path)
    for line in _read_tail(path, lines)[0]:
        caller.tell(line)
    rest, last_look = b"", False
    while True:
        content, known = _read_on(path, known)
        *whole, rest = (rest + content).split(b"\n")
        for one in whole:
            caller.tell(one.decode("utf-8", "replace"))
        if content:
            continue
        if last_look:
            return
        state = load_state(folder)
        last_look = state.stage in OVER or not is_living(state.supervisor)  # what it said last is read once more
        await asyncio.sleep(FOLLOW_SECONDS)


def _read_tail(path: Path, lines: int) -> tuple[list[str], bool]:
    """The last lines, over as many files as it takes, and if there are earlier ones."""
    content, number, whole = b"", 0, True
    while number <= EARLIER_FILES and content.count(b"\n") <= lines and len(content) < TAIL_BYTES:
        more, whole = _read_end(earlier(path, number), TAIL_BYTES - len(content))
        content = more + content
        number += 1
    found = content.decode("utf-8", "replace").splitlines()
    left_out = len(found) > lines or not whole or earlier(path, number).exists()
    return found[max(0, len(found) - lines) :], left_out


def _read_end(path: Path, most: int) -> tuple[bytes, bool]:
    """The end of a file, from a line's beginning on, and if that is all of it."""
    try:
        with path.open("rb") as file:
            begin = max(0, file.seek(0, 2) - most)
            file.seek(begin)
            content = file.read(most)
    except FileNotFoundError:
        return b"", True
    except OSError as error:
        raise state_error(error, path) from error
    if begin:
        content = content.partition(b"\n")[2]
    return content, not begin


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _read_on(path: Path, known: int) -> tuple[bytes, int]:
    """What was added since, and how far that is; from its beginning where the file is another one now."""
    size = _size(path)
    if size < known:
        known = 0
    if size == known:
        return b"", known
    try:
        with path.open("rb") as file:
            file.seek(known)
            content = file.read(CHUNK_BYTES)
    except OSError as error:
        raise state_error(error, path) from error
    return content, known + len(content)
