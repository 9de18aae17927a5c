"""Keeps bodies of routes whose owner wishes that: masked and written by the recorder's thread, shed before any row."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import replace
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.gateway.record.facts import Facts
from keepwell.store.bodies import KeptBody, add_bodies

#: Bodies that wait to be written: 128 MB at most.
WAITING = 1000
#: Seconds between two looks for what is too old.
SWEEP_SECONDS = 600.0


class Bodies:
    """`seconds` is how long they are kept; `lost` counts those that were not."""

    def __init__(self, path: Path) -> None:
        self.seconds = 7 * 86400.0
        self.lost = 0
        self._path = path
        self._waiting: deque[KeptBody] = deque()
        self._sweep_at = 0.0

    def add(self, facts: Facts, offset: float) -> None:
        """Keep those of this request, if it has any; `offset` makes its instants times since the epoch."""
        if facts.bodies is None:
            return
        if len(self._waiting) >= WAITING:
            self.lost += 1
            return
        asked, answered = (one.decode("utf-8", "replace") for one in facts.bodies)
        at = facts.began + offset
        kept = KeptBody(id=facts.id, at=at, route=facts.route, key=facts.key, asked=asked, answered=answered)
        self._waiting.append(kept)

    def is_due(self, now: float) -> bool:
        """True if there is something to write, or to let go of; `now` is in seconds since the epoch."""
        return bool(self._waiting) or (now >= self._sweep_at and self._path.exists())

    def write(self) -> None:
        """Mask and write what waits, and let go of what is too old; what cannot be written is lost and counted."""
        now = time.time()
        if not self.is_due(now):
            return
        self._sweep_at = now + SWEEP_SECONDS
        taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        masked = _mask(taken)
        try:
            add_bodies(self._path, masked, oldest=now - self.seconds)
        except AccessError:
            self.lost += len(taken)


def _mask(bodies: list[KeptBody]) -> list[KeptBody]:
    """Without what names a person or a secret; a value has the same token in all of them."""
    if not bodies:
        return []
    from keepwell.redact import Redactor  # its patterns cost memory that most gateways never need

    redactor = Redactor()
    return [
        replace(one, asked=redactor.redact_text(one.asked), answered=redactor.redact_text(one.answered))
        for one in bodies
    ]
