"""What is measured: an engine here, the gateway, or an address; which model; and all that tells it from another."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import urlsplit

from keepwell.app.looking import look
from keepwell.app.operation import Caller
from keepwell.app.running.choosing import choose_site
from keepwell.app.running.proving import find_key
from keepwell.app.serving.doors import ask_planes, find_serving
from keepwell.app.wiring import Wiring
from keepwell.bench.load import Aim
from keepwell.core.errors import ConfigurationError, Unreachable
from keepwell.core.model_name import same_model
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.ref import engine as engine_ref
from keepwell.core.ref import node as node_ref
from keepwell.core.secret import is_secret_name, mask_text
from keepwell.core.values import find_number, row_of, rows_of, text_of
from keepwell.plugins.ask import Fields, ask_fields
from keepwell.plugins.asking import choose_models
from keepwell.plugins.place import Place, Site
from keepwell.plugins.probe import Probe
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.registry import load

#: The word for this machine's gateway, and where a key of it or of an address may stand.
GATEWAY, KEY_VARIABLE = "gateway", "KEEPWELL_API_KEY"
#: Models that are named to who asked for one that is not there.
MODELS_TOLD = 20
#: Addresses that listen everywhere, and the one by which this machine reaches them.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
#: Probes that tell what the node is made of; they read files alone.
_HARDWARE = ("host_cpu", "host_memory", "gpu_bus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is measured: its aim and key, what was `seen` of it (nothing of an address), and what it is in words.

    `subject` is what `seen` speaks of. `in_memory`: its model was, so that nothing has to be loaded; None if not known.
    """

    aim: Aim
    subject: Ref
    seen: Seen
    said: str
    api_key: str = ""
    in_memory: bool | None = None
    pid: int = 0
    site: Site | None = None


async def find_target(wiring: Wiring, caller: Caller, word: str, model: str) -> Target:
    """What a word means: an address, "gateway", an engine of this machine, a model of one, or "" for what there is.

    Raises ConfigurationError for what is nothing here, Unreachable where nothing answers.
    """
    caller.progress("looking for what is to be measured", 0, 0)
    if word == GATEWAY:
        return await _find_gateway(wiring, model)
    if "://" in word:
        return await _find_address(wiring, word, model)
    result = await look(wiring, caller, level=1)
    sites = await _leave_out_gateway(wiring, result.sites)
    site, model = _choose(wiring, word, model, sites, result.seen)
    if site is not None:
        return await _find_engine(wiring, site, model, result.seen)
    if not word and find_serving(await ask_planes(wiring.state, wiring.hands)) is not None:
        return await _find_gateway(wiring, model)
    raise Unreachable(
        f"no engine here has a model {model}" * bool(model) or "no engine answers here",
        hint="name an address: keepwell bench http://HOST:PORT --model NAME",
    )


def _choose(wiring: Wiring, word: str, model: str, sites: Iterable[Site], seen: Seen) -> tuple[Site | None, str]:
    """The engine, and the model that is asked; the engine that has it in memory before one that would load it."""
    known = list(sites)
    if word:
        try:
            known = [choose_site(word.removeprefix("engine:"), known, wiring.config.engines)]
        except ConfigurationError as error:
            names = {name for one in known for name in _names(seen, one.ref, "engine.models")}
            if model or not any(same_model(word, name) for name in names):
                models = ", ".join(sorted(names)[:MODELS_TOLD]) or "none"
                raise ConfigurationError(error.what, hint=f"{error.hint}; models here: {models}") from error
            model = word
    for fact in ("engine.loaded", "engine.models"):
        for site in known:
            for name in _names(seen, site.ref, fact):
                if not model or same_model(model, name):
                    return site, (model and name) or next(iter(choose_models(seen, site.ref)), name)
    return None, model


async def _find_engine(wiring: Wiring, site: Site, model: str, seen: Seen) -> Target:
    pid = 0
    if not isinstance(site.process, Missing):
        pid = site.process.pid
    loaded = [one for one in rows_of(seen.value(site.ref, "engine.loaded")) if text_of(one, "name") == model]
    listed = [one for one in rows_of(seen.value(site.ref, "engine.models")) if text_of(one, "name") == model]
    digest = next((text_of(one, "digest") for one in listed), "")
    title = text_of(row_of(seen.value(site.ref, "engine.site")), "title") or site.engine
    aim = Aim(
        url=site.url,
        engine=str(site.ref),
        node=site.ref.node,
        kind=site.engine,
        version=_text(seen.value(site.ref, "engine.version")),
        model=model,
        digest=digest,
        settings=_settings(seen.value(site.ref, "engine.settings")),
        hardware=await _find_hardware(wiring),
    )
    said = f"{title} at {site.url}, model {model}"
    in_memory = None
    if not isinstance(seen.value(site.ref, "engine.loaded"), Missing):
        in_memory = bool(loaded)
        said += {True: " (in memory)", False: " (not in memory: its first answer has to wait for it)"}[in_memory]
    key = site.api_key or find_key(wiring.config, site.url) or os.environ.get(KEY_VARIABLE, "")
    return Target(aim=aim, subject=site.ref, seen=seen, said=said, api_key=key, in_memory=in_memory, pid=pid, site=site)


