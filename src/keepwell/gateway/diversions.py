"""From shares that are moved to what the data plane goes by: routes of their own, with everything they need. Pure.

A moved request goes to the other route's replicas, with that route's rules, in its own route's place in the queue;
where none of them can take it, it stays with its own route, so that a move fails nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.splits import Diversion, Split, name_moved
from keepwell.gateway.settings import Settings
from keepwell.plugins.dialect import Offered


def add_diversions(settings: Settings, splits: Iterable[Split]) -> tuple[Settings, dict[str, Diversion]]:
    """The settings with the routes of these moves, and which route's requests they take. Moves to a route that nobody
    offers are left out.
    """
    diversions: dict[str, Diversion] = {}
    for one in splits:
        routes = {route.name: route for route in settings.routes}
        target = routes.get(one.to)
        if target is None or one.route == one.to:
            continue
        settings = _keep_name(settings, one.route, target)
        own = routes.get(one.route) or Route(name=one.route, replicas={})
        moved = _make_moved(own, target)
        diversions[own.name] = Diversion(moved, one.share)
        settings = _add_route(settings, moved, target.name)
    return settings, diversions


def _make_moved(own: Route, target: Route) -> Route:
    fallback = own.name
    if not own.replicas:
        fallback = own.fallback
    return Route(
        name=name_moved(own.name, target.name),
        replicas=target.replicas,
        policy=target.policy,
        fallback=fallback,
        waiting=own.waiting,
        wait_seconds=own.wait_seconds,
        priority=own.priority,
        comments=own.comments,
        out=target.out,
        moved_from=own.name,
    )


def _keep_name(settings: Settings, name: str, target: Route) -> Settings:
    """A route whose engines are all gone keeps its name, and its place in the lists, while its requests are moved."""
    known = {one.name: one for one in settings.routes}
    if name not in known:
        settings = replace(settings, routes=(*settings.routes, Route(name=name, replicas={})))
    shown = {one.name: one for one in settings.offered}
    if name in shown or target.name not in shown or (name in known and known[name].replicas):
        return settings
    offered = [*settings.offered, replace(shown[target.name], name=name)]
    return replace(settings, offered=tuple(sorted(offered, key=_name_of)))


def _add_route(settings: Settings, moved: Route, target: str) -> Settings:
    """With the target's rules, and the own route's wish to keep bodies."""
    guards, shortages, bodies = dict(settings.guards), dict(settings.shortages), settings.bodies
    if target in guards:
        guards[moved.name] = guards[target]
    if target in shortages:
        shortages[moved.name] = shortages[target]
    if moved.moved_from in bodies:
        bodies = (*bodies, moved.name)
    return replace(settings, routes=(*settings.routes, moved), guards=guards, shortages=shortages, bodies=bodies)


def _name_of(one: Offered) -> str:
    return one.name
