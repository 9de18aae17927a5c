"""What the hub does: duties, each again and again, none of which can stop another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from keepwell.app.hub.bus import Bus
from keepwell.app.hub.face import Face
from keepwell.app.hub.sites import Sites
from keepwell.app.hub.ways import OpenWays
from keepwell.app.operation import untold
from keepwell.app.overview.keeping import Overviews
from keepwell.app.report import NodePicture
from keepwell.app.wiring import Wiring
from keepwell.core.finding import Finding
from keepwell.formats.prometheus import Family
from keepwell.store.request_log import RequestLog
from keepwell.store.series_log import SeriesLog
from keepwell.telemetry.table import Table

#: More for the page of metrics: families at an instant, in seconds since the epoch.
Families: TypeAlias = Callable[[float], Iterable[Family]]


class Board:
    """Where duties pin what they found: the newest findings of each source; alerts are made of all of them."""

    def __init__(self) -> None:
        self._pinned: dict[str, tuple[float, tuple[Finding, ...]]] = {}

    def pin(self, source: str, findings: Iterable[Finding], at: float) -> None:
        """In place of what this source found before; `at` is in seconds since the epoch."""
        self._pinned[source] = at, tuple(findings)

    def sources(self) -> Mapping[str, float]:
        """When each source last said anything."""
        return {name: at for name, (at, _) in self._pinned.items()}

    def pins(self) -> Iterator[tuple[str, float, tuple[Finding, ...]]]:
        """Each source, when it spoke last, and all that it found then."""
        for name, (at, found) in list(self._pinned.items()):
            yield name, at, found

    def findings(self) -> Iterator[Finding]:
        """What is pinned now."""
        for _, found in list(self._pinned.values()):
            yield from found


@dataclass(slots=True)
class Standing:
    """How a duty is doing. `problem` is "" while all is well; `failures` are all of them, `row` those since it was well
    the last time; `seconds` is how long it took last, `at` when it ended (seconds since the epoch).
    `told` is what the owner was told last, at `told_at`; `announced` is True until its end is told, too.
    """

    name: str
    every_seconds: float
    problem: str = ""
    failures: int = 0
    row: int = 0
    seconds: float = 0.0
    at: float = 0.0
    told: str = ""
    told_at: float = 0.0
    announced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """What duties work with. `tell` gets lines for the owner. The configuration in `wiring` is the newest one: it may
    be another at the next call. `ways` are those to other nodes that are open now. `families` gives /metrics what is in
    no series; each is asked with the time. `standings` says how each duty is doing. `pictures` are nodes as the newest
    look found them, by name; `overviews` draws the fleet for who asks. `faces` answer on the hub's port; `bus` tells
    them what happens. `config_path` is the
    keepwell.toml that was named, if one was. `careful`: what crashed
    this process before is not loaded into it.
    """

    wiring: Wiring
    requests: RequestLog
    series: SeriesLog
    table: Table = field(default_factory=Table)
    board: Board = field(default_factory=Board)
    sites: Sites = field(default_factory=Sites)
    ways: OpenWays = field(default_factory=OpenWays)
    families: list[Families] = field(default_factory=list)
    standings: dict[str, Standing] = field(default_factory=dict)
    pictures: dict[str, NodePicture] = field(default_factory=dict)
    bus: Bus = field(default_factory=Bus)
    overviews: Overviews = field(default_factory=Overviews)
    faces: tuple[Face, ...] = ()
    config_path: Path | None = None
    tell: Callable[[str], None] = untold
    careful: bool = False

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.wiring.state

    @property
    def here(self) -> str:
        """The name of the node that the hub runs on."""
        return self.wiring.hands.name


@runtime_checkable
class Duty(Protocol):
    """One thing that the hub does every so many seconds. It raises on failure: that is told and counted, and it is done
    again after a pause; other duties do not notice. It must not block: what takes longer than some milliseconds goes
    to a thread.
    """

    name: str
    every_seconds: float

    async def do(self, hub: Hub, now: float) -> None:
        """Once; `now` is in seconds since the epoch."""
        ...

    async def close(self) -> None:
        """Finish what must not be lost."""
        ...
