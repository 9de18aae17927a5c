"""What the readers of history share: the result of reading one source, and how far back it is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.event import Event
from keepwell.plugins.place import Place

#: How far back history is told: a month of package logs, rotated ones included.
HISTORY_SECONDS = 31 * 86_400.0
ReadState: TypeAlias = Literal["read", "absent", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One source: what it told, or why it told nothing."""

    source: str
    state: ReadState = "read"
    reason: str = ""
    events: tuple[Event, ...] = ()


def was_read(source: str, events: Iterable[Event]) -> Read:
    """A source that could be read."""
    return Read(source=source, events=tuple(events))


def not_read(source: str, error: AccessError | str) -> Read:
    """A source that could not be read; absent where it does not exist."""
    if isinstance(error, NotThere):
        return Read(source=source, state="absent", reason="not on this node")
    return Read(source=source, state="failed", reason=str(error))


def oldest_wanted(place: Place) -> float:
    """Seconds since the epoch before which nothing is told."""
    return place.clock.now() - HISTORY_SECONDS
