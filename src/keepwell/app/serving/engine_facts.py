"""What the gateway needs to know of each engine: models, which are in memory and where, how much it does at once.

Asked again every few seconds; nothing that is asked loads, keeps or wakes a model.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from keepwell.app.serving.memory_plans import find_shape, plan_loaded
from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing
from keepwell.formats.gguf_shape import ModelShape
from keepwell.plugins.chat import LimitsRequests, NamesDigests
from keepwell.plugins.engine import (
    Engine,
    KnowsSettings,
    LearnedDialects,
    ListsModels,
    LoadedModel,
    ModelInfo,
    ReportsLoaded,
    SpeaksDialects,
)
from keepwell.plugins.memory_plan import MemoryPlan
from keepwell.plugins.model_facts import ModelFacts, merge_facts
from keepwell.plugins.place import Site
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.residency import Abilities, HoldsModels, LimitsByDefault, LoadsModels, TellsAbilities
from keepwell.plugins.routing import Replica, find_port
from keepwell.plugins.settings import is_since
from keepwell.transport.base import Transport

#: Seconds for all that is asked of one engine in one look.
ENGINE_SECONDS = 4.0
#: Models of one engine whose abilities are asked for; a store with more is asked for the first ones by name.
ABILITIES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What one engine offers: it answered (`well`), its models, those in its memory with the digests of their bytes.

    `abilities` and `facts` are by model, as far as they are known; `plans` what those in memory were reckoned to take.
    """

    replica: Replica
    well: bool = False
    models: tuple[ModelInfo, ...] = ()
    loaded: tuple[LoadedModel, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    abilities: Mapping[str, Abilities] = field(default_factory=dict)
    plans: Mapping[str, MemoryPlan] = field(default_factory=dict)
    facts: Mapping[str, ModelFacts] = field(default_factory=dict)

    def find_loaded(self, name: str) -> LoadedModel | None:
        """This model in its memory; one of another name that is made of the same bytes or file is the same."""
        for one in self.loaded:
            if one.name == name:
                return one
        listed = {one.name: one for one in self.models}
        asked = listed.get(name, ModelInfo(name=name))
        for one in self.loaded:
            other = listed.get(one.name, ModelInfo(name=one.name))
            if asked.digest and self.digests.get(one.name) == asked.digest:
                return one
            if asked.path and not asked.digest and other.path == asked.path:
                return one
        return None

    @property
    def resident(self) -> tuple[str, ...]:
        """Names of the models in its memory."""
        return tuple(one.name for one in self.loaded)


@dataclass(slots=True)
class Lore:
    """What need not be asked again: an engine's release by address, a model's abilities and shape by engine, name and
    digest.
    """

    versions: dict[str, str] = field(default_factory=dict)
    abilities: dict[tuple[str, str, str], Abilities] = field(default_factory=dict)
    shapes: dict[tuple[str, str, str], ModelShape | None] = field(default_factory=dict)


class Engines:
    """The engines behind the gateway, and what was learned of them."""

    def __init__(self, sites: Iterable[Site], transport: Transport) -> None:
        self.sites = tuple(sites)
        self._transport = transport
        self._plugins = load_engines()
        self._lore = Lore()

    def add(self, sites: Iterable[Site]) -> None:
        """More of them; one at a URL that is known takes the place of the one there if another process serves it."""
        known = {one.url: one for one in self.sites}
        for one in sites:
            before = known.get(one.url)
            if before is None or _find_pid(one) not in (0, _find_pid(before)):
                known[one.url] = one
                self._lore.versions.pop(one.url, None)
        self.sites = tuple(known.values())

    @property
    def behind(self) -> Mapping[str, tuple[Site, Engine]]:
        """Each replica's place and plug-in."""
        pairs = [(one, self._plugins[one.engine]) for one in self.sites]
        return {make_replica(site, plugin).id: (site, plugin) for site, plugin in pairs}

    async def ask(self) -> list[Known]:
        """What each offers now; one that does not answer offers nothing."""
        asked = (_ask(one, self._plugins[one.engine], self._transport, self._lore) for one in self.sites)
        return list(await asyncio.gather(*asked))


def _find_pid(site: Site) -> int:
    """The process that serves it, 0 where none is known."""
    if isinstance(site.process, Missing):
        return 0
    return site.process.pid


def merge(before: Mapping[str, Known], now: Iterable[Known]) -> dict[str, Known]:
    """What is known after another look: an engine that did not answer keeps the models that it had."""
    merged = dict(before)
    for one in now:
        earlier = before.get(one.replica.id)
        if not one.models and earlier is not None:
            one = replace(one, models=earlier.models, abilities=earlier.abilities, facts=earlier.facts)
        merged[one.replica.id] = one
    return merged


async def _ask(site: Site, plugin: Engine, transport: Transport, lore: Lore) -> Known:
    known = Known(replica=make_replica(site, plugin))
    with contextlib.suppress(AccessError, TimeoutError):
        async with asyncio.timeout(ENGINE_SECONDS):
            known = replace(known, well=(await plugin.health(site, transport)).state == "well")
            if isinstance(plugin, ListsModels):
                found = _models(await plugin.models(site, transport))
                known = replace(known, models=tuple([await _date(one, site, transport) for one in found]))
            if isinstance(plugin, ReportsLoaded):
                known = replace(known, loaded=_loaded(await plugin.loaded(site, transport)))
            if known.loaded and isinstance(plugin, NamesDigests):
                known = replace(known, digests=_named(await plugin.loaded_digests(site, transport)))
            known = replace(known, replica=await _with_limits(known, site, plugin, transport, lore))
            known = replace(known, abilities=await _ask_abilities(known, site, plugin, transport, lore))
            known = replace(known, plans=await _plan(known, site, plugin, transport, lore))
            known = replace(known, facts=_gather_facts(known, site, lore))
    names = frozenset(one.name for one in known.models)
    return replace(known, replica=replace(known.replica, models=names))


async def _with_limits(known: Known, site: Site, plugin: Engine, transport: Transport, lore: Lore) -> Replica:
    """The replica with how many requests it works on at once, how many models it holds, and what its release speaks."""
    version = await _find_version(site, plugin, transport, lore)
    settings: Mapping[str, str] = {}
    if isinstance(plugin, KnowsSettings):
        settings = {one.name: one.value for one in plugin.effective(site.process, (), version, {})}
    slots = max((one.slots for one in known.loaded), default=0)
    if not slots and isinstance(plugin, LimitsRequests):
        limit = plugin.request_limit(settings, 0)
        if not isinstance(limit, Missing):
            slots = limit.at_once
    seen = not isinstance(site.process, Missing) and bool(site.process.environment)
    if not slots and seen and isinstance(plugin, LimitsByDefault):
        slots = plugin.usual_limit(version)
    holds = 0
    if isinstance(plugin, HoldsModels):
        holds = plugin.models_at_once(settings)
    spoken = known.replica.dialects
    if isinstance(plugin, LearnedDialects):
        spoken |= {name for name, since in plugin.later_dialects.items() if is_since(version, since)}
    each = isinstance(plugin, LoadsModels)
    return replace(known.replica, limit=slots, limit_each=each, holds=holds, dialects=spoken)


async def _find_version(site: Site, plugin: Engine, transport: Transport, lore: Lore) -> str:
    """The engine's release, asked once; "" if it does not tell."""
    if site.url not in lore.versions:
        found = await plugin.detect(site.url, transport, api_key=site.api_key)
        if isinstance(found, Missing):
            return ""
        lore.versions[site.url] = found.version
    return lore.versions[site.url]


async def _ask_abilities(
    known: Known, site: Site, plugin: Engine, transport: Transport, lore: Lore
) -> Mapping[str, Abilities]:
    if not isinstance(plugin, TellsAbilities):
        return {}
    found: dict[str, Abilities] = {}
    contexts = {one.name: one.context_tokens for one in known.loaded}
    for model in known.models[:ABILITIES]:
        made_of = model.digest or f"{model.path} {model.size_bytes} {contexts.get(model.name)}"
        key = (site.url, model.name, made_of)
        told = lore.abilities.get(key)
        if told is None:
            answer = await plugin.abilities(site, transport, model)
            if isinstance(answer, Missing):
                continue
            told = lore.abilities[key] = answer
        found[model.name] = told
    return found


async def _plan(known: Known, site: Site, plugin: Engine, transport: Transport, lore: Lore) -> Mapping[str, MemoryPlan]:
    """What the models in memory were reckoned to take."""
    listed = {one.name: one for one in known.models}
    found: dict[str, MemoryPlan] = {}
    for one in known.loaded:
        if one.name not in listed:
            continue
        model = listed[one.name]
        key = _key_of_shape(site, model)
        if key not in lore.shapes:
            lore.shapes[key] = await find_shape(site, plugin, transport, model)
        shape = lore.shapes[key]
        if shape is not None:
            found[one.name] = plan_loaded(shape, one, known.replica.limit)
    return found


def _key_of_shape(site: Site, model: ModelInfo) -> tuple[str, str, str]:
    return (site.url, model.name, model.digest or f"{model.path} {model.size_bytes}")


def _gather_facts(known: Known, site: Site, lore: Lore) -> Mapping[str, ModelFacts]:
    """What the list tells of each model, then what was learned with its abilities, then its file's header."""
    found: dict[str, ModelFacts] = {}
    for model in known.models:
        told = [model.facts]
        if model.name in known.abilities:
            told.append(known.abilities[model.name].facts)
        shape = lore.shapes.get(_key_of_shape(site, model))
        if shape is not None:
            told.append(ModelFacts(format="gguf", family=shape.architecture, width=shape.width))
        found[model.name] = merge_facts(told)
    return found


async def _date(model: ModelInfo, site: Site, transport: Transport) -> ModelInfo:
    """With the instant at which its files were changed, where its engine tells none and they lie on this machine."""
    if model.modified_at or not model.path.startswith("/") or isinstance(site.process, Missing):
        return model
    try:
        return replace(model, modified_at=(await transport.stat(model.path)).modified_at)
    except AccessError:
        return model


def make_replica(site: Site, plugin: Engine) -> Replica:
    """Where an engine is asked, by whom it may be asked, and which of a request's options make it load anew."""
    parts = urlsplit(site.url)
    dialects: tuple[str, ...] = ("openai",)
    if isinstance(plugin, SpeaksDialects):
        dialects = plugin.dialects
    reloads: tuple[str, ...] = ()
    if isinstance(plugin, LoadsModels):
        reloads = plugin.reload_options
    return Replica(
        id=str(site.ref).partition(":")[2],
        node=site.ref.node,
        host=parts.hostname or "127.0.0.1",
        port=find_port(site.url),
        tls=parts.scheme == "https",
        dialects=frozenset(dialects),
        own=dialects[0],
        api_key=site.api_key,
        reloads=reloads,
    )


def _models(found: tuple[ModelInfo, ...] | Missing) -> tuple[ModelInfo, ...]:
    if isinstance(found, Missing):
        return ()
    return found


def _loaded(found: tuple[LoadedModel, ...] | Missing) -> tuple[LoadedModel, ...]:
    if isinstance(found, Missing):
        return ()
    return found


def _named(found: Mapping[str, str] | Missing) -> Mapping[str, str]:
    if isinstance(found, Missing):
        return {}
    return found
