"""Benchmarks: results of load, a file each, so that a later one can be compared with them.

`benchmarks/ID.bench` in the state folder, for its owner alone. Its first line is a record with all but the requests, so
that a list of results needs no more; behind it are the columns of the requests, packed. A damaged file is told by
its name and why; it never hides the others. What a baseline names is never dropped to make room.
"""

from __future__ import annotations

import re
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

import msgspec

from keepwell.core.errors import DamagedError, NotThere, RefusedError
from keepwell.store.folder import read_private, replace_private, state_error
from keepwell.store.frames import PREFIX_BYTES, parse_frames, render_frame

FOLDER_NAME = "benchmarks"
SUFFIX = ".bench"
SCHEMA = "keepwell-benchmark/1"
#: Results that are kept, and bytes of all of them: those of a year of nights, and a corner of a disk.
KEPT, KEPT_BYTES = 1000, 512 * 1024 * 1024
#: Bytes of one file, and of its columns unpacked: a million requests take 80 MB, packed about a third.
FILE_BYTES, COLUMN_BYTES = 64 * 1024 * 1024, 128 * 1024 * 1024
#: Bytes of the first line that are read for a list; it takes about 2 KB.
HEAD_BYTES = 256 * 1024
#: How hard columns are packed: the fastest, since higher ones gain a few percent on digits of clocks.
PACKED = 1
#: The name under which the gaps between tokens stand among the columns.
GAPS = "itl"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHead:
    """All of a result but its requests; names are those of `keepwell.bench.load` and `keepwell.bench.result`.

    `about` is the aim (texts by name), `settings` and `hardware` are its own; numbers that were not known are left out.
    `group` is one id for results that were taken together (repeats, a sweep), "" for one alone. `figures` are what was
    worked out of it when it was kept. `created_at` is seconds since the epoch.
    """

    id: str
    created_at: float
    seconds: float
    about: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, str] = field(default_factory=dict)
    load: Mapping[str, str | float] = field(default_factory=dict)
    client: Mapping[str, str | float] = field(default_factory=dict)
    meanwhile: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    workload: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResult:
    """A result: its head, its requests by column (nan where there is no number), and gaps between tokens in seconds."""

    head: KeptHead
    columns: Mapping[str, array[float]]
    itl: array[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResults:
    """Heads of what is kept, newest first, and a sentence for each file that cannot be used."""

    heads: tuple[KeptHead, ...] = ()
    problems: tuple[str, ...] = ()


class _Packed(msgspec.Struct, forbid_unknown_fields=True):
    """The first record: the head, and what the bytes behind it are."""

    schema: str
    head: KeptHead
    names: tuple[str, ...]
    counts: tuple[int, ...]
    bytes: int
    checksum: int


def save_benchmark(folder: Path, result: KeptResult, pinned: Iterable[str] = ()) -> tuple[str, ...]:
    """Keep a result, durable when this returns; the ids of those that were dropped to make room, oldest first.

    Those in `pinned` are never dropped. AccessError if it cannot be written, ValueError if it is too large.
    """
    replace_private(_path(folder, result.head.id), render_benchmark(result))
    return _make_room(folder, {*pinned, result.head.id})


def load_benchmark(folder: Path, name: str) -> KeptResult:
    """The result of this id. Raises NotThere, RefusedError for what is no id, DamagedError."""
    path = _path(folder, name)
    try:
        found = parse_benchmark(read_private(path, FILE_BYTES), where=str(path))
        if found.head.id != name:
            raise ValueError(f"it is the result {found.head.id!r}")
    except FileNotFoundError as error:
        raise NotThere(f"no benchmark {name}", where=str(path), hint="keepwell bench list") from error
    except ValueError as error:
        raise DamagedError(str(error), where=str(path), hint="move the file away") from error
    return found


def list_benchmarks(folder: Path) -> KeptResults:
    """Heads of all results, without their requests; nothing where there is no folder yet."""
    heads: list[KeptHead] = []
    problems: list[str] = []
    for path in sorted((folder / FOLDER_NAME).glob(f"*{SUFFIX}"), reverse=True):
        try:
            heads.append(_read_head(path))
        except FileNotFoundError:
            continue
        except (ValueError, DamagedError) as error:
            problems.append(f"{path} is not used: {error}")
    return KeptResults(heads=tuple(sorted(heads, key=_newest_first)), problems=tuple(problems))


def remove_benchmark(folder: Path, name: str) -> bool:
    """Take a result away; whether it was there. AccessError if it cannot be taken away."""
    return _unlink(_path(folder, name))


def render_benchmark(result: KeptResult) -> bytes:
    """The bytes of a result; `parse_benchmark` is the inverse. ValueError if it is too large to be read again.

    Numbers of the head that are not finite are left out: they say that nothing is known.
    """
    columns = {**result.columns, GAPS: result.itl}
    body = zlib.compress(b"".join(_little(column).tobytes() for column in columns.values()), PACKED)
    if sum(8 * len(column) for column in columns.values()) > COLUMN_BYTES or len(body) > FILE_BYTES - HEAD_BYTES:
        raise ValueError(f"a result of more than {COLUMN_BYTES} bytes is not kept; measure for less time")
    packed = _Packed(
        schema=SCHEMA,
        head=_finite_head(result.head),
        names=tuple(columns),
        counts=tuple(len(column) for column in columns.values()),
        bytes=len(body),
        checksum=zlib.crc32(body),
    )
    first = render_frame(msgspec.json.encode(packed))
    if len(first) > HEAD_BYTES:
        raise ValueError(f"what is told about a result takes more than {HEAD_BYTES} bytes; it is not kept")
    return first + body


def parse_benchmark(content: bytes, *, where: str = "") -> KeptResult:
    """The result in these bytes; ValueError or DamagedError says what does not fit."""
    packed, end = _parse_head(content, where)
    body = content[end:]
    if len(body) != packed.bytes or zlib.crc32(body) != packed.checksum:
        raise ValueError("its requests are cut or damaged")
    columns = dict(_unpack(packed, body))
    return KeptResult(head=packed.head, itl=columns.pop(GAPS, array("d")), columns=columns)


def _unpack(packed: _Packed, body: bytes) -> Iterator[tuple[str, array[float]]]:
    if len(packed.names) != len(packed.counts) or any(count < 0 for count in packed.counts):
        raise ValueError("its columns have no lengths")
    most = 8 * sum(packed.counts)
    if most > COLUMN_BYTES:
        raise ValueError(f"its columns take more than {COLUMN_BYTES} bytes")
    reader = zlib.decompressobj()
    try:
        content = reader.decompress(body, most + 1)
    except zlib.error as error:
        raise ValueError(f"its requests cannot be unpacked: {error}") from error
    if len(content) != most:
        raise ValueError("its requests have other lengths than it says")
    begin = 0
    for name, count in zip(packed.names, packed.counts, strict=True):
        column = array("d", content[begin : begin + 8 * count])
        begin += 8 * count
        yield name, _little(column)


def _parse_head(content: bytes, where: str) -> tuple[_Packed, int]:
    """The first record and where it ends."""
    end = content.find(b"\n", PREFIX_BYTES) + 1
    records, _ = parse_frames(content[:end], where=where)
    if not records:
        raise ValueError("it has no whole first line")
    try:
        packed = msgspec.json.decode(records[0], type=_Packed)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if packed.schema != SCHEMA:
        raise ValueError(f"its schema is {packed.schema!r}, expected {SCHEMA!r}")
    return packed, end


def _read_head(path: Path) -> KeptHead:
    """The head of a file whose name says the same id."""
    try:
        with path.open("rb") as file:
            content = file.read(HEAD_BYTES)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from error
    packed, _ = _parse_head(content, str(path))
    if packed.head.id != path.name.removesuffix(SUFFIX):
        raise ValueError(f"it is the result {packed.head.id!r}")
    return packed.head


def _finite_head(head: KeptHead) -> KeptHead:
    return KeptHead(
        id=head.id,
        created_at=head.created_at,
        seconds=head.seconds,
        about=head.about,
        settings=head.settings,
        hardware=head.hardware,
        load=_known(head.load),
        client=_known(head.client),
        meanwhile={name: value for name, value in head.meanwhile.items() if isfinite(value)},
        errors=head.errors,
        figures={name: value for name, value in head.figures.items() if isfinite(value)},
        workload=head.workload,
        group=head.group,
    )


def _known(found: Mapping[str, str | float]) -> dict[str, str | float]:
    return {name: value for name, value in found.items() if isinstance(value, str) or isfinite(value)}


def _little(column: array[float]) -> array[float]:
    """The column in the byte order of the file, or back from it."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column


def _make_room(folder: Path, pinned: set[str]) -> tuple[str, ...]:
    """Drop the oldest beyond the limits; ids sort by time, so names alone say which they are."""
    rows: list[tuple[str, int]] = []
    for path in (folder / FOLDER_NAME).glob(f"*{SUFFIX}"):
        try:
            rows.append((path.name.removesuffix(SUFFIX), path.stat().st_size))
        except FileNotFoundError:
            continue
    count, size = len(rows), sum(row[1] for row in rows)
    dropped: list[str] = []
    for name, own in sorted(rows):
        if count <= KEPT and size <= KEPT_BYTES:
            break
        if name not in pinned and _unlink(folder / FOLDER_NAME / f"{name}{SUFFIX}"):
            count, size = count - 1, size - own
            dropped.append(name)
    return tuple(dropped)


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise state_error(error, path) from error
    return True


def _newest_first(head: KeptHead) -> tuple[float, str]:
    return -head.created_at, head.id


def _path(folder: Path, name: str) -> Path:
    if not _ID.fullmatch(name):
        raise RefusedError(f"not the id of a benchmark: {name!r}", hint="keepwell bench list")
    return folder / FOLDER_NAME / f"{name}{SUFFIX}"
