"""Sketches: how often a latency fell into each of many narrow buckets. They add up exactly over any grouping.

A bucket holds the microseconds from e**(WIDTH * n) to e**(WIDTH * (n + 1)); told is its middle, at most half a WIDTH
(0.99 %) away from whatever fell in. Bucket 0 is for nothing: less than one microsecond.

As bytes: one byte that says how many bytes a count has (1, 2, 4 or 8), two for the first bucket, then for each bucket
one byte of how far it is from the one before, then the counts; all little-endian. Buckets further apart than 255 have
empty ones between them. That is two to three bytes a bucket, and reading it needs no loop of the interpreter.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, islice, pairwise
from math import ceil, exp, log

#: Natural logarithm of how much wider each bucket is than the one before.
WIDTH = 0.0198
_SCALE = 1.0 / WIDTH
#: Longest latency that is told apart: a thousand days, in microseconds.
_LONGEST = 86_400_000_000_000
_LAST = int(log(_LONGEST) * _SCALE) + 1
#: Seconds in the middle of each bucket.
_MIDDLES = (0.0, *(exp((place - 0.5) * WIDTH) / 1e6 for place in range(1, _LAST + 1)))
#: Codes of the array module by bytes of a count.
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_HEAD, _FAR = 3, 255


def tally(microseconds: Sequence[int | None]) -> Counter[int]:
    """How many of these fall into each bucket; None is passed over."""
    counts = Counter([int(log(one) * _SCALE) + 1 for one in microseconds if one])
    nothing = microseconds.count(0)
    if nothing:
        counts[0] = nothing
    return counts


def encode(counts: Mapping[int, int]) -> bytes:
    """As bytes; `decode` is the inverse."""
    if not counts:
        return b""
    if len(counts) == 1:
        ((first, number),) = counts.items()
        return _pack(first, (0,), (number,))
    buckets = sorted(counts)
    first = buckets[0]
    numbers = [counts[bucket] for bucket in buckets]
    steps = [bucket - before for before, bucket in pairwise([first, *buckets])]
    if max(steps) > _FAR:
        steps, numbers = _fill(steps, numbers)
    return _pack(first, steps, numbers)


def decode(sketch: bytes) -> dict[int, int]:
    """Counts by bucket. ValueError for what is no sketch."""
    if not sketch:
        return {}
    first, steps, numbers = _parts(sketch)
    # The first step is 0: what `accumulate` begins with comes twice.
    found = dict(zip(islice(accumulate(steps, initial=first), 1, None), numbers, strict=True))
    if 0 in numbers:
        return {bucket: number for bucket, number in found.items() if number}
    return found


def add_up(sketches: Iterable[bytes]) -> Counter[int]:
    """All of them together."""
    total: Counter[int] = Counter()
    for one in sketches:
        if total:
            total.update(decode(one))
        else:
            total = Counter(decode(one))
    return total


def quantiles(sketch: bytes, shares: Sequence[float]) -> tuple[int, tuple[float, ...]]:
    """How many there are, and the seconds of the value at each share of them; () of an empty one."""
    if not sketch:
        return 0, ()
    first, steps, numbers = _parts(sketch)
    so_far = list(accumulate(numbers))
    count = so_far[-1]
    found = []
    for share in shares:
        place = bisect_left(so_far, max(1, ceil(share * count - 1e-9)))
        found.append(_MIDDLES[min(_LAST, first + sum(steps[: place + 1]))])
    return count, tuple(found)


def _parts(sketch: bytes) -> tuple[int, bytes, array[int]]:
    width = sketch[0]
    length, rest = divmod(len(sketch) - _HEAD, width + 1)
    if width not in _CODES or rest or length < 1:
        raise ValueError("a sketch is damaged")
    numbers = array(_CODES[width])
    numbers.frombytes(sketch[_HEAD + length :])
    return int.from_bytes(sketch[1:_HEAD], "little"), sketch[_HEAD : _HEAD + length], _little(numbers)


def _pack(first: int, steps: Sequence[int], numbers: Sequence[int]) -> bytes:
    width = _width(max(numbers))
    return (
        bytes((width,)) + first.to_bytes(2, "little") + bytes(steps) + _little(array(_CODES[width], numbers)).tobytes()
    )


def _fill(steps: Sequence[int], numbers: Sequence[int]) -> tuple[list[int], list[int]]:
    """With empty buckets where two are further apart than a byte can say."""
    near, filled = [], []
    for step, number in zip(steps, numbers, strict=True):
        empty = max(0, step - 1) // _FAR
        near += [_FAR] * empty + [step - empty * _FAR]
        filled += [0] * empty + [number]
    return near, filled


def _width(largest: int) -> int:
    for width in _CODES:
        if largest < 1 << (8 * width):
            return width
    raise ValueError("too many for one bucket")


def _little(numbers: array[int]) -> array[int]:
    """From the machine's order of bytes, or to it."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
