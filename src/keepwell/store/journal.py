"""Journal: one append-only file a run, durable at every record, readable again after kill -9.

Its first record holds the run and a payload (the plan, say); each further one holds an item in its new state.
The folder of runs is `runs/` in the state folder; a run's file is `<id>.run`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import msgspec

from keepwell.core.clock import Clock
from keepwell.core.errors import AccessError, DamagedError, NotThere, RefusedError
from keepwell.core.run import Item, Moment, Run
from keepwell.store.folder import make_private_folder, state_error, sync_folder
from keepwell.store.frames import parse_frames, render_frame

#: Bytes of one journal that are read back.
JOURNAL_BYTES = 256 * 1024 * 1024
#: Runs that are listed, newest first.
LIST_RUNS = 1000

_LOG = logging.getLogger(__name__)
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run as its journal tells it. `payload` is what it was made with; `updated_at` is seconds since the epoch, and
    `history` every state that an item came into, in their order.
    """

    run: Run
    payload: bytes
    updated_at: float
    history: tuple[Moment, ...] = ()


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    n: int
    at: float
    run: Run
    payload: bytes


class _Move(msgspec.Struct, forbid_unknown_fields=True):
    n: int
    at: float
    item: Item


class _Replay:
    """The run as the records read so far tell it."""

    def __init__(self, head: _Head) -> None:
        self.head = head
        self.moments: list[Moment] = []
        self._items = {item.key: item for item in head.run.items}

    def require(self, move: _Move) -> None:
        """ValueError if this is not the next record, or is about an item that the run does not have."""
        if move.n != self.count:
            raise ValueError(f"record {self.count} is missing")
        if move.item.key not in self._items:
            raise ValueError(f"the run has no item {move.item.key!r}")

    def move(self, move: _Move) -> None:
        """Take over one record."""
        self._items[move.item.key] = move.item
        self.moments.append(Moment(at=move.at, item=move.item))

    @property
    def count(self) -> int:
        """Records read so far: the head, and a move each."""
        return 1 + len(self.moments)

    def stored(self) -> StoredRun:
        """The run as it stands."""
        run = replace(self.head.run, items=tuple(self._items.values()))
        *_, at = self.head.at, *(one.at for one in self.moments)
        return StoredRun(run=run, payload=self.head.payload, updated_at=at, history=tuple(self.moments))


class Journal:
    """The open journal of one run; nobody else can open it meanwhile. Close it, or use it in a `with` block.

    Made by `create_journal` and `open_journal`.
    """

    def __init__(self, path: Path, descriptor: int, clock: Clock, replay: _Replay) -> None:
        self._path = path
        self._descriptor = descriptor
        self._clock = clock
        self._replay = replay

    @property
    def run(self) -> Run:
        """The run as it stands."""
        return self._replay.stored().run

    @property
    def payload(self) -> bytes:
        """What the run was made with."""
        return self._replay.head.payload

    def record(self, run_id: str, item: Item) -> None:
        """Keep an item's new state; durable when this returns. Costs one flush of the disk.

        Raises ValueError for another run or an item that the run does not have, and AccessError when it
        cannot be written; the journal is then as it was, or closed if that could not be ensured.
        """
        if run_id != self._replay.head.run.id:
            raise ValueError(f"this is the journal of {self._replay.head.run.id}, not of {run_id}")
        clean = replace(item, detail=item.detail.encode("utf-8", "backslashreplace").decode("utf-8"))
        move = _Move(n=self._replay.count, at=self._clock.now(), item=clean)
        self._replay.require(move)
        self._append(render_frame(msgspec.json.encode(move)))
        self._replay.move(move)

    def close(self) -> None:
        """Let go of the file; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, frame: bytes) -> None:
        if self._descriptor < 0:
            raise AccessError("the journal is closed", where=str(self._path))
        end = os.lseek(self._descriptor, 0, os.SEEK_END)
        try:
            _write_all(self._descriptor, frame)
            os.fsync(self._descriptor)
        except OSError as error:
            self._cut(end)
            raise state_error(error, self._path) from error

    def _cut(self, end: int) -> None:
        """Take a half-written record away: later ones behind it would make it look like damage."""
        try:
            os.ftruncate(self._descriptor, end)
            os.fsync(self._descriptor)
        except OSError:
            self.close()


def make_run_id(kind: str, now: float) -> str:
    """A new id that sorts by time: `20260101T000000-plan-1a2b3c`."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
    return f"{stamp}-{kind}-{secrets.token_hex(3)}"


