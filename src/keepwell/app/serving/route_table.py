"""Which names the gateway offers and who answers for each: what keepwell.toml says, over what engines have. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from keepwell.config.gateway_model import GatewayEntry, RouteEntry
from keepwell.core.observation import Missing
from keepwell.gateway.choice.ask import PRIORITIES, Route
from keepwell.plugins.dialect import InMemory, Offered
from keepwell.plugins.engine import LoadedModel, ModelInfo
from keepwell.plugins.model_facts import NOTHING_KNOWN, ModelFacts
from keepwell.plugins.residency import Abilities
from keepwell.plugins.routing import Replica

#: Until when a model stays is told to the minute: it moves with every request, and the settings with it.
MINUTE = 60.0
#: What Ollama's names end in where nobody says which of several is meant.
LATEST = ":latest"
NO_ABILITIES = Abilities()


@dataclass(frozen=True, kw_only=True)
class Stock:
    """What one engine has: its models, and those in its memory. `label` is the owner's name for it, `abilities` and
    `facts` are by model as far as they are known.
    """

    replica: Replica
    label: str = ""
    models: tuple[ModelInfo, ...] = ()
    loaded: tuple[LoadedModel, ...] = ()
    abilities: Mapping[str, Abilities] = field(default_factory=dict)
    facts: Mapping[str, ModelFacts] = field(default_factory=dict)

    @cached_property
    def by_name(self) -> Mapping[str, ModelInfo]:
        """Its models by plain name: looked into for each route."""
        return {plain(one.name): one for one in self.models}

    def find(self, names: Iterable[str]) -> ModelInfo | None:
        """Its model of the first of these names that it has; `name` and `name:latest` are one."""
        known = self.by_name
        return next((known[plain(name)] for name in names if plain(name) in known), None)

    def find_loaded(self, name: str) -> list[LoadedModel]:
        """Its model of this name, as it lies in its memory; none or one, as a rule."""
        return [one for one in self.loaded if one.name == name]

    def is_called(self, names: Iterable[str]) -> bool:
        """True if one of these names means it: its label, its id, or its node."""
        return not {self.label, self.replica.id, self.replica.node}.isdisjoint(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTable:
    """Routes, further names (exact ones, and patterns in their order), the default route, and what is offered."""

    routes: tuple[Route, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    patterns: tuple[tuple[str, str], ...] = ()
    default: str = ""
    offered: tuple[Offered, ...] = ()


def plain(name: str) -> str:
    """A model's name as clients may write it too."""
    return name.removesuffix(LATEST)


def make_routes(stocks: Sequence[Stock], entries: Sequence[RouteEntry], gateway: GatewayEntry) -> RouteTable:
    """What the owner declared, and (unless only that is offered) every model of every engine under its own name."""
    declared = {one.name: one for one in entries}
    routes = {one.name: _declared(one, stocks, gateway) for one in entries}
    if gateway.offer == "all":
        for name in sorted({plain(model.name) for one in stocks for model in one.models} - set(routes)):
            routes[name] = _declared(RouteEntry(name=name), stocks, gateway)
    aliases: dict[str, str] = {}
    patterns: list[tuple[str, str]] = []
    for one in entries:
        for name in (one.name, *one.aliases):
            if "*" in name:
                patterns.append((name, one.name))
            elif name != one.name:
                aliases[name] = one.name
    default = next((one.name for one in entries if one.default), "")
    shown = {name: name for name in routes if "*" not in name} | aliases
    for name, route in routes.items():
        routes[name] = replace(route, fallback=aliases.get(route.fallback) or plain(route.fallback))
    return RouteTable(
        routes=tuple(routes[name] for name in sorted(routes)),
        aliases=aliases,
        patterns=tuple(patterns),
        default=default,
        offered=tuple(
            _offer(name, routes[shown[name]], _names(declared.get(shown[name]), shown[name]), stocks)
            for name in sorted(shown)
            if routes[shown[name]].replicas
        ),
    )


def find_gaps(table: RouteTable) -> Iterator[str]:
    """What the owner should know of routes that cannot do what they were declared for."""
    names = {one.name for one in table.routes}
    for one in table.routes:
        if not one.replicas:
            reasons = "; ".join(f"{replica} {why}" for replica, why in sorted(one.out.items()))
            yield f"route {one.name}: nobody can answer{': ' * bool(reasons)}{reasons}"
        if one.fallback and one.fallback not in names:
            yield f"route {one.name}: its fallback {one.fallback} is not offered"


