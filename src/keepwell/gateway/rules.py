"""What becomes of a request before a replica is chosen: its options are set right, who cannot do it is left out.

A route that has neither has no rule, and its requests cost one look into a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keepwell.gateway.access import Refused
from keepwell.gateway.ask import Route
from keepwell.gateway.needs import Shortage
from keepwell.gateway.options import Guard, describe_changes
from keepwell.gateway.proof import header_text
from keepwell.plugins.dialect import Endpoint, Failure

#: Characters of the header that tells which options were changed.
SHOWN = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """A request as it goes on: its route and body, replicas that are out, a header line of what was changed in it, and
    how many options that were.
    """

    route: Route
    body: bytes
    unable: frozenset[str] = frozenset()
    lines: bytes = b""
    changed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One route's."""

    route: Route
    guard: Guard | None = None
    shortage: Shortage | None = None


def make_rules(
    routes: Mapping[str, Route], guards: Mapping[str, Guard], shortages: Mapping[str, Shortage]
) -> dict[str, Rule]:
    """The rules of all routes that have one."""
    return {
        name: Rule(route=route, guard=guards.get(name), shortage=shortages.get(name))
        for name, route in routes.items()
        if name in guards or name in shortages
    }


def rule(
    rules: Mapping[str, Rule], routes: Mapping[str, Route], route: Route, endpoint: Endpoint, body: bytes
) -> Ruled:
    """Where the request goes, and what it is there. Raises Refused for one that nobody can do, or that is unwanted.

    Where nobody of its route can, its fallback is asked, and that one's.
    """
    route, unable = _find_able(rules, routes, route, endpoint, body)
    found = rules.get(route.name)
    if found is None or found.guard is None or not endpoint.options or not found.guard.touches(body):
        return Ruled(route=route, body=body, unable=unable)
    edited, changes = found.guard.apply(body)
    lines = b""
    if changes:
        lines = b"x-keepwell-options: %b\r\n" % header_text(describe_changes(changes)[:SHOWN])
    return Ruled(route=route, body=edited, unable=unable, lines=lines, changed=len(changes))


def _find_able(
    rules: Mapping[str, Rule], routes: Mapping[str, Route], route: Route, endpoint: Endpoint, body: bytes
) -> tuple[Route, frozenset[str]]:
    """The route, or the first of its fallbacks, of which somebody can do it; and who cannot."""
    reasons: list[str] = []
    tried: list[str] = []
    while True:
        found = rules.get(route.name)
        if found is None or found.shortage is None:
            return route, frozenset()
        unable = found.shortage.find_unable(endpoint, body)
        if not unable or not route.replicas.keys() <= unable.keys():
            return route, frozenset(unable)
        reasons += [f"{name}: {why}" for name, why in unable.items()]
        tried.append(route.name)
        after = routes.get(route.fallback)
        if after is None or after.name in tried:
            message = f"nobody who answers for {' or '.join(tried)} can do this ({'; '.join(reasons)})"
            raise Refused(Failure(status=400, kind="model_lacks_ability", message=message))
        route = after
