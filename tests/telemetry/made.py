"""Collectors that tests make: they count, fail and hang as they are told."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from keepwell.core.series import Reading, SeriesKey
from keepwell.plugins.collector import Looker, Moment, Sight
from keepwell.telemetry.rounds import Plan


@dataclass
class Made:
    """A collector whose one number is how often it has looked. `hang` makes the next look wait until it is set."""

    every_seconds: float = 1.0
    gives: tuple[str, ...] = ("host.load",)
    here_only: bool = False
    looks: int = 0
    closed: int = 0
    opened: int = 0
    broken: bool = False
    hang: threading.Event | None = None
    label: str = "1"
    paths: list[str] = field(default_factory=list)

    def open(self, node: str) -> Looker:
        self.opened += 1
        return MadeLooker(self, node)


class MadeLooker:
    def __init__(self, made: Made, node: str) -> None:
        self._made = made
        self._key = SeriesKey("host.load", f"node:{node}", (("minutes", made.label),))

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        made = self._made
        made.looks += 1
        if made.hang is not None:
            made.hang.wait(30)
        if made.broken:
            raise ZeroDivisionError("a bug")
        for path in made.paths:
            sight.read(path)
        return [(self._key, float(made.looks))]

    def close(self) -> None:
        self._made.closed += 1


def plan(told: list[str], every_seconds: float = 0.05, hang_seconds: float = 0.3, **collectors: Made) -> Plan:
    """What to sample, quickly."""
    return Plan(
        node="far", collectors=collectors, tell=told.append, every_seconds=every_seconds, hang_seconds=hang_seconds
    )
