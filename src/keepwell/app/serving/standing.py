"""From what engines tell and the owner wants to what the data plane goes by: proofs, guards, who lacks what. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import cast

from keepwell.app.serving.engine_facts import Known
from keepwell.app.serving.memory_plans import find_reported
from keepwell.config.gateway_model import GatewayEntry, RouteEntry
from keepwell.core.observation import Missing
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.needs import Shortage, find_shortage
from keepwell.gateway.choice.options import Guard, Policy, make_guard
from keepwell.gateway.settings import Settings
from keepwell.gateway.work.attest import Seen, Standing, make_standing
from keepwell.plugins.engine import LoadedModel
from keepwell.plugins.residency import Abilities

#: When the canary of a replica and model was answered as before last, seconds since the epoch.
Canaries = Mapping[tuple[str, str], float]
NO_ABILITIES = Abilities()
#: Share of a model on GPUs from which on it is on them: engines count a little of it elsewhere.
WHOLE_RATIO = 0.999


def add_standing(
    settings: Settings,
    known: Iterable[Known],
    entries: Iterable[RouteEntry],
    gateway: GatewayEntry,
    canaries: Canaries,
    now: float,
) -> Settings:
    """The settings with everything that the data plane should know of models in memory."""
    engines = {one.replica.id: one for one in known}
    declared = {one.name: one for one in entries}
    routes = tuple(keep_on_gpu(one, declared.get(one.name), engines) for one in settings.routes)
    guards = {one.name: find_guard(one, declared.get(one.name), engines, gateway.reload_options) for one in routes}
    shortages = {one.name: find_lacks(one, engines) for one in routes}
    return replace(
        settings,
        routes=routes,
        replicas=tuple(replace(one, stay_seconds=gateway.residency_seconds) for one in settings.replicas),
        standings={name: find_standings(one, canaries, now, gateway.canary_seconds) for name, one in engines.items()},
        guards={name: one for name, one in guards.items() if one is not None},
        shortages={name: one for name, one in shortages.items() if one is not None},
        on_mismatch=gateway.on_mismatch,
        gaps=(*settings.gaps, *find_option_gaps(routes, declared, engines)),
    )


def find_option_gaps(
    routes: Iterable[Route], declared: Mapping[str, RouteEntry], engines: Mapping[str, Known]
) -> Iterator[str]:
    """What the owner should know of options that nobody reads, or that not every request can name."""
    for route in routes:
        entry = declared.get(route.name)
        if entry is None or not entry.options or not route.replicas:
            continue
        read = {option for name in route.replicas for option in engines[name].replica.reloads}
        unread = sorted(set(entry.options) - read)
        if unread:
            yield f"route {route.name}: no engine of it loads a model by {', '.join(unread)}"
        forms = {one for name in route.replicas for one in engines[name].replica.dialects}
        if len(unread) < len(entry.options) and len(forms) > 1:
            yield (
                f"route {route.name}: its options reach requests in its engines' own form; others get the "
                "model's own values, and each change loads it anew: write the same into the model"
            )


def find_standings(one: Known, canaries: Canaries, now: float, canary_seconds: float) -> dict[str, Standing]:
    """By model: how well it is known that this engine answers with it."""
    found = {}
    for model in one.models:
        loaded = one.find_loaded(model.name)
        seen = Seen(
            resident=loaded is not None,
            listed=model.digest,
            loaded=_digest_of(one, loaded),
            gpu_ratio=find_gpu_ratio(loaded),
            canary_at=canaries.get((one.replica.id, model.name), 0.0),
        )
        standing = make_standing(seen, now, canary_seconds)
        plan = one.plans.get(model.name)
        if plan is not None:
            standing = replace(standing, planned_bytes=plan.total_bytes)
        found[model.name] = replace(standing, reported_bytes=find_reported(loaded))
    return found


def _digest_of(one: Known, loaded: LoadedModel | None) -> str:
    if loaded is None:
        return ""
    return one.digests.get(loaded.name, "")


def find_gpu_ratio(loaded: LoadedModel | None) -> float:
    """The share of a model that lies on GPUs; -1 where it is not in memory or nobody tells."""
    if loaded is None or isinstance(loaded.gpu_bytes, Missing) or not loaded.size_bytes:
        return -1.0
    return min(1.0, loaded.gpu_bytes / loaded.size_bytes)


def keep_on_gpu(route: Route, entry: RouteEntry | None, engines: Mapping[str, Known]) -> Route:
    """The route without engines that have the model in memory, but not all of it on GPUs, if that is wanted."""
    if entry is None or not entry.gpu:
        return route
    out = {}
    for name, model in route.replicas.items():
        ratio = find_gpu_ratio(engines[name].find_loaded(model))
        if 0 <= ratio < WHOLE_RATIO:
            out[name] = f"has {model} on GPUs to {ratio:.0%} only"
    left = {name: model for name, model in route.replicas.items() if name not in out}
    return replace(route, replicas=left, out={**route.out, **out})


def find_guard(route: Route, entry: RouteEntry | None, engines: Mapping[str, Known], policy: str) -> Guard | None:
    """What becomes of options that would load this route's model anew."""
    reloads = {option for name in route.replicas for option in engines[name].replica.reloads}
    wished = entry or RouteEntry(name=route.name)
    return make_guard(cast("Policy", policy), reloads, wished.options, pinned=wished.pinned)


def find_lacks(route: Route, engines: Mapping[str, Known]) -> Shortage | None:
    """What the route's replicas certainly cannot."""
    rows = []
    for name, model in route.replicas.items():
        able = engines[name].abilities.get(model, NO_ABILITIES)
        rows.append((name, able.cannot, able.context_tokens))
    return find_shortage(rows)
