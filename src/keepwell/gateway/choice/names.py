"""From the name that a client writes to the route that it means. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from keepwell.gateway.choice.ask import Route

#: What Ollama's names end in where nobody says which of several is meant: `name` and `name:latest` are one.
LATEST = ":latest"
#: Names that did not stand anywhere and were found by pattern or default, that are remembered.
REMEMBERED = 1024
#: Names that are told to a client whose own is not known.
TOLD, NEAREST = 10, 3


@dataclass(frozen=True, slots=True)
class Meant:
    """A route, and how the name led to it."""

    route: Route
    how: str


class Names:
    """All names: of routes, their aliases, patterns (with `*` for anything) in their order, and the default route."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        aliases: Mapping[str, str],
        patterns: tuple[tuple[str, str], ...] = (),
        default: str = "",
    ) -> None:
        self.exact: dict[str, Route] = {**routes, **{name: routes[route] for name, route in aliases.items()}}
        self._aliases = frozenset(aliases)
        self._patterns = [(one, _compile(one), routes[route]) for one, route in patterns]
        self._default = routes.get(default)
        self._remembered: dict[str, Meant] = {}

    def find(self, name: str) -> Meant | None:
        """What a name means: exactly, without `:latest`, by the first pattern that fits, or by default."""
        for written in (name, name.removesuffix(LATEST)):
            route = self.exact.get(written)
            if route is not None and written in self._aliases:
                return Meant(route, f"{written} is an alias")
            if route is not None:
                return Meant(route, "its own name")
        known = self._remembered.get(name)
        if known is not None:
            return known
        found = self._guess(name)
        if found is not None:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[name] = found
        return found

    def describe_unknown(self, name: str) -> str:
        """A sentence for whoever wrote a name that means nothing here, with the nearest ones."""
        if not name:
            return f"the request names no model; offered: {', '.join(sorted(self.exact)[:TOLD]) or 'none'}"
        near = get_close_matches(name, list(self.exact), n=NEAREST)
        hint = f"offered: {', '.join(sorted(self.exact)[:TOLD]) or 'none'}"
        if near:
            hint = f"did you mean {' or '.join(near)}?"
        return f"no model {name!r} is offered here; {hint}"

    def _guess(self, name: str) -> Meant | None:
        for pattern, fits, route in self._patterns:
            if fits.fullmatch(name):
                return Meant(route, f"it fits {pattern}")
        if self._default is not None:
            return Meant(self._default, "the default, for names that nobody has")
        return None


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(one) for one in pattern.split("*")), re.DOTALL)
