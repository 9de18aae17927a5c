"""Which routes a path's requests reach by translation: found once for each path after other settings came. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from keepwell.gateway.choice.ask import Route
from keepwell.plugins.dialect import Dialect, Endpoint
from keepwell.plugins.routing import Replica
from keepwell.plugins.ways import Way, find_ways, find_word


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Of one path: what an engine speaks that has it, the ways to others, and what those speak.

    `routes` are those with a replica, their own or a fallback's, that is reached by a way alone; False for one of which
    no replica has the path itself. Requests for all other routes are never looked at for this.
    """

    word: str
    ways: tuple[Way, ...] = ()
    words: frozenset[str] = frozenset()
    routes: Mapping[str, bool] = field(default_factory=dict)


class AllReached:
    """Of every path, as far as they were asked for."""

    def __init__(
        self, dialects: Mapping[str, Dialect], routes: Iterable[Route] = (), replicas: Iterable[Replica] = ()
    ) -> None:
        self._dialects = dialects
        self._routes = {one.name: one for one in routes}
        self._spoken = {one.id: one.dialects for one in replicas}
        self._known: dict[tuple[str, bytes], Reached] = {}

    def find(self, name: str, endpoint: Endpoint) -> Reached:
        """For this path of the dialect `name`."""
        known = self._known.get((name, endpoint.path))
        if known is None:
            known = self._known[name, endpoint.path] = self._find(name, endpoint)
        return known

    def _find(self, name: str, endpoint: Endpoint) -> Reached:
        word = find_word(name, endpoint)
        ways = find_ways(self._dialects, name, endpoint)
        words = frozenset(one.word for one in ways)
        routes: dict[str, bool] = {}
        for route in self._routes.values():
            spoken = [
                self._spoken[one]
                for there in follow(self._routes, route)
                for one in there.replicas
                if one in self._spoken
            ]
            if any(word not in one and one & words for one in spoken):
                routes[route.name] = any(word in one for one in spoken)
        return Reached(word=word, ways=ways, words=words, routes=routes)


def follow(routes: Mapping[str, Route], route: Route) -> Iterator[Route]:
    """The route and its fallbacks, each once."""
    seen: set[str] = set()
    after: Route | None = route
    while after is not None and after.name not in seen:
        seen.add(after.name)
        yield after
        after = routes.get(after.fallback)
