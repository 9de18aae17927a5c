"""RequestLog: the contract of every store that keeps what requests were. One interface, whatever keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from keepwell.store.requests import EVERY, RequestRow, Values, Wanted

#: What sketches are kept of, each in seconds: until the first byte, for each token after it, until a replica was free,
#: and the whole.
Measure: TypeAlias = Literal["ttft", "tpot", "queue", "total"]
MEASURES: tuple[Measure, ...] = ("ttft", "tpot", "queue", "total")
#: By what figures are put together.
Group: TypeAlias = Literal["route", "replica", "class", "hour", "minute"]
#: Relative error of a quantile from a sketch, at most: against the value of that rank, to the microsecond.
SKETCH_ERROR = 0.01
#: How long before the newest request quantiles can be had by minute.
MINUTES_SECONDS = 48 * 3600.0


#: The source of marks where there is one inbox.
GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """A question: quantiles of one measure from `since` to `until` (seconds since the epoch), in groups.

    `route` and `replica` narrow it, "" is all. `cold` False leaves out requests that had to wait for their model to be
    loaded. Only requests that went well count. The span is taken by whole minutes, and by whole hours where it begins
    or ends more than MINUTES_SECONDS before the newest request: minutes are not kept longer.
    """

    measure: Measure
    since: float
    until: float
    by: tuple[Group, ...] = ("route", "hour")
    shares: tuple[float, ...] = (0.5, 0.95, 0.99)
    route: str = ""
    replica: str = ""
    cold: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileRow:
    """One group: what it is not grouped by is "" or 0. `at` is where its hour or minute begins; `values` are seconds,
    in the order of the question's shares. `class_name` is "warm" or "cold" where it is grouped by class.
    """

    at: float
    route: str
    replica: str
    count: int
    values: tuple[float, ...]
    class_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far the inbox of one source has been moved: the number in it of the last row that was, that request's id and
    when it came (microseconds since the epoch): an inbox that holds another row there is another inbox.

    Rows up to `doubtful` may be in the log already: the inbox was replaced or began anew after they were moved.
    """

    source: str
    number: int
    id: int
    at: int
    doubtful: int = 0


@runtime_checkable
class RequestLog(Protocol):
    """Rows in the order in which they were added, each with a number that only grows. All methods raise AccessError
    where the store cannot be reached; what `add` was given is there for good once it returned. Times are kept to the
    microsecond, energy to the millijoule, costs to a billionth.
    """

    @property
    def source(self) -> str:
        """The name under which this place's inbox is marked."""
        ...

    def add(self, rows: Sequence[Values], mark: Mark | None = None) -> None:
        """Add them in one transaction, with this mark in place of its source's last one; quantiles count them at once.

        Rows may lack the newest fields. Names that are longer than NAME_CHARACTERS are cut. ValueError for what is no
        row: nothing is added then.
        """
        ...

    def find_mark(self, source: str) -> Mark | None:
        """The mark that was last added with rows of this source."""
        ...

    def known(self, keys: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
        """Which of these requests, each an id and the microsecond in which it came, are in the log."""
        ...

    def tend(self) -> None:
        """What is to be done every few seconds so that it stays fast: sketches, checkpoints. One thread does it."""
        ...

    def last_number(self) -> int:
        """The number of the newest row; 0 if there is none."""
        ...

    def after(self, number: int, most: int) -> list[tuple[int, RequestRow]]:
        """Rows that came after that one, the oldest first."""
        ...

    def find(self, request: int) -> list[RequestRow]:
        """Rows with this id of a request: one, as a rule."""
        ...

    def newest(self, *, last: int = 20, wanted: Wanted = EVERY) -> list[tuple[int, RequestRow]]:
        """The newest rows of this kind, the oldest of them first."""
        ...

    def between(self, since: float, until: float) -> Iterator[RequestRow]:
        """Rows that came from `since` on and before `until`, the oldest first; never all of them in memory."""
        ...

    def quantiles(self, question: Quantiles) -> list[QuantileRow]:
        """By sketches, within SKETCH_ERROR; sorted by group."""
        ...

    def drop(self, before: float) -> None:
        """Let go of what is older, as far as that frees whole files or partitions."""
        ...

    def close(self) -> None:
        """Let go of files and connections; safe to call twice."""
        ...
