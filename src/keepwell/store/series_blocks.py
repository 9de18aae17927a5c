"""Points as bytes: all series of one minute (as it comes in), and one series of an hour (as it stays). Pure.

Numbers are kept column by column: mean, low and high as 32-bit floats (seven digits), the last one whole. Bytes of the
same weight stand together before they are deflated: they differ least.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from keepwell.core.series import Point
from keepwell.store.series_log import MINUTE

#: The first byte of either form.
VERSION = 1
#: Samples of a minute that are counted: a second each, and a fast collector has ten.
SAMPLES = 65535
#: Effort of deflating: little where all series wait for it each minute, more where it is for good.
QUICK, THOROUGH = 1, 6
#: Bytes that a block may have: 50,000 series.
BLOCK_BYTES = 16 * 1024 * 1024
#: Columns that are left out of an hour because they are the same as the mean.
_NO_LOW, _NO_HIGH, _NO_LAST = 1, 2, 4
_TYPES = "IfffdHH"


@dataclass(frozen=True, slots=True)
class Row:
    """A point of one series in a block: the series' number in its file, the point, and the sketch of its samples."""

    key: int
    point: Point
    sketch: bytes = b""


def render_block(rows: Sequence[Row]) -> bytes:
    """All rows of one minute."""
    columns = (
        array("I", [one.key for one in rows]),
        array("f", [one.point.mean for one in rows]),
        array("f", [one.point.low for one in rows]),
        array("f", [one.point.high for one in rows]),
        array("d", [one.point.last for one in rows]),
        array("H", [min(one.point.samples, SAMPLES) for one in rows]),
        array("H", [len(one.sketch) for one in rows]),
    )
    body = b"".join(_bytes(one) for one in columns) + b"".join(one.sketch for one in rows)
    return struct.pack("<BI", VERSION, len(rows)) + zlib.compress(body, QUICK)


class Block:
    """One minute, read back; rows are made only where they are wanted. ValueError for bytes that are none."""

    def __init__(self, at: float, content: bytes) -> None:
        self._at = at
        body, count = _open(content)
        columns = []
        place = 0
        for kind in _TYPES:
            column = array(kind)
            end = place + count * column.itemsize
            column.frombytes(body[place:end])
            if sys.byteorder == "big":
                column.byteswap()
            if len(column) != count:
                raise ValueError("a block is too short")
            columns.append(column)
            place = end
        self.keys: Sequence[int] = columns[0]
        self._columns = columns[1:6]
        self._ends = list(accumulate(columns[6], initial=place))
        self._body = body

    def point(self, place: int) -> Point:
        """The point in this place."""
        mean, low, high, last, samples = (one[place] for one in self._columns)
        return Point(self._at, mean, low, high, last, int(samples))

    def sketch(self, place: int) -> bytes:
        """And its sketch."""
        return self._body[self._ends[place] : self._ends[place + 1]]

    def find(self, key: int) -> Point | None:
        """The point of this series, None where it has none."""
        try:
            return self.point(self.keys.index(key))
        except ValueError:
            return None


def render_hour(points: Iterable[Point], hour: float) -> bytes:
    """One series' points of the hour that begins at `hour`, sorted; at most sixty."""
    rows = list(points)
    mean, low, high = (array("f", [one[place] for one in rows]) for place in (1, 2, 3))
    last = array("d", [one.last for one in rows])
    flags = _NO_LOW * (low == mean) | _NO_HIGH * (high == mean) | _NO_LAST * (list(last) == list(mean))
    body = bytes(int((one.at - hour) // MINUTE) for one in rows)
    body += _shuffle(array("H", [min(one.samples, SAMPLES) for one in rows])) + _shuffle(mean)
    for flag, column in ((_NO_LOW, low), (_NO_HIGH, high), (_NO_LAST, last)):
        if not flags & flag:
            body += _shuffle(column)
    packer = zlib.compressobj(THOROUGH, zlib.DEFLATED, -15)
    return bytes((VERSION, flags, len(rows))) + packer.compress(body) + packer.flush()


def parse_hour(content: bytes, hour: float) -> tuple[Point, ...]:
    """The points of such bytes. ValueError for what is none."""
    if len(content) < 3 or content[0] != VERSION:
        raise ValueError("no hour of this version")
    flags, count = content[1], content[2]
    try:
        body = memoryview(zlib.decompress(content[3:], -15))
    except zlib.error as error:
        raise ValueError(f"an hour that is damaged: {error}") from error
    minutes, body = body[:count], body[count:]
    samples, body = _take("H", count, body)
    mean, body = _take("f", count, body)
    columns: list[Sequence[float]] = []
    for flag, kind in ((_NO_LOW, "f"), (_NO_HIGH, "f"), (_NO_LAST, "d")):
        column: Sequence[float] = mean
        if not flags & flag:
            column, body = _take(kind, count, body)
        columns.append(column)
    times = [hour + MINUTE * one for one in minutes]
    return tuple(Point(*row) for row in zip(times, mean, *columns, map(int, samples), strict=True))


def join_points(at: float, points: Iterable[Point]) -> Point:
    """One point for a span that begins at `at`, from those within it in order; at least one."""
    rows = list(points)
    if len(rows) == 1:
        return rows[0]._replace(at=at)
    samples = sum(one.samples for one in rows)
    mean = sum(one.mean * one.samples for one in rows) / max(1, samples)
    low, high = min(one.low for one in rows), max(one.high for one in rows)
    return Point(at, min(max(mean, low), high), low, high, rows[-1].last, samples)


def join_minutes(points: Iterable[Point]) -> list[Point]:
    """In order of time, one for each minute: two parts of one (of before and after the hub began anew) are joined."""
    found: dict[float, list[Point]] = {}
    for one in points:
        found.setdefault(one.at, []).append(one)
    return [join_points(at, found[at]) for at in sorted(found)]


def merge_points(*groups: Iterable[Point]) -> tuple[Point, ...]:
    """All of them in order of time; of one instant the one that comes last."""
    found: dict[float, Point] = {}
    for group in groups:
        found.update((one.at, one) for one in group)
    kept: Mapping[float, Point] = found
    return tuple(kept[at] for at in sorted(kept))


def _open(content: bytes) -> tuple[bytes, int]:
    if len(content) < 5 or content[0] != VERSION:
        raise ValueError("no block of this version")
    (count,) = struct.unpack_from("<I", content, 1)
    try:
        return zlib.decompressobj().decompress(content[5:], BLOCK_BYTES), count
    except zlib.error as error:
        raise ValueError(f"a block that is damaged: {error}") from error


def _bytes(column: array[float] | array[int]) -> bytes:
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def _shuffle(column: array[float] | array[int]) -> bytes:
    raw = _bytes(array(column.typecode, column))
    return b"".join(raw[place :: column.itemsize] for place in range(column.itemsize))


def _take(kind: str, count: int, body: memoryview) -> tuple[Sequence[float], memoryview]:
    column = array(kind)
    width = column.itemsize
    if len(body) < width * count:
        raise ValueError("an hour is too short")
    raw = bytearray(width * count)
    for place in range(width):
        raw[place::width] = body[place * count : (place + 1) * count]
    column.frombytes(raw)
    if sys.byteorder == "big":
        column.byteswap()
    return column, body[width * count :]
