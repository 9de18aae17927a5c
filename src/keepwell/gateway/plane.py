"""The data plane without its process: a gate, what it is set by, and what it tells of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from keepwell.gateway.access import Access
from keepwell.gateway.choice.cordons import Cordon
from keepwell.gateway.choice.deadlines import Deadlines
from keepwell.gateway.choice.explain import Told
from keepwell.gateway.choice.fronts import Fronted, make_desk, make_fronts
from keepwell.gateway.choice.names import Names
from keepwell.gateway.choice.reached import AllReached
from keepwell.gateway.choice.reservations import Held, find_held
from keepwell.gateway.choice.rules import make_rules
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.gateway.choice.splits import Split
from keepwell.gateway.choice.sticking import is_sticky
from keepwell.gateway.diversions import add_diversions
from keepwell.gateway.own_paths import OwnPaths
from keepwell.gateway.record.gauges import find_gauges
from keepwell.gateway.record.recorder import Recorder
from keepwell.gateway.settings import Settings
from keepwell.gateway.surface import Surface
from keepwell.gateway.turning import Turning
from keepwell.gateway.wire.inbound import Inbound
from keepwell.gateway.work.gate import Gate
from keepwell.plugins.dialect import Dialect
from keepwell.plugins.registry import load_all
from keepwell.plugins.routing import Policy
from keepwell.plugins.ways import find_all_words
from keepwell.store.desk_door import DeskDoor
from keepwell.store.keys import Key


class Plane:
    """The gateway: a gate and what it goes by. Everything may be replaced while requests run."""

    def __init__(self, settings: Settings, recorder: Recorder) -> None:
        self._keys: tuple[Key, ...] = ()
        self._splits: tuple[Split, ...] = ()
        self._reserved: dict[str, Held] = {}
        self._desk: tuple[Fronted, ...] = ()
        self._recorder = recorder
        self._dialects = dialects = cast("dict[str, Dialect]", load_all("dialects"))
        policies = cast("dict[str, Policy]", load_all("routing"))
        scheduler = Scheduler((), (), policies)
        self.own = OwnPaths(scheduler)
        self.gate = Gate(
            scheduler,
            Surface(dialects, self.own.answer),
            Access(),
            recorder.put,
            deadlines=_deadlines(settings),
            max_body_bytes=settings.max_body_bytes,
        )
        self.own.exchanges = self.gate.exchanges
        self.own.loads = self.gate.loads
        self.own.expose = self.expose
        self.turning = self.own.turning = Turning(scheduler, self._hold)
        recorder.running = self._running
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Go on by other settings; requests that run are not touched."""
        gate = self.gate
        self._settings = settings
        settings, diversions = add_diversions(settings, self._splits)
        fronts = make_fronts((*settings.services, *self._desk), settings.replicas, gate.surface.changed_by)
        gate.scheduler.replace((*settings.replicas, *fronts.replicas), (*settings.routes, *fronts.routes))
        now = gate.now()
        for name, station in gate.scheduler.stations.items():
            station.see(settings.resident.get(name, ()), now)
            if name in settings.well:
                station.breaker.looked(now)
        routes = {one.name: one for one in settings.routes}
        called = {name: one for name, one in routes.items() if not one.moved_from}
        names = Names(called, settings.aliases, settings.patterns, settings.default)
        gate.surface.replace(names, settings.offered, fronts)
        gate.surface.reached = AllReached(self._dialects, settings.routes, settings.replicas)
        gate.surface.sticky |= {name for name, one in routes.items() if one.moved_from and is_sticky(one)}
        gate.diversions = self.own.diversions = diversions
        self.own.names = names
        words = find_all_words(self._dialects)
        self.own.told = Told(standings=settings.standings, shortages=settings.shortages, words=words)
        gate.rules = make_rules(routes, settings.guards, settings.shortages)
        gate.attest.replace(settings.standings, {one.id: one.node for one in settings.replicas}, settings.on_mismatch)
        self._recorder.tariff, self._recorder.bodies.seconds = settings.tariff, settings.bodies_seconds
        gate.bodies = frozenset(settings.bodies)
        gate.deadlines, gate.max_body_bytes = _deadlines(settings), settings.max_body_bytes
        self.admit(self._keys)

    def admit(self, keys: tuple[Key, ...]) -> None:
        """Go on with other keys, at once."""
        self._keys = keys
        settings = self._settings
        self.gate.access.replace(
            keys, frozenset(settings.hosts), required=settings.key_required, origins=settings.origins
        )

    def cordon(self, cordons: Iterable[Cordon]) -> None:
        """Who gets no new work from now on; what waited for others starts at once."""
        self.gate.scheduler.cordon(cordons)
        self.gate.look()

    def split(self, splits: Iterable[Split]) -> None:
        """Which shares of routes other routes take from now on."""
        if self._splits != tuple(splits):
            self._splits = tuple(splits)
            self.apply(self._settings)

    def seat(self, door: DeskDoor | None) -> None:
        """Where the desk is from now on, None where there is none."""
        self._desk = ()
        self.gate.access.desk = b""
        if door is not None:
            self._desk = make_desk("127.0.0.1", door.port, door.secret)
            self.gate.access.desk = door.secret.encode()
        self.apply(self._settings)

    def reserve(self, now: float) -> None:
        """Who has which replica or device to themselves at this instant (seconds since the epoch)."""
        clock = self.gate.now() - now
        held = find_held(self._settings.reservations, now)
        self._reserved = {name: replace(one, until=one.until + clock) for name, one in held.items()}
        self.gate.scheduler.hold({**self._reserved, **self.turning.find_held(self.gate.now())})
        self.turning.finishing = self.gate.finishing
        self.turning.tick(self.gate.now(), now)

    def _hold(self) -> None:
        """A device was closed or opened for requests: those that waited for it start at once."""
        self.gate.scheduler.hold({**self._reserved, **self.turning.find_held(self.gate.now())})
        self.gate.look()

    def make_client(self) -> Inbound:
        """The protocol of one more client."""
        return Inbound(self.gate, self.gate.now)

    def _running(self) -> Counter[str]:
        """Requests that run now, by node."""
        found: Counter[str] = Counter()
        for station in self.gate.scheduler.stations.values():
            found[station.replica.node] += station.outstanding
        return found

    def expose(self) -> bytes:
        """All counts, as Prometheus reads them."""
        gate = self.gate
        return self._recorder.measures().render(
            find_gauges(gate.scheduler, gate.access, len(gate.clients), gate.refused)
        )


def _deadlines(settings: Settings) -> Deadlines:
    return Deadlines(
        connect_seconds=settings.connect_seconds,
        first_byte_seconds=settings.first_byte_seconds,
        cold_first_byte_seconds=settings.cold_first_byte_seconds,
        between_seconds=settings.between_seconds,
        total_seconds=settings.total_seconds,
    )
