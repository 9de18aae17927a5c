"""Lane: a way by which a target is asked. One leads from this machine to it; on a cluster there is one from each node.

The runner knows nothing else of it: what is tried again, how much at a time and when a target is left alone is decided
for each lane alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from keepwell.batch.asking import Asker, Ended
from keepwell.batch.job import Target


class Try(Protocol):
    """One try that was handed over; `begun` is the instant (monotonic) of that."""

    begun: float

    def give_up(self, failure: str, why: str) -> None:
        """Nobody waits for it any more: it ends with this failure now."""
        ...


class Lane(Protocol):
    """One way to one target."""

    target: Target

    def ask(self, method: str, path: str, body: bytes, tell: Callable[[Try, Ended], None]) -> Try:
        """Send a request; `tell` is called once when it ended, never while it is handed over."""
        ...

    async def answers(self) -> bool:
        """True if the target takes a connection now, by this way."""
        ...

    def close(self) -> None:
        """Let go of what is kept for it."""
        ...


class Lanes(Protocol):
    """Where lanes come from."""

    def find_new(self, place: int, target: Target) -> Sequence[Lane]:
        """Ways to a job's target of this place (0: the first, others are fallbacks) that were not given before. Asked
        when a run begins and every few seconds.
        """
        ...


class Directly:
    """One lane to each target, from here."""

    def __init__(self) -> None:
        self._given: set[int] = set()

    def find_new(self, place: int, target: Target) -> Sequence[Lane]:
        """The lane, the first time. Raises ConfigurationError for an address that is none."""
        if place in self._given:
            return ()
        self._given.add(place)
        return (Asker(target),)
