"""What the gateway's record says of a route's requests before a move, and of those that were moved."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from keepwell.app.switching.objectives import MANY, Sample
from keepwell.gateway.choice.splits import name_moved
from keepwell.store.requests import RECORD_FILE, Wanted, read_rows

#: The newest requests from before a move that it is compared with, and how old they may be: a day has all its hours.
BEFORE, BEFORE_SECONDS = 2000, 86400.0
#: New rows that one look reads: more than a data plane serves between two of them.
ROWS = 20_000


class Watch:
    """Reads the record as it grows. `before` is what the first route had, with requests that still go there where it
    had few; `after` what was moved in this step, by `replicas`; `stayed` how many that came in this step were not.
    """

    def __init__(self, state: Path, route: str, to: str, replicas: Collection[str], began: float) -> None:
        self._path = state / RECORD_FILE
        self._route = route
        self._moved = name_moved(route, to)
        self._replicas = frozenset(replicas)
        self._seen = 0
        self._step_at = 0.0
        self.stayed = 0
        self.before = Sample()
        self.after = Sample()
        wanted = Wanted(route=route, since=began - BEFORE_SECONDS)
        for _, row in read_rows(self._path, last=BEFORE, wanted=wanted):
            if row.route == route and row.at < began:
                self.before.add(row, (row.replica,))
        self._few = self.before.requests < MANY

    def begin_step(self, now: float) -> None:
        """From now on (seconds since the epoch) another share is moved. Raises AccessError."""
        self.after = Sample()
        self.stayed, self._step_at = 0, now
        for number, _ in read_rows(self._path, last=1):
            self._seen = number

    def look(self) -> None:
        """Count what was served since the last look. Raises AccessError."""
        for number, row in read_rows(self._path, after=self._seen, last=ROWS):
            self._seen = number
            if row.route == self._moved:
                self.after.add(row, self._replicas)
            elif row.route == self._route:
                self.stayed += row.at >= self._step_at
                if self._few:
                    self.before.add(row, (row.replica,))
