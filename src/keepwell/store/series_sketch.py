"""Sketches of a series' numbers: how many lay where, within one per cent. They add up exactly; pure.

A number's bucket is the whole number nearest to ln(|number|)/WIDTH; negative numbers have buckets of their own, and 0
has one. As bytes: pairs of the step from the bucket before and the count, as variable-length numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter

#: Of a bucket, in natural logarithms: its middle is then within one per cent of all in it.
WIDTH = 0.0198
#: Numbers nearer to 0 than this are 0: no metric has a meaning there.
NOTHING = 1e-12
#: What the buckets of positive numbers are moved by, so that none is below 1; those of negative ones are the same,
#: negative. ln(1e-12)/WIDTH is -1396.
SHIFT = 1500
#: Buckets in a factor of e, and what makes whole numbers of them by cutting.
PER_E, CENTRE = 1 / WIDTH, SHIFT + 0.5
#: The largest number that is told from larger ones.
MOST = 1e30

Buckets = Mapping[int, int]


def find_bucket(number: float) -> int:
    """The bucket of a finite number."""
    if NOTHING <= number <= MOST:
        return int(math.log(number) * PER_E + CENTRE)
    size = abs(number)
    if size < NOTHING:
        return 0
    place = int(math.log(min(size, MOST)) * PER_E + CENTRE)
    return int(math.copysign(place, number))


def find_middle(bucket: int) -> float:
    """The number in the middle of a bucket."""
    if not bucket:
        return 0.0
    return math.copysign(math.exp((abs(bucket) - SHIFT) * WIDTH), bucket)


def make_sketch(numbers: Iterable[float]) -> bytes:
    """The sketch of finite numbers."""
    counts: dict[int, int] = {}
    find = counts.get
    last, bucket = math.nan, 0
    for number in numbers:  # the hub does this for every sample
        if number != last:  # most series stand still from one second to the next
            last, bucket = number, find_bucket(number)
        counts[bucket] = find(bucket, 0) + 1
    return render_sketch(counts)


def merge_sketches(sketches: Iterable[bytes]) -> bytes:
    """One sketch of all that these are of. ValueError for what is none."""
    return render_sketch(add_up(sketches))


def add_up(sketches: Iterable[bytes]) -> dict[int, int]:
    """How many in each bucket in all of them. ValueError for what is none."""
    counts: dict[int, int] = {}
    for one in sketches:
        for bucket, count in parse_sketch(one):
            counts[bucket] = counts.get(bucket, 0) + count
    return counts


def find_quantiles(counts: Buckets, shares: Iterable[float]) -> tuple[float, ...]:
    """The number at each share (0..1) of all; () where there are none."""
    total = sum(counts.values())
    if not total:
        return ()
    rows = sorted(counts.items())
    return tuple(_find_at(rows, share * (total - 1)) for share in shares)


def render_sketch(counts: Buckets) -> bytes:
    """As bytes."""
    made = bytearray()
    before = 0
    for bucket, count in sorted(counts.items()):
        step = bucket - before
        before = bucket
        _put(made, (step << 1) ^ (step >> 63))
        _put(made, count)
    return bytes(made)


def parse_sketch(content: bytes) -> Iterator[tuple[int, int]]:
    """Buckets and counts. ValueError for bytes that end within a number."""
    numbers = _numbers(content)
    bucket = 0
    for step in numbers:
        bucket += (step >> 1) ^ -(step & 1)
        count = next(numbers, None)
        if count is None:
            raise ValueError("a sketch ends after half a pair")
        yield bucket, count


def _find_at(rows: list[tuple[int, int]], rank: float) -> float:
    seen = 0
    for bucket, count in rows:
        seen += count
        if seen > rank:
            return find_middle(bucket)
    return find_middle(max(map(itemgetter(0), rows)))


def _put(out: bytearray, number: int) -> None:
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _numbers(content: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in content:
        number |= (byte & 127) << shift
        if byte & 128:
            shift += 7
            continue
        yield number
        number = shift = 0
    if shift:
        raise ValueError("a sketch ends within a number")
