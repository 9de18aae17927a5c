"""The contract of a collector: a file in `collectors/` that ends in `COLLECTOR: Collector`.

A collector reads cheap numbers of the machine that it runs on, again and again, once a second if need be; a probe looks
once and thoroughly. Collecting obeys the no-wake rule without exception: nothing that a collector does may load or keep
a model, wake a suspended device or disk, or count as use of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

from keepwell.core.series import Reading

#: Bytes of one file that a collector reads unless it says otherwise: /proc/stat of 256 cores has 20 KB.
READ_BYTES = 256 * 1024


class Moment(NamedTuple):
    """Now: seconds since the epoch, and seconds of a clock that never jumps, for rates."""

    at: float
    clock: float


class Sight(Protocol):
    """What a collector looks through: the files of its machine, synchronous and bounded.

    On the machine itself it keeps descriptors open and reads from their beginning. Through a connection without
    keepwell at the other end it holds what was fetched beforehand, all in one exchange; what was never asked for before
    is NotThere once and there the next time. `watched` are processes that matter: pid and the text of the Ref that they
    belong to (an engine, a container).
    """

    @property
    def watched(self) -> Mapping[int, str]:
        """Processes that matter, by pid."""
        ...

    def read(self, path: str, *, max_bytes: int = READ_BYTES) -> bytes:
        """The beginning of a regular file or one of /proc, /sys. Raises AccessError."""
        ...

    def names(self, path: str) -> tuple[str, ...]:
        """Names in a folder, sorted. Raises AccessError."""
        ...

    def link(self, path: str) -> str:
        """Where a symbolic link points, as written. Raises AccessError."""
        ...

    def size(self, path: str) -> tuple[int, int]:
        """Bytes of the file system that holds a path: all, and free for everybody. Raises AccessError."""
        ...


@runtime_checkable
class Looker(Protocol):
    """A collector at work on one machine: keeps keys and earlier counters between looks. Used by one thread."""

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """Every series that it has, with its number or why there is none now. Raises only on a bug."""
        ...

    def close(self) -> None:
        """Let go of what is held open; safe to call twice."""
        ...


@runtime_checkable
class Collector(Protocol):
    """`every_seconds` is how often a look is worth its cost; `gives` names all metrics that it may tell, each declared
    in `keepwell.metrics`. `here_only` is True where it must run on the machine itself (a driver's library) and cannot
    look through files alone.
    """

    every_seconds: float
    gives: tuple[str, ...]
    here_only: bool

    def open(self, node: str) -> Looker:
        """Begin to look at this node, of this name. Costs nothing by itself: the first look does."""
        ...
