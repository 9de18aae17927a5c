"""What happens in the hub, told to whoever listens: pages, event streams, assistants. In memory; the last are kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

#: Events that wait for one listener; of a slow one the oldest are dropped and counted.
WAITING = 256
#: Events that are kept for those who come back after a break.
KEPT = 512
#: Topics of which each event tells all there is: an older one that waits gives way to the newer.
WHOLE = frozenset({"overview", "alerts"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event: its topic ("overview", "alerts", "runs", "requests", "proposals", "work"), plain JSON values, a
    growing number, and when (seconds since the epoch).
    """

    topic: str
    data: dict[str, Any]
    number: int
    at: float


@dataclass(slots=True, eq=False)
class Listener:
    """One who listens. `lost` counts what was dropped because it was slow."""

    topics: frozenset[str]
    lost: int = 0
    _waiting: list[Happening] = field(default_factory=list)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def next(self) -> Happening:
        """The next one; waits for it."""
        while not self._waiting:
            self._woken.clear()
            await self._woken.wait()
        return self._waiting.pop(0)

    def take(self, one: Happening) -> None:
        """Keep it until it is asked for."""
        if self.topics and one.topic not in self.topics:
            return
        if one.topic in WHOLE:
            self._waiting = [other for other in self._waiting if other.topic != one.topic]
        if len(self._waiting) >= WAITING:
            del self._waiting[0]
            self.lost += 1
        self._waiting.append(one)
        self._woken.set()


class Bus:
    """Tell from the hub's loop only; from another thread by `loop.call_soon_threadsafe(bus.tell, ...)`."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._kept: deque[Happening] = deque(maxlen=KEPT)
        self._whole: dict[str, Happening] = {}
        self._number = 0
        self._dropped = 0

    @property
    def number(self) -> int:
        """That of the newest event; 0 before the first."""
        return self._number

    @property
    def dropped(self) -> int:
        """The number of the newest event that is kept no more, of those that do not tell all there is; 0 for none."""
        return self._dropped

    def since(self, number: int) -> list[Happening]:
        """What is kept of those after that one, the oldest first."""
        kept = sorted((*self._kept, *self._whole.values()), key=_number)
        return [one for one in kept if one.number > number]

    @property
    def heard(self) -> bool:
        """True while anybody listens: what nobody hears need not be made."""
        return bool(self._listeners)

    def tell(self, topic: str, data: dict[str, Any], at: float) -> None:
        """To everybody who listens to this topic; `at` is in seconds since the epoch."""
        self._number += 1
        one = Happening(topic=topic, data=data, number=self._number, at=at)
        if topic in WHOLE:
            self._whole[topic] = one
        else:
            if len(self._kept) == KEPT:
                self._dropped = self._kept[0].number
            self._kept.append(one)
        for listener in self._listeners:
            listener.take(one)

    @contextlib.contextmanager
    def listen(self, *topics: str) -> Iterator[Listener]:
        """Hear these topics meanwhile; all if none is named."""
        listener = Listener(topics=frozenset(topics))
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)


def _number(one: Happening) -> int:
    return one.number
