"""The models that an engine is wished to offer, beside those that it does. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from keepwell.config.gateway_model import RouteEntry
from keepwell.config.model import Config, EngineEntry
from keepwell.conform.desired.resolve import find_groups
from keepwell.core.model_name import same_model
from keepwell.core.observation import Value
from keepwell.plugins.engine import ModelInfo
from keepwell.plugins.place import Site
from keepwell.plugins.recognise import load_engines

#: The table of [[desired]] that is about models, and as it is told.
TABLE, DESIRED, ROUTES = "models", "[[desired]] models", "[[route]]"


@dataclass(slots=True)
class Wished:
    """What is wished of one engine. `choices` are lists of names of which one has to be there; `digests` begin as
    theirs have to; `exact`: nothing else.
    """

    choices: list[tuple[str, ...]] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    by: list[str] = field(default_factory=list)
    exact: bool = False


def find_wished(config: Config, site: Site, here: str) -> Wished:
    """By [[desired]] models of its node, and by routes that name the engine."""
    found = Wished()
    names = {site.ref.node, *(one.name for one in config.nodes if not one.address and site.ref.node == here)}
    for group in find_groups(config, names, here):
        for wish in group.wishes:
            if wish.table == TABLE and _is_about(wish.values, site):
                digests = wish.values.get("digests", {})
                found.choices += [(one,) for one in (*wish.values.get("models", ()), *digests)]
                found.digests |= digests
                found.exact = found.exact or wish.values.get("exact") is True
                found.by.append(DESIRED)
    entries = [one for one in config.engines if one.url == site.url and (one.node or here) == site.ref.node]
    for route in config.routes:
        if not set(route.engines).isdisjoint(_labels(site, entries)):
            found.choices.append(route.models or (route.name,))
            found.by.append(f"{ROUTES} {route.name}")
    return found


def find_routed(routes: Iterable[RouteEntry]) -> Wished:
    """What the gateway has to offer: every route by its names that stand for themselves."""
    found = Wished()
    for one in routes:
        names = (one.name, *one.aliases)
        found.choices += [(name,) for name in names if "*" not in name]
        found.by.append(f"{ROUTES} {one.name}")
    return found


def compare(wished: Wished, offered: Iterable[ModelInfo]) -> Mapping[str, Value]:
    """A row of `smoke.asked` about the catalogue."""
    there = list(offered)
    missing = [" or ".join(names) for names in wished.choices if not any(_has(there, name) for name in names)]
    named = [name for names in wished.choices for name in names]
    extra = [one.name for one in there if not any(same_model(one.name, name) for name in named)]
    return {
        "question": "catalogue",
        "model": "",
        "state": "compared",
        "wished": tuple(dict.fromkeys(" or ".join(names) for names in wished.choices)),
        "missing": tuple(dict.fromkeys(missing)),
        "other": tuple(_find_other(wished.digests, there)),
        "extra": tuple(extra),
        "exact": wished.exact,
        "by": tuple(dict.fromkeys(wished.by)),
    }


def _find_other(digests: Mapping[str, str], offered: list[ModelInfo]) -> Iterator[str]:
    for name, digest in digests.items():
        for one in offered:
            own = one.digest.removeprefix("sha256:")
            if same_model(one.name, name) and own and not own.startswith(digest):
                yield one.name


def _has(offered: list[ModelInfo], name: str) -> bool:
    return any(same_model(one.name, name) for one in offered)


def _is_about(values: Mapping[str, object], site: Site) -> bool:
    """As the table is read: its engine's kind, and its address, the usual one on loopback if left out."""
    engine = load_engines().get(str(values.get("engine")))
    if engine is None or values.get("engine") != site.engine:
        return False
    return site.url in (values.get("url"), f"http://127.0.0.1:{engine.ports[0]}" * ("url" not in values))


def _labels(site: Site, entries: Iterable[EngineEntry]) -> set[str]:
    """Words by which a route may name it: its label, its replica, its node."""
    replica = "/".join(site.ref.path)
    return {site.ref.node, replica, *(one.name for one in entries if one.name)}
