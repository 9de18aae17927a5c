"""A look as a mapping that a test can read."""

from __future__ import annotations

from typing import cast

from keepwell.core.errors import NotThere
from keepwell.core.observation import Missing
from keepwell.plugins.collector import Collector, Looker, Moment, Sight
from keepwell.plugins.registry import load
from keepwell.testing.made_sight import MadeSight


def begin(name: str) -> Looker:
    """The collector of this name at work on the node "box"."""
    return cast(Collector, load("collectors", name)).open("box")


def given(name: str) -> set[str]:
    """What the collector of this name may tell."""
    return set(cast(Collector, load("collectors", name)).gives)


def look(looker: Looker, sight: Sight, clock: float = 0.0) -> dict[str, float | Missing]:
    """Numbers by "0 device.power_watts", the last part of the subject first and labels behind; none twice."""
    found: dict[str, float | Missing] = {}
    for key, value in looker.look(sight, Moment(1e9 + clock, clock)):
        labels = "".join(f" {word}" for _, word in key.labels)
        name = f"{key.subject.rpartition('/')[2]} {key.metric}{labels}"
        assert name not in found, f"{name} is told twice"
        found[name] = value
    return found


class FarSight(MadeSight):
    """A made tree at the other end of a connection: there is only what was asked for in the look before."""

    def __init__(self, near: MadeSight) -> None:
        super().__init__(near.files, near.links)
        self.watched = near.watched
        self._wanted: set[str] = set()
        self._fetched: set[str] = set()

    def turn(self) -> None:
        """The next look begins."""
        self._fetched, self._wanted = self._wanted, set()

    def _refuse(self, path: str) -> None:
        self._wanted.add(path)
        if path not in self._fetched:
            raise NotThere("not fetched yet", where=path)
