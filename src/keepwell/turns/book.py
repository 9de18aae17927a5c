"""The book of turns on disk: `devices/` in the state folder, with the rules, the book, and a lock.

Whoever holds the lock owns the book and decides: the gateway's data plane as long as it serves, else each asker for the
moment in which it asks. By `json` alone: a supervisor that imports more has twice the memory.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, TypeVar

from keepwell.core.errors import AccessError, DamagedError
from keepwell.core.hours import Hours, is_within
from keepwell.core.job import ProcessId
from keepwell.turns.living import get_boot, is_living
from keepwell.turns.words import Book, Device, Rules, Turn, Window, Wish

#: Where they lie in the state folder.
FOLDER = "devices"
RULES_FILE, BOOK_FILE, LOCK_FILE = f"{FOLDER}/rules.json", f"{FOLDER}/book.json", f"{FOLDER}/lock"
#: Bytes of such a file: a turn takes some 500, a window 300.
FILE_BYTES = 4 * 1024 * 1024
#: Seconds between two looks at a lock that somebody has for a moment.
LOOK_SECONDS = 0.01

Entry = TypeVar("Entry", Device, Window, Turn)


def load_rules(state: Path) -> Rules:
    """Devices and windows as they were written down last; none where nobody did. Raises DamagedError."""
    path = state / RULES_FILE
    row = _load(path)
    try:
        devices = tuple(_make(Device, one, replicas=tuple(one["replicas"])) for one in row.get("devices", ()))
        windows = tuple(_window(one) for one in row.get("windows", ()))
    except (TypeError, KeyError, AttributeError) as error:
        raise _damaged(path, error) from error
    return Rules(devices=devices, windows=windows)


def save_rules(state: Path, rules: Rules) -> None:
    """Write them whole. Raises AccessError."""
    _save(state / RULES_FILE, asdict(rules))


def load_book(state: Path) -> Book:
    """The book as it was left. Empty after the machine was started anew: no process that had a turn is there any more,
    and the clock of its seconds began again. Raises DamagedError.
    """
    path = state / BOOK_FILE
    row = _load(path)
    if row.get("boot") != get_boot():
        return Book()
    try:
        turns = tuple(_turn(one) for one in row["turns"])
        return Book(turns=turns, next_number=int(row["next_number"]))
    except (TypeError, KeyError, AttributeError) as error:
        raise _damaged(path, error) from error


def save_book(state: Path, book: Book) -> None:
    """Write it whole; not through a loss of power, after which it means nothing. Raises AccessError."""
    _save(state / BOOK_FILE, {**asdict(book), "boot": get_boot()})


def is_other(one: Book, other: Book) -> bool:
    """True where the two differ in more than when somebody was heard of."""
    return [replace(turn, heard=0.0) for turn in one.turns] != [replace(turn, heard=0.0) for turn in other.turns]


def take_lock(state: Path, *, seconds: float = 0.0) -> int | None:
    """Become the owner of the book: a descriptor that is closed to give it up, None where another one is for all of
    this time. Raises AccessError.
    """
    path = state / LOCK_FILE
    try:
        _make_folder(path.parent)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _state_error(error, path) from error
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(lock)
                return None
            time.sleep(LOOK_SECONDS)
        else:
            return lock


def find_open(rules: Rules, wall: float, zone: tzinfo | None = None) -> frozenset[int]:
    """Windows that are now, by their number; `wall` is in seconds since the epoch, `zone` None this machine's own."""
    here = datetime.fromtimestamp(wall, zone)
    return frozenset(number for number, one in enumerate(rules.windows) if is_within(one.hours, here))


def find_gone(book: Book) -> frozenset[str]:
    """Wishes whose process is no more."""
    held = (one.wish for one in book.turns if one.wish.process is not None)
    return frozenset(one.id for one in held if not is_living(one.process))


def make_wish(row: Mapping[str, Any]) -> Wish:
    """A wish from what it was written as. Raises TypeError, KeyError."""
    process = row.get("process")
    if process is not None:
        process = ProcessId(pid=int(process["pid"]), started=int(process["started"]), boot=str(process["boot"]))
    memory = int(row.get("memory_bytes", 0))
    named = {name: str(row[name]) for name in ("id", "holder", "device")}
    return Wish(**named, memory_bytes=memory, process=process)


def _turn(row: Mapping[str, Any]) -> Turn:
    return _make(Turn, row, wish=make_wish(row["wish"]), unload=tuple(row["unload"]))


def _window(row: Mapping[str, Any]) -> Window:
    begin, end, days = row["hours"]
    hours = Hours(str(begin), str(end), tuple(days))
    return _make(Window, row, hours=hours, holders=tuple(row["holders"]), unload=tuple(row["unload"]))


def _make(kind: type[Entry], row: Mapping[str, Any], **made: Any) -> Entry:
    known = {one.name for one in fields(kind)}
    return kind(**{**{name: value for name, value in row.items() if name in known}, **made})


def _load(path: Path) -> dict[str, Any]:
    """A record, {} where there is none."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _damaged(path, error) from error
    try:
        row = json.loads(content)
    except ValueError as error:
        raise _damaged(path, error) from error
    if not isinstance(row, dict):
        raise _damaged(path, "not a record")
    return row


def _save(path: Path, row: Mapping[str, Any]) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _make_folder(path.parent)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
            json.dump(row, file)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _state_error(error, path) from error


def _make_folder(folder: Path) -> None:
    """It and those above it, new ones for their owner alone."""
    for one in reversed((folder, *folder.parents)):
        if not one.is_dir():
            one.mkdir(mode=0o700, exist_ok=True)


def _damaged(path: Path, error: object) -> DamagedError:
    return DamagedError(f"this is no record of device time: {error}", where=str(path), hint="move it away")


def _state_error(error: OSError, path: Path) -> AccessError:
    hint = "set KEEPWELL_STATE to a folder with room"
    return AccessError(f"keepwell's state: {error.strerror or error}", where=str(path), hint=hint)