async def _find_gateway(wiring: Wiring, model: str) -> Target:
    serving = find_serving(await ask_planes(wiring.state, wiring.hands))
    if serving is None or not serving.plane.listening:
        raise Unreachable("no gateway runs here", hint="start one: keepwell gateway; or name an engine or an address")
    scheme = {True: "https", False: "http"}[bool(wiring.config.gateway.certificate)]
    host, _, port = serving.plane.listening[0].rpartition(":")
    url = f"{scheme}://{_EVERYWHERE.get(host, host)}:{port}"
    target = await _find_address(wiring, url, model)
    ref = engine_ref(wiring.hands.name, GATEWAY)
    aim = replace(
        target.aim,
        engine=str(ref),
        node=wiring.hands.name,
        kind=GATEWAY,
        hardware=await _find_hardware(wiring),
    )
    return replace(target, aim=aim, subject=ref, said=f"the gateway at {url}, model {aim.model}")


async def _find_address(wiring: Wiring, written: str, model: str) -> Target:
    """An address alone: what answers there is asked what it is, and for its models where none was named."""
    url = written.rstrip("/").removesuffix("/v1")
    if not urlsplit(url).hostname or urlsplit(url).scheme not in ("http", "https"):
        raise ConfigurationError("an address begins with http:// or https:// and a host", where=mask_text(written))
    key = find_key(wiring.config, url) or os.environ.get(KEY_VARIABLE, "")
    listed = await ask_fields(wiring.hands, f"{url}/v1/models", api_key=key)
    if isinstance(listed, Missing) and not model:
        raise Unreachable(
            f"it does not list its models: {listed.reason}",
            where=mask_text(url),
            hint=f"name one with --model; a key is read from {KEY_VARIABLE}",
        )
    name = _choose_listed(listed, model)
    kind, version = await _recognise(wiring, url, key)
    subject = engine_ref("address", urlsplit(url).netloc.rpartition("@")[2])
    aim = Aim(url=url, engine=str(subject), kind=kind, version=version, model=name)
    said = f"{kind or 'what answers'} at {mask_text(url)}, model {name}"
    return Target(aim=aim, subject=subject, seen=Seen([]), said=said, api_key=key)


def _choose_listed(listed: Fields | Missing, model: str) -> str:
    """The name that is asked for: as listed, or as it was written where the list does not have it."""
    names: list[str] = []
    if not isinstance(listed, Missing):
        names = [one.text("id") for one in listed.items("data") if one.text("id")]
    if model:
        return next((one for one in names if same_model(one, model)), model)
    if not names:
        raise Unreachable("it offers no model", hint="name one with --model")
    return names[0]


async def _recognise(wiring: Wiring, url: str, key: str) -> tuple[str, str]:
    """Which engine answers and of which release; "" each where it cannot be told."""
    engines = load_engines()
    for name in sorted(engines, key=_specificity, reverse=True):
        found = await engines[name].detect(url, wiring.hands, api_key=key)
        if not isinstance(found, Missing):
            return name, found.version
    return "", ""


def _specificity(name: str) -> int:
    return load_engines()[name].specificity


async def _leave_out_gateway(wiring: Wiring, sites: Iterable[Site]) -> list[Site]:
    planes = await ask_planes(wiring.state, wiring.hands)
    own = {int(where.rpartition(":")[2]) for one in planes for where in one.plane.listening}
    return [one for one in sites if urlsplit(one.url).port not in own]


async def _find_hardware(wiring: Wiring) -> Mapping[str, str]:
    """Processor, cores, memory and devices of this machine, as far as it tells."""
    place = Place(node=node_ref(wiring.hands.name), transport=wiring.hands, clock=wiring.clock)
    observed: list[Observation] = []
    for name in _HARDWARE:
        observed += await cast("Probe", load("probes", name)).observe(place)
    seen = Seen(observed)
    cpu = row_of(seen.value(place.node, "host.cpu"))
    memory = find_number(seen.value(place.node, "host.memory_total_bytes"))
    found = {"cpu": text_of(cpu, "model"), "cores": f"{find_number(cpu.get('cores')) or 0:.0f}"}
    if memory:
        found["memory_bytes"] = f"{memory:.0f}"
    for number, row in enumerate(rows_of(seen.value(place.node, "device.list"))):
        found[f"device {number}"] = text_of(row, "name")
    return {name: value for name, value in found.items() if value and value != "0"}


def _settings(value: Value | Missing) -> Mapping[str, str]:
    """Settings in force by name, without secrets."""
    rows = row_of(value)
    return {name: mask_text(text_of(row_of(row), "value")) for name, row in rows.items() if not is_secret_name(name)}


def _names(seen: Seen, ref: Ref, fact: str) -> tuple[str, ...]:
    return tuple(text_of(row, "name") for row in rows_of(seen.value(ref, fact)) if text_of(row, "name"))


def _text(value: Value | Missing) -> str:
    if isinstance(value, str):
        return value
    return ""
