"""Files and batches that clients of the gateway left with it: `STATE/desk`. One process writes there.

A file is its bytes (`files/ID.data`) and what is known of it (`files/ID.json`), which is written last and taken away
first: without it there is no file, and the bytes are swept when the process starts. A batch is `batches/ID.json`; the
journal of its job and what comes of it lie in `batches/ID`.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

import msgspec

from keepwell.core.errors import DamagedError, NotThere, TooLarge
from keepwell.store.folder import make_private_folder, read_private, replace_private, state_error, sync_folder

#: The folder in the state folder.
DESK_FOLDER = "desk"
#: Bytes of what is known of one file or batch: names and metadata are bounded by whoever takes them in.
RECORD_BYTES = 1024 * 1024
#: Bytes of the disk that clients' files leave free.
FREE_BYTES = 1024 * 1024 * 1024
_ID = re.compile(r"[a-z]{1,8}[-_][0-9a-f]{24}")

BatchStatus: TypeAlias = Literal[
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
]
#: Those after which nothing changes any more.
ENDED: frozenset[BatchStatus] = frozenset({"failed", "completed", "expired", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskFile:
    """A file: whose (the name of a key, "" without keys), what it was called, what for, how large, and when it was made
    and will be swept (seconds since the epoch, 0 for never).
    """

    id: str
    owner: str
    name: str
    purpose: str
    size: int
    made_at: int
    expires_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with an input: a code, words, and the line from 1, 0 for none."""

    code: str
    message: str
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskBatch:
    """A batch: whose, what of, until when, and how far. `times` tells when it came to each status, `ending` how it will
    end once its files are made.
    """

    id: str
    owner: str
    endpoint: str
    input_file_id: str
    window: str
    created_at: int
    expires_at: int
    status: BatchStatus = "validating"
    ending: BatchStatus = "completed"
    output_file_id: str = ""
    error_file_id: str = ""
    total: int = 0
    completed: int = 0
    failed: int = 0
    times: Mapping[str, int] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[Fault, ...] = ()


class Desk:
    """The store. Methods raise AccessError where the disk does not do what it should, NotThere for an unknown id,
    DamagedError for a record that cannot be read.
    """

    def __init__(self, state: Path) -> None:
        self._files = state / DESK_FOLDER / "files"
        self._batches = state / DESK_FOLDER / "batches"

    def open(self) -> None:
        """Make the folders, and sweep what a process that was killed left half made."""
        for folder in (self._files, self._batches):
            make_private_folder(folder)
        for path in self._files.iterdir():
            if path.suffix != ".json" and not path.with_suffix(".json").exists():
                path.unlink(missing_ok=True)

    @property
    def incoming(self) -> Path:
        """The folder for bytes that are to become files: what is left in it is swept."""
        return self._files

    def require_room(self, size: int) -> None:
        """Raises TooLarge where so many bytes more would fill the disk."""
        try:
            free = shutil.disk_usage(self._files).free
        except OSError as error:
            raise state_error(error, self._files) from error
        if free - size < FREE_BYTES:
            raise TooLarge(f"the disk has {free} bytes left, and {FREE_BYTES} stay free", where=str(self._files))

    def add_file(self, content: Path, found: DeskFile) -> None:
        """Take over the bytes of a file (on the same file system): they are durable and known from then on."""
        path = self.path(found.id)
        try:
            _make_durable(content)
            content.rename(path)
            sync_folder(path.parent)
        except OSError as error:
            raise state_error(error, path) from error
        replace_private(path.with_suffix(".json"), msgspec.json.encode(found))

    def get_file(self, name: str) -> DeskFile:
        """What is known of a file."""
        return _load(self._record(self._files, name), DeskFile)

    def path(self, name: str) -> Path:
        """Where the bytes of a file are."""
        return self._record(self._files, name).with_suffix(".data")

    def files(self) -> Iterator[DeskFile]:
        """All of them, the newest first."""
        yield from sorted(_load_all(self._files, DeskFile), key=_made_at, reverse=True)

    def remove_file(self, name: str) -> None:
        """Forget a file, then let go of its bytes."""
        path = self._record(self._files, name)
        try:
            path.unlink()
            path.with_suffix(".data").unlink(missing_ok=True)
        except FileNotFoundError as error:
            raise NotThere(f"there is no file {name!r}") from error
        except OSError as error:
            raise state_error(error, path) from error

    def save_batch(self, batch: DeskBatch) -> None:
        """Keep a batch as it is now."""
        replace_private(self._record(self._batches, batch.id), msgspec.json.encode(batch))

    def change(self, name: str, **changes: object) -> DeskBatch:
        """A batch as it is, with these fields otherwise; a new status is noted with its time. Not for two threads."""
        found = self.get_batch(name)
        status = changes.get("status", found.status)
        if status != found.status:
            changes["times"] = {**found.times, str(status): int(time.time())}
        made = msgspec.convert({**asdict(found), **changes}, DeskBatch)
        if made != found:
            self.save_batch(made)
        return made

    def folder(self, name: str) -> Path:
        """Where the journal of a batch's job is, and what comes of it; it need not exist."""
        return self._record(self._batches, name).with_suffix("")

    def get_batch(self, name: str) -> DeskBatch:
        """A batch as it was kept last."""
        return _load(self._record(self._batches, name), DeskBatch)

    def batches(self) -> Iterator[DeskBatch]:
        """All of them, the newest first."""
        yield from sorted(_load_all(self._batches, DeskBatch), key=_created_at, reverse=True)

    def _record(self, folder: Path, name: str) -> Path:
        if _ID.fullmatch(name) is None:
            raise NotThere(f"there is no {name[:60]!r}")
        return folder / f"{name}.json"


def make_id(prefix: str) -> str:
    """A new one, such as `file-` and 24 digits; those that were made later come later in the order of texts."""
    return f"{prefix}{time.time_ns() // 1000:014x}{secrets.token_hex(5)}"


def find_unfinished(state: Path) -> bool:
    """True if a batch waits for a process that goes on with it."""
    with contextlib.suppress(OSError):
        return any(one.status not in ENDED for one in _load_all(state / DESK_FOLDER / "batches", DeskBatch))
    return False


_Record = TypeVar("_Record", DeskFile, DeskBatch)


def _load_all(folder: Path, kind: type[_Record]) -> Iterator[_Record]:
    """What can be read; a record that is damaged hides no other."""
    for path in folder.glob("*.json"):
        with contextlib.suppress(NotThere, DamagedError):
            yield _load(path, kind)


def _load(path: Path, kind: type[_Record]) -> _Record:
    try:
        return msgspec.json.decode(read_private(path, RECORD_BYTES), type=kind)
    except FileNotFoundError as error:
        raise NotThere(f"there is no {path.stem!r}") from error
    except ValueError as error:  # also what msgspec raises
        raise DamagedError(f"this record cannot be read: {error}", where=str(path)) from error


def _make_durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, 0o600)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _made_at(one: DeskFile) -> tuple[int, str]:
    return one.made_at, one.id


def _created_at(one: DeskBatch) -> tuple[int, str]:
    return one.created_at, one.id
