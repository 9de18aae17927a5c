"""What becomes of a request before a replica is chosen: its options are set right, who cannot do it is left out.

A route that has neither has no rule, and its requests cost one look into a table.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from keepwell.gateway.access import Refused
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.needs import USUAL_TOKEN_BYTES, Shortage
from keepwell.gateway.choice.options import Edits, Guard, describe_changes
from keepwell.gateway.work.proof import header_text
from keepwell.plugins.dialect import Endpoint, Failure

#: Characters of the header that tells which options were changed.
SHOWN = 400


class Ruled(msgspec.Struct, frozen=True):
    """A request as it goes on: its route and body, replicas that are out, a header line of what was changed in it, and
    how many options that were.
    """

    route: Route
    body: bytes
    unable: frozenset[str] = frozenset()
    lines: bytes = b""
    changed: int = 0


@dataclass(slots=True)
class Rule:
    """One route's. `marks` are bytes of which one stands in every body that must be looked at (`always`: all must),
    `size` is that of a body which may be too long; `embeds`: requests for embeddings must be looked at.
    """

    guard: Guard | None
    shortage: Shortage | None
    marks: tuple[bytes, ...] = ()
    always: bool = False
    embeds: bool = False
    size: int = sys.maxsize
    known: Edits = field(default_factory=dict)

    def touches(self, endpoint: Endpoint, body: bytes) -> bool:
        """True if the request must be looked at. Costs a few searches in its bytes."""
        if self.always or len(body) > self.size or (self.embeds and endpoint.use == "embed"):
            return True
        return any(map(body.__contains__, self.marks))


def make_rules(
    routes: Mapping[str, Route], guards: Mapping[str, Guard], shortages: Mapping[str, Shortage]
) -> dict[str, Rule]:
    """The rules of all routes that have one."""
    return {
        name: _make(guards.get(name), shortages.get(name)) for name in routes if name in guards or name in shortages
    }


def rule(
    rules: Mapping[str, Rule], routes: Mapping[str, Route], route: Route, endpoint: Endpoint, body: bytes
) -> Ruled:
    """Where the request goes, and what it is there. Raises Refused for one that nobody can do, or that is unwanted.

    Where nobody of its route can, its fallback is asked, and that one's.
    """
    route, unable = _find_able(rules, routes, route, endpoint, body)
    found = rules.get(route.name)
    if found is None or found.guard is None or not endpoint.options:
        return Ruled(route, body, unable)
    edited, changes = found.guard.apply(body, found.known)
    lines = b""
    if changes:
        lines = b"x-keepwell-options: %b\r\n" % header_text(describe_changes(changes)[:SHOWN])
    return Ruled(route, edited, unable, lines, len(changes))


def _make(guard: Guard | None, shortage: Shortage | None) -> Rule:
    made = Rule(guard, shortage)
    if guard is not None:
        made.marks, made.always = guard.marks, not guard.marks
    if shortage is not None:
        made.marks += shortage.marks
        made.always = made.always or "chat" in shortage.asked
        made.embeds = "embed" in shortage.asked
        made.size = shortage.least * USUAL_TOKEN_BYTES or sys.maxsize
    return made


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
