"""A few tasks for many: which are taken, and what the whole would take if the rest is like them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import nan, sqrt

from keepwell.batch.item import Outcome, Task
from keepwell.batch.job import Skip
from keepwell.batch.reading import FileSource

#: Student's t for 95 % by degrees of freedom (its table in any book of statistics); beyond them the normal's 1.96 is
#: used, which is 4 % too small at most.
_T = (nan, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10)
_NORMAL = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What is expected, and within what 19 of 20 such samples would have it; nan where that cannot be told."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class SampleSource:
    """Some tasks of a source, the same each time."""

    source: FileSource
    numbers: frozenset[int]

    def read(self, skip: Skip) -> Iterator[Task]:
        """Tasks in order. Raises as the source does."""

        def is_out(number: int) -> bool:
            return number not in self.numbers or skip(number)

        return self.source.read(is_out)


@dataclass(slots=True)
class Collected:
    """The output of a sample: what came of each task, kept instead of written."""

    found: list[tuple[Task, Outcome]] = field(default_factory=list)

    @property
    def begin(self) -> bytes:
        """Nothing is written."""
        return b""

    def render(self, task: Task, outcome: Outcome) -> tuple[bytes, bytes]:
        """Keep it."""
        self.found.append((task, outcome))
        return b"", b""


def choose_spread(total: int, count: int) -> frozenset[int]:
    """So many numbers below `total`, or all, evenly over the whole."""
    count = min(total, count)
    return frozenset((2 * one + 1) * total // (2 * count) for one in range(count))


def estimate_sum(values: Sequence[float], total: int) -> Range:
    """The sum over `total` of which these are a sample, by Student's t. The sample is part of the whole: where it is
    all of it nothing is uncertain. Never below what was seen.
    """
    count = len(values)
    if not count:
        return Range(low=nan, middle=nan, high=nan)
    mean = sum(values) / count
    if count < 2:
        return Range(low=nan, middle=mean * total, high=nan)
    spread = sum((one - mean) ** 2 for one in values) / (count - 1)
    error = _get_t(count - 1) * sqrt(spread / count * max(0.0, 1 - count / total)) * total
    return Range(low=max(sum(values), mean * total - error), middle=mean * total, high=mean * total + error)


def _get_t(degrees: int) -> float:
    if degrees < len(_T):
        return _T[degrees]
    return _NORMAL