def _declared(entry: RouteEntry, stocks: Sequence[Stock], gateway: GatewayEntry) -> Route:
    replicas: dict[str, str] = {}
    out: dict[str, str] = {}
    names = _names(entry, entry.name)
    for one in stocks:
        if entry.engines and not one.is_called(entry.engines):
            continue
        model = one.find(names)
        why = _why_out(entry, one, names, model)
        if model is not None and not why:
            replicas[one.replica.id] = model.name
        elif entry.engines or entry.tags or len(entry.models) > 0:
            out[one.replica.id] = why
    waiting, seconds = entry.waiting, entry.wait_seconds or gateway.wait_seconds
    if waiting < 0:
        waiting = gateway.waiting
    return Route(
        name=entry.name,
        replicas=replicas,
        out=out,
        policy=entry.policy or gateway.policy,
        fallback=entry.fallback,
        waiting=waiting,
        wait_seconds=seconds,
        priority=PRIORITIES.get(entry.priority, -1),
        comments=entry.comments,
    )


def _names(entry: RouteEntry | None, name: str) -> tuple[str, ...]:
    """The names by which engines may know the model of a route."""
    if entry is None:
        return (name,)
    return entry.models or (name,)


def _why_out(entry: RouteEntry, stock: Stock, names: Iterable[str], model: ModelInfo | None) -> str:
    """Why it does not answer for the route, "" if it does."""
    missing = [tag for tag in entry.tags if tag not in stock.replica.tags]
    if missing:
        return f"has no tag {', '.join(missing)}"
    if model is not None:
        return ""
    if not stock.models:
        return "has not told which models it has"
    return f"has no model {' or '.join(names)}"


def _offer(name: str, route: Route, names: Iterable[str], stocks: Iterable[Stock]) -> Offered:
    """What clients are told of a name: of the engine that has most of it in memory first, sizes from whoever knows."""
    having = [one for one in stocks if one.replica.id in route.replicas]
    pairs = [(one, model) for one in having if (model := one.find(names)) is not None]
    models = [model for _, model in pairs]
    facts = [one.facts.get(model.name, model.facts) for one, model in pairs]
    contexts = [_find_context(one, model) for one, model in pairs]
    abilities = [one.abilities.get(model.name, NO_ABILITIES) for one, model in pairs]
    return Offered(
        name=name,
        context_tokens=min((one for one in contexts if one), default=0),
        digest=next((one.digest for one in models if one.digest), ""),
        size_bytes=max([0, *(one.size_bytes for one in models), *(one.size_bytes for one in facts)]),
        modified_at=max((one.modified_at for one in models), default=0.0),
        nodes=tuple(sorted({one.replica.node for one in having})),
        dialects=tuple(sorted({dialect for one in having for dialect in one.replica.dialects})),
        held=tuple(
            _hold(one, held) for one in having for held in one.loaded if held.name == route.replicas[one.replica.id]
        ),
        facts=next((one for one in facts if one != NOTHING_KNOWN), NOTHING_KNOWN),
        can=tuple(sorted({word for one in abilities for word in one.can})),
        cannot=tuple(sorted(_find_common(abilities))),
    )


def _find_common(abilities: Sequence[Abilities]) -> frozenset[str]:
    """What none of them can."""
    first, *rest = abilities or [NO_ABILITIES]
    return first.cannot.intersection(*(one.cannot for one in rest))


def _find_context(stock: Stock, model: ModelInfo) -> int:
    """Tokens that a request there has room for: as it is loaded, else as it would be, else as the engine lists it; 0 if
    nobody tells.
    """
    held = [one.context_tokens for one in stock.find_loaded(model.name)]
    facts = stock.facts.get(model.name, model.facts)
    return max(held, default=0) or facts.usual_tokens or model.context_tokens


def _hold(stock: Stock, held: LoadedModel) -> InMemory:
    gpu_bytes = -1
    if not isinstance(held.gpu_bytes, Missing):
        gpu_bytes = held.gpu_bytes
    return InMemory(
        node=stock.replica.node,
        size_bytes=held.size_bytes,
        gpu_bytes=gpu_bytes,
        context_tokens=held.context_tokens,
        expires_at=math.ceil(held.expires_at / MINUTE) * MINUTE,
    )
