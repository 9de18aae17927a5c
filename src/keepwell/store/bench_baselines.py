"""Baselines of benchmarks: which results are what an engine did when all was well, and the last verdict against them.

One file, `benchmarks/baselines.json` in the state folder, for its owner alone. A baseline has a key: names and values
of all that has to be the same for two results to be compared. A damaged file is set aside by the next change, and told.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from keepwell.core.errors import AccessError
from keepwell.store.benchmarks import FOLDER_NAME
from keepwell.store.folder import make_private_folder, read_private, replace_private, state_error

FILE_NAME = "baselines.json"
SCHEMA = "keepwell-bench-baselines/1"
#: Baselines that are kept, those that were changed last, and results of each, the newest.
BASELINES, RESULTS = 200, 30
#: Bytes of the file; a baseline takes about 3 KB.
FILE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVerdict:
    """What a result (its id) was found to be against the baseline, when, in a sentence. `facts` are for a finding."""

    id: str
    at: float
    word: str
    message: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBench:
    """One baseline: its key, the ids of its results, oldest first, and when it was changed. `last` is the newest
    verdict against it, None where nothing was held against it yet.
    """

    key: Mapping[str, str]
    ids: tuple[str, ...]
    at: float
    last: KeptVerdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchBaselines:
    """All of them. `problem` says why there are none although there is a file, or is ""."""

    baselines: tuple[KeptBench, ...] = ()
    problem: str = ""

    def find(self, key: Mapping[str, str]) -> KeptBench | None:
        """The one of this key."""
        return next((one for one in self.baselines if dict(one.key) == dict(key)), None)

    @property
    def pinned(self) -> frozenset[str]:
        """Ids of results that must not be dropped."""
        return frozenset(name for one in self.baselines for name in one.ids)


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    baselines: tuple[KeptBench, ...]


def load_bench_baselines(folder: Path) -> BenchBaselines:
    """What is kept; nothing with the reason if the file cannot be used, nothing without one if there is none."""
    path = folder / FOLDER_NAME / FILE_NAME
    try:
        return BenchBaselines(baselines=parse_bench_baselines(read_private(path, FILE_BYTES)))
    except FileNotFoundError:
        return BenchBaselines()
    except ValueError as error:
        return BenchBaselines(problem=f"{path} is damaged and not used: {error}")


def change_bench_baselines(
    folder: Path, change: Callable[[tuple[KeptBench, ...]], tuple[KeptBench, ...]]
) -> tuple[KeptBench, ...]:
    """Replace the baselines by what `change` makes of them, while nobody else does; durable when it returns.

    A file that could not be read is kept beside it. AccessError when it cannot be written.
    """
    path = folder / FOLDER_NAME / FILE_NAME
    with _locked(path):
        known = load_bench_baselines(folder)
        if known.problem:
            _set_aside(path)
        made = tuple(sorted(change(known.baselines), key=_newest_first)[:BASELINES])
        if known.problem or made != known.baselines:
            replace_private(path, render_bench_baselines(made))
    return made


def put_baseline(baselines: tuple[KeptBench, ...], one: KeptBench) -> tuple[KeptBench, ...]:
    """The baselines with this one in the place of that of its key; pure. Of its results the newest stay."""
    others = (old for old in baselines if dict(old.key) != dict(one.key))
    return *others, KeptBench(key=one.key, ids=one.ids[-RESULTS:], at=one.at, last=one.last)


def parse_bench_baselines(content: bytes) -> tuple[KeptBench, ...]:
    """The baselines in these bytes; ValueError says what does not fit."""
    try:
        document = msgspec.json.decode(content, type=_Document)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if document.schema != SCHEMA:
        raise ValueError(f"its schema is {document.schema!r}, expected {SCHEMA!r}")
    return document.baselines


def render_bench_baselines(baselines: tuple[KeptBench, ...]) -> bytes:
    """The bytes of baselines; `parse_bench_baselines` is the inverse."""
    return msgspec.json.encode(_Document(schema=SCHEMA, baselines=baselines)) + b"\n"


def _set_aside(path: Path) -> None:
    try:
        path.replace(path.with_name(f"{path.name}.damaged"))
    except OSError as error:
        raise state_error(error, path) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    make_private_folder(path.parent)
    lock = path.with_name(".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise state_error(error, lock, AccessError) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _newest_first(one: KeptBench) -> tuple[float, str]:
    return -one.at, str(sorted(one.key.items()))
