"""Routes that no model's name leads to: of plain services, by the beginning of a path, and of nodes, by a header. Pure.

Their names have a space in them, as no model's has; a key's `routes` may list them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from keepwell.gateway.choice.ask import Route
from keepwell.plugins.routing import Replica

#: The wire format of services.
SERVICE_DIALECT = "plain"
#: The paths of the desk, where clients leave files and batches, their wire format, and how the routes to it begin:
#: every key may use them, each sees its own.
DESK_DIALECT = "openai"
DESK_PATHS = ("/v1/files", "/v1/batches")
DESK_ROUTES = "service the desk:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fronted:
    """A plain HTTP service that is offered under a prefix (which ends in no slash).

    `whole`: it gets the path with the prefix, and its format is the most usual one.
    """

    name: str
    prefix: str
    replica: Replica
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The beginning of a path, and the route that it leads to."""

    prefix: bytes
    route: Route
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fronts:
    """Services, longest prefix first; routes of nodes by what they are called; and the replicas of both."""

    services: tuple[Front, ...] = ()
    nodes: Mapping[str, Route] = field(default_factory=dict)
    replicas: tuple[Replica, ...] = ()

    @property
    def routes(self) -> tuple[Route, ...]:
        """All of them."""
        return (*(one.route for one in self.services), *self.nodes.values())

    def find(self, path: bytes) -> Front | None:
        """The service that a path belongs to."""
        for one in self.services:
            if path.startswith(one.prefix) and path[len(one.prefix) : len(one.prefix) + 1] in (b"", b"/"):
                return one
        return None


def make_fronts(services: Iterable[Fronted], replicas: Iterable[Replica], changed_by: frozenset[str]) -> Fronts:
    """Of these services, and of all nodes and engines that can be changed: those that speak one of the formats
    `changed_by`. Work that changes an engine takes no slot of it, and goes on where it gets no other.
    """
    services, replicas = tuple(services), tuple(replicas)
    fronts = [
        Front(
            prefix=one.prefix.encode(),
            route=Route(name=f"service {one.name}", replicas={one.replica.id: ""}, policy=("least_work",)),
            whole=one.whole,
        )
        for one in services
    ]
    changed = [
        replace(
            one, id=f"{one.id} admin", node="", limit=0, holds=0, stay_seconds=0.0, dialects=one.dialects & changed_by
        )
        for one in replicas
        if one.dialects & changed_by
    ]
    called: dict[str, dict[str, str]] = {}
    for one in replicas:
        if one.dialects & changed_by:
            for name in (one.id, one.node):
                called.setdefault(name, {})[_changing(one)] = ""
    return Fronts(
        services=tuple(sorted(fronts, key=_longest_first)),
        nodes={name: Route(name=f"node {name}", replicas=those, waiting=0) for name, those in sorted(called.items())},
        replicas=(*(one.replica for one in services), *changed),
    )


def make_desk(host: str, port: int, secret: str) -> tuple[Fronted, ...]:
    """The desk as a service."""
    return tuple(
        Fronted(
            name=f"{DESK_ROUTES.partition(' ')[2]}{path}",
            prefix=path,
            replica=Replica(
                id=f"{DESK_ROUTES}{path}",
                node="",
                host=host,
                port=port,
                dialects=frozenset({DESK_DIALECT}),
                api_key=secret,
            ),
            whole=True,
        )
        for path in DESK_PATHS
    )


def _changing(one: Replica) -> str:
    return f"{one.id} admin"


def _longest_first(one: Front) -> int:
    return -len(one.prefix)