def create_journal(folder: Path, run: Run, payload: bytes, clock: Clock) -> Journal:
    """The journal of a new run; it is there whole, or not at all.

    Raises RefusedError if a run of this id exists, AccessError if it cannot be written.
    """
    path = _path(folder, run.id)
    make_private_folder(path.parent)
    head = _Head(n=0, at=clock.now(), run=run, payload=payload)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        journal = Journal(path, descriptor, clock, _Replay(head))
        try:
            _lock(descriptor, path)
            journal._append(render_frame(msgspec.json.encode(head)))
            os.link(beside, path)
        except (OSError, AccessError):
            journal.close()
            raise
        finally:
            beside.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise RefusedError("a run of this id exists", where=str(path)) from error
    except OSError as error:
        raise state_error(error, path) from error
    return journal


def open_journal(folder: Path, run_id: str, clock: Clock) -> Journal:
    """The journal of an old run, to go on with; a torn last record is cut off.

    Raises NotThere, RefusedError while another process has it open, DamagedError with file and offset.
    """
    path = _path(folder, run_id)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotThere("no such run", where=str(path), hint="keepwell runs") from error
    except OSError as error:
        raise state_error(error, path) from error
    try:
        _lock(descriptor, path)
        content = _read_all(descriptor, path)
        replay, end = _parse(content, path, run_id)
        if end < len(content):
            os.ftruncate(descriptor, end)
            os.fsync(descriptor)
    except OSError as error:
        os.close(descriptor)
        raise state_error(error, path) from error
    except (DamagedError, RefusedError):
        os.close(descriptor)
        raise
    return Journal(path, descriptor, clock, replay)


def load_run(folder: Path, run_id: str) -> StoredRun:
    """The run as its journal tells it now, also while it is worked on.

    Raises NotThere, DamagedError.
    """
    path = _path(folder, run_id)
    try:
        with path.open("rb") as file:
            content = _read_all(file.fileno(), path)
    except FileNotFoundError as error:
        raise NotThere("no such run", where=str(path), hint="keepwell runs") from error
    except OSError as error:
        raise state_error(error, path) from error
    replay, _ = _parse(content, path, run_id)
    return replay.stored()


def list_runs(folder: Path) -> tuple[StoredRun, ...]:
    """All runs whose journals can be read, newest first; () when there is no folder yet. Others are logged."""
    found: list[StoredRun] = []
    paths = sorted((folder / "runs").glob("*.run"), reverse=True)
    for path in paths[:LIST_RUNS]:
        try:
            found.append(load_run(folder, path.stem))
        except (AccessError, DamagedError, RefusedError) as error:
            _LOG.warning("a run cannot be read", extra={"fields": {"why": error}})
    return tuple(sorted(found, key=_created_at, reverse=True))


def _path(folder: Path, run_id: str) -> Path:
    if not _RUN_ID.fullmatch(run_id):
        raise RefusedError(f"not the id of a run: {run_id!r}")
    return folder / "runs" / f"{run_id}.run"


def _created_at(stored: StoredRun) -> float:
    return stored.run.created_at


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RefusedError("another keepwell works on this run", where=str(path)) from error


def _read_all(descriptor: int, path: Path) -> bytes:
    if os.fstat(descriptor).st_size > JOURNAL_BYTES:
        raise DamagedError(f"a journal of more than {JOURNAL_BYTES} bytes", where=str(path))
    with open(descriptor, "rb", closefd=False) as file:
        return file.read(JOURNAL_BYTES)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _parse(content: bytes, path: Path, run_id: str) -> tuple[_Replay, int]:
    """The run, and the offset where a torn tail begins."""
    records, end = parse_frames(content, where=str(path))
    if not records:
        raise DamagedError("the journal has no whole first record", where=f"{path}, byte 0", hint="move the file away")
    try:
        replay = _Replay(msgspec.json.decode(records[0], type=_Head))
        if replay.head.run.id != run_id:
            raise ValueError(f"it is the journal of {replay.head.run.id}")
        for record in records[1:]:
            move = msgspec.json.decode(record, type=_Move)
            replay.require(move)
            replay.move(move)
    except (msgspec.MsgspecError, ValueError) as error:
        raise DamagedError(f"not a journal: {error}", where=str(path), hint="move the file away") from error
    return replay, end
