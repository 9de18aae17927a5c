"""Models whose load goes on although the client that caused it left.

An engine that loads on demand gives the load up when the request that it loads for is cut, and the next client waits
for all of it again. So such a request is kept until the engine answers anything, or the model is known to be in its
memory; then it is cut like any other, before the answer is made. It costs no request of the gateway's own, and the
model is loaded as that client wanted it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keepwell.gateway.outbound import Outbound
from keepwell.gateway.relay import Relay
from keepwell.gateway.station import Station


class Load:
    """A request that nobody waits for but the model; see `keepwell.gateway.outbound.Taker`."""

    def __init__(self, connection: Outbound, began: float) -> None:
        self.began = began
        self.over = False
        self._connection = connection
        connection.taker = self

    def end(self) -> None:
        """Cut it."""
        self.over = True
        self._connection.let_go()

    def head(self, answer: Outbound) -> Relay | None:
        """The engine begins to answer: the model is there."""
        self.end()
        return None

    def grew(self, answer: Outbound) -> Relay:
        """Never asked: nothing of the answer is read."""
        raise AssertionError("the answer to a kept load was read")

    def whole(self, answer: Outbound, body: bytes) -> None:
        """It was short."""
        self.end()

    def finished(self, answer: Outbound) -> None:
        """It is over."""
        self.end()

    def broke(self, why: str) -> None:
        """The engine gave it up."""
        self.over = True


@dataclass(slots=True)
class Loads:
    """Those that go on, by replica and model: one for each is enough."""

    kept: dict[tuple[str, str], Load] = field(default_factory=dict)

    def keep(self, replica: str, model: str, connection: Outbound, began: float) -> None:
        """One more, unless that model is loaded there for another already."""
        known = self.kept.get((replica, model))
        if known is not None and not known.over:
            connection.let_go()
            return
        self.kept[replica, model] = Load(connection, began)

    def look(self, stations: Mapping[str, Station], most: float, now: float) -> None:
        """End those whose model is in memory by now, or that take longer than a load may."""
        for (replica, model), load in list(self.kept.items()):
            station = stations.get(replica)
            if station is None or model in station.resident or now - load.began > most:
                load.end()
            if load.over:
                del self.kept[replica, model]

    def models_at(self, replica: str) -> tuple[str, ...]:
        """Models that this replica loads for nobody in particular."""
        return tuple(sorted(model for at, model in self.kept if at == replica))
