"""What an engine says of itself: release, health, models, what is loaded, its own readings. Loads nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError, EngineError
from keepwell.core.observation import Missing, Observation, Value, absent, failed, unknown
from keepwell.core.text import cut_text, escape_controls
from keepwell.plugins.engine import Engine, ExposesMetrics, Health, ListsModels, LoadedModel, ModelInfo, ReportsLoaded
from keepwell.plugins.place import Place, Site
from keepwell.plugins.probe import ProbeEffect

#: Characters of an engine's own words that are kept.
SAID_CHARACTERS = 500
#: Seconds for an engine to say that it is well, which takes milliseconds; a person waits meanwhile.
HEALTH_SECONDS = 3.0
#: Models kept; a machine with more has a catalogue, not a model store.
MODELS = 1000


class EngineApi:
    """Gives what the engine's interface tells. Where it does not answer, only its health is a value."""

    level = 1
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "none"
    cost_seconds = 0.1
    gives: tuple[str, ...] = (
        "engine.health",
        "engine.version",
        "engine.models",
        "engine.loaded",
        "engine.readings",
    )
    needs: tuple[str, ...] = ("engine.site",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """All five; each other than the health is Missing where the engine is silent or lacks it."""
        assert place.site is not None
        if not isinstance(place.engine, Engine):
            return [place.saw(name, unknown("no plug-in knows this engine"), place.site.url) for name in self.gives]
        health = await _ask_health(place, place.engine, place.site)
        seen = [place.saw("engine.health", _health(health), place.site.url)]
        if health.state in ("silent", "refused"):
            reason = failed(f"the engine does not answer ({health.state}: {_clean(health.said)})")
            return [*seen, *(place.saw(name, reason, place.site.url) for name in self.gives[1:])]
        asked = await asyncio.gather(
            _version(place, place.engine, place.site),
            _models(place, place.site),
            _loaded(place, place.site),
            _readings(place, place.site),
        )
        return [*seen, *(place.saw(name, one, place.site.url) for name, one in zip(self.gives[1:], asked, strict=True))]


async def _ask_health(place: Place, engine: Engine, site: Site) -> Health:
    """The engine's own word. A stopped process is not asked: it takes connections and never answers."""
    if not isinstance(site.process, Missing) and site.process.state in ("T", "t"):
        said = f"process {site.process.pid} is stopped (state {site.process.state}), so it was not asked"
        return Health(state="silent", http_status=0, seconds=0.0, said=said)
    began = place.clock.monotonic()
    try:
        async with asyncio.timeout(HEALTH_SECONDS):
            return await engine.health(site, place.transport)
    except TimeoutError:
        seconds = place.clock.monotonic() - began
        return Health(state="silent", http_status=0, seconds=seconds, said=f"no answer within {HEALTH_SECONDS:g} s")


def _health(health: Health) -> Mapping[str, Value]:
    return {
        "state": health.state,
        "http_status": health.http_status,
        "seconds": round(health.seconds, 4),
        "said": _clean(health.said),
    }


def _clean(text: str) -> str:
    return escape_controls(cut_text(text, SAID_CHARACTERS))


async def _version(place: Place, engine: Engine, site: Site) -> Value | Missing:
    try:
        identity = await engine.detect(site.url, place.transport, api_key=site.api_key)
    except (AccessError, EngineError) as error:
        return failed(str(error))
    if isinstance(identity, Missing):
        return identity
    if not identity.version:
        return absent("the engine does not tell its release")
    return _clean(identity.version)


async def _models(place: Place, site: Site) -> Value | Missing:
    if not isinstance(place.engine, ListsModels):
        return absent("this engine cannot list its models")
    try:
        models = await place.engine.models(site, place.transport)
    except (AccessError, EngineError) as error:
        return failed(str(error))
    if isinstance(models, Missing):
        return models
    return tuple(_model(one) for one in models[:MODELS])


def _model(one: ModelInfo) -> Mapping[str, Value]:
    return {
        "name": _clean(one.name),
        "digest": _clean(one.digest),
        "size_bytes": one.size_bytes,
        "path": one.path,
        "context_tokens": one.context_tokens,
        "status": _clean(one.status),
        "modified_at": one.modified_at,
    }


async def _loaded(place: Place, site: Site) -> Value | Missing:
    if not isinstance(place.engine, ReportsLoaded):
        return absent("this engine does not tell what is loaded")
    try:
        models = await place.engine.loaded(site, place.transport)
    except (AccessError, EngineError) as error:
        return failed(str(error))
    if isinstance(models, Missing):
        return models
    return tuple(_loaded_model(one) for one in models[:MODELS])


def _loaded_model(one: LoadedModel) -> Mapping[str, Value]:
    row: dict[str, Value] = {
        "name": _clean(one.name),
        "size_bytes": one.size_bytes,
        "context_tokens": one.context_tokens,
        "slots": one.slots,
        "expires_at": one.expires_at,
        "in_child": one.in_child,
    }
    if not isinstance(one.gpu_bytes, Missing):
        row["gpu_bytes"] = one.gpu_bytes
        if one.size_bytes > 0:
            row["gpu_ratio"] = round(min(one.gpu_bytes / one.size_bytes, 1.0), 4)
    return row


async def _readings(place: Place, site: Site) -> Value | Missing:
    if not isinstance(place.engine, ExposesMetrics):
        return absent("this engine has no metrics of its own")
    try:
        readings = await place.engine.metrics(site, place.transport)
    except (AccessError, EngineError) as error:
        return failed(str(error))
    if isinstance(readings, Missing):
        return readings
    return dict(readings)


PROBE = EngineApi()
