"""Models whose load goes on although the client that caused it left.

An engine that loads on demand gives the load up when the request that it loads for is cut, and the next client waits
for all of it again. So such a request is kept until the engine answers anything to it, or that model to somebody else;
then it is cut like any other. It costs no request of the gateway's own, and the model is loaded as that client wanted
it; of an answer that is not streamed nothing comes before all of it, so that one may be made for nobody. That an engine
lists a model as loaded says nothing: some do so as soon as they begin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from keepwell.gateway.choice.station import Station
from keepwell.gateway.work.attempt import Attempt
from keepwell.gateway.work.relay import Relay
from keepwell.wire.outbound import Outbound


class Exchanged(Protocol):
    """A request at work."""

    attempt: Attempt | None


class Load:
    """A request that nobody waits for but the model; see `keepwell.wire.outbound.Taker`."""

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

    def look(self, exchanges: Iterable[Exchanged], stations: Mapping[str, Station], most: float, now: float) -> None:
        """End those whose model answers by now, or that take longer than a load may."""
        attempts = [one.attempt for one in exchanges if one.attempt is not None]
        speak = {(one.replica, one.model) for one in attempts if one.heard_at}
        for (replica, model), load in list(self.kept.items()):
            station = stations.get(replica)
            if station is None or (replica, model) in speak or model in station.answered or now - load.began > most:
                load.end()
            if load.over:
                del self.kept[replica, model]

    def models_at(self, replica: str) -> tuple[str, ...]:
        """Models that this replica loads for nobody in particular."""
        return tuple(sorted(model for at, model in self.kept if at == replica))
