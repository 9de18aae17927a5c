"""Which model lies where: in which engines' memory and behind which of the gateway's routes, and how that is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from keepwell.app.overview.model import EngineRow, ModelRow, NodeRow
from keepwell.core.finding import Status
from keepwell.gateway.settings import Settings
from keepwell.gateway.work.attest import NOTHING, Standing
from keepwell.plugins.dialect import Offered


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One engine that has the model, under the name `known_as` there. `held` is the model in its memory, None where it
    is not there; `out` why the gateway sends it nothing, "" where it does. `served`: the gateway sends requests there.
    """

    replica: str
    title: str
    status: Status
    state: str
    known_as: str = ""
    held: ModelRow | None = None
    standing: Standing = NOTHING
    out: str = ""
    served: bool = False


@dataclass(slots=True, kw_only=True)
class Holding:
    """A model by the name that clients use: where it is, and what its catalogue says of it."""

    name: str
    places: list[Place] = field(default_factory=list)
    offered: Offered | None = None

    @property
    def held(self) -> int:
        """In how many engines' memory it is."""
        return sum(one.held is not None for one in self.places)


def list_holdings(nodes: Iterable[NodeRow], settings: Settings | None) -> list[Holding]:
    """All models that are served or in memory, by name. Pure."""
    engines = {one.ref.removeprefix("engine:"): one for node in nodes for one in node.engines}
    found: dict[str, Holding] = {}
    told: set[tuple[str, str]] = set()
    if settings is not None:
        offered = {one.name: one for one in settings.offered}
        for route in settings.routes:
            holding = found[route.name] = Holding(name=route.name, offered=offered.get(route.name))
            for replica, known_as in sorted(route.replicas.items()):
                told.add((replica, known_as))
                holding.places.append(_place(replica, known_as, engines, settings.standings))
            for replica, why in sorted(route.out.items()):
                holding.places.append(_place(replica, "", engines, {}, out=why))
    for replica, engine in sorted(engines.items()):
        for held in engine.models:
            if (replica, held.name) not in told:
                holding = found.setdefault(held.name, Holding(name=held.name))
                holding.places.append(_place(replica, held.name, engines, {}, served=False))
    return [found[name] for name in sorted(found)]


def _place(
    replica: str,
    known_as: str,
    engines: Mapping[str, EngineRow],
    standings: Mapping[str, Mapping[str, Standing]],
    *,
    out: str = "",
    served: bool = True,
) -> Place:
    engine = engines.get(replica)
    standing = standings.get(replica, {}).get(known_as, NOTHING)
    if engine is None:
        state = "not seen yet"
        return Place(
            replica=replica, title="", status=Status.UNKNOWN, state=state, known_as=known_as, standing=standing, out=out
        )
    return Place(
        replica=replica,
        title=engine.title,
        status=engine.status,
        state=engine.state,
        known_as=known_as,
        held=next((one for one in engine.models if one.name == known_as), None),
        standing=standing,
        out=out,
        served=served and not out,
    )
