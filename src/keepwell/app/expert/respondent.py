"""Who answers: a model in memory before any other, the gateway before an engine alone; nothing is loaded unsaid."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from keepwell.app.expert.privacy import is_outside
from keepwell.app.operation import Caller
from keepwell.app.report import DiagnosisReport, EnginePicture, LoadedPicture
from keepwell.app.running.proving import find_key
from keepwell.app.serving.doors import ask_planes, find_serving
from keepwell.app.wiring import Wiring
from keepwell.config.secret import load_secret
from keepwell.core.errors import ConfigurationError, RefusedError, Unreachable
from keepwell.core.model_name import same_model
from keepwell.core.observation import Missing
from keepwell.core.secret import mask_text
from keepwell.gateway.settings import SETTINGS_FILE, Settings, load_settings
from keepwell.plugins.ask import ask_fields
from keepwell.plugins.dialect import Offered

#: Where the key of the gateway or of an address may stand.
KEY_VARIABLE = "KEEPWELL_API_KEY"
#: What names of models that only embed or order texts have in them.
NOT_FOR_WORDS = ("embed", "rerank", "bge-")
#: Models that are named to who has to choose.
MODELS_TOLD = 12
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Respondent:
    """A model at a server. `where` is the address for people; `in_memory` is None where that is not known, `outside`
    that the words go to somebody else. `context_tokens` is 0 where it is not told.
    """

    url: str
    model: str
    where: str
    api_key: str = ""
    in_memory: bool | None = None
    outside: bool = False
    context_tokens: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the owner said of it: an address and a model ("" for what keepwell.toml says, else what there is), and
    whether a model may be loaded.
    """

    at: str = ""
    model: str = ""
    load: bool = False


async def find_respondent(wiring: Wiring, caller: Caller, choice: Choice, report: DiagnosisReport) -> Respondent:
    """Who is asked. Raises Unreachable where no model is there or nobody agrees that one is loaded, RefusedError for a
    server of somebody else's that the owner did not opt in to.
    """
    declared = wiring.config.ask
    model = choice.model or declared.model
    if choice.at or declared.url:
        found = await _find_address(wiring, choice.at or declared.url, model, report, declared_too=not choice.at)
    else:
        found = await _find_here(wiring, model, report)
    if found.outside and not declared.hosted:
        raise RefusedError(
            f"{found.where} is outside of your own network, or sends there",
            hint="to let what was seen go there, without secrets and names: hosted = true at [ask] in keepwell.toml",
        )
    if found.in_memory is False and not (choice.load or caller.agree([_question(found)])):
        raise Unreachable(
            f"{found.model} is not in memory, and nobody agreed that it is loaded",
            hint="keepwell ask --load lets it be loaded; --model names another one",
        )
    return found


def _question(found: Respondent) -> str:
    return f"{found.model} at {found.where} is not in memory: to answer, it is loaded, and others may have to leave"


async def _find_address(
    wiring: Wiring, written: str, model: str, report: DiagnosisReport, *, declared_too: bool
) -> Respondent:
    url = written.rstrip("/").removesuffix("/v1")
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError("an address begins with http:// or https://", where=mask_text(written))
    key = find_key(wiring.config, url)
    if declared_too:
        key = load_secret(wiring.config.ask.key, os.environ) or key
    key = key or os.environ.get(KEY_VARIABLE, "")
    found = Respondent(url=url, model=model, where=mask_text(url), api_key=key, outside=is_outside(url, wiring.config))
    here = [one for one in _list_here(report) if one.url == url]
    resident = _choose(here, model)
    if resident is not None:
        return replace(resident, api_key=key)
    if here and model:
        return replace(found, in_memory=False)
    if not model and not (found.outside and not wiring.config.ask.hosted):
        found = replace(found, model=await _find_only(wiring, found))
    return found


async def _find_only(wiring: Wiring, found: Respondent) -> str:
    """The one model that a server lists. Raises Unreachable where there is none, or several."""
    listed = await ask_fields(wiring.hands, f"{found.url}/v1/models", api_key=found.api_key)
    if isinstance(listed, Missing):
        raise Unreachable(f"it does not list its models: {listed.reason}", where=found.where)
    names = [one.text("id") for one in listed.items("data") if is_for_words(one.text("id"))]
    if not names:
        raise Unreachable("it offers no model", where=found.where)
    if len(names) > 1:
        told = ", ".join(names[:MODELS_TOLD])
        raise Unreachable("it has several models", where=found.where, hint=f"name one with --model: {told}")
    return names[0]


async def _find_here(wiring: Wiring, model: str, report: DiagnosisReport) -> Respondent:
    """Through the gateway where one runs and has a model in memory, else at an engine that has one."""
    offered = await _list_offered(wiring, report)
    engines = list(_list_here(report))
    found = _choose([one for one in offered if one.in_memory], model) or _choose(engines, model)
    if found is not None:
        return found
    known = [one for one in offered if not model or same_model(one.model, model)]
    if len(known) == 1:
        return known[0]
    if known:
        told = ", ".join(one.model for one in known[:MODELS_TOLD])
        raise Unreachable("no model is in memory", hint=f"name one that may be loaded with --model: {told}")
    if model:
        raise Unreachable(f"no model {model} is known here", hint="keepwell status lists engines and models")
    silent = [one.url for one in _list_engines(report) if isinstance(one.loaded, Missing)]
    if silent:
        told = ", ".join(map(mask_text, silent[:MODELS_TOLD]))
        raise Unreachable("it is not known what is in memory here", hint=f"--at asks one of these all the same: {told}")
    raise Unreachable("no model is up", hint="keepwell up serves those of this machine; --at names a server elsewhere")


def _choose(known: Sequence[Respondent], model: str) -> Respondent | None:
    """The one that was named, else the largest: of one family the larger is the more capable."""
    wanted = [one for one in known if not model or same_model(one.model, model)]
    ranked = sorted(wanted, key=_size, reverse=True)
    return next(iter(ranked), None)


def _size(one: Respondent) -> int:
    return one.size_bytes


def is_for_words(model: str) -> bool:
    """Whether a model answers in words, as far as its name tells."""
    return bool(model) and not any(one in model.lower() for one in NOT_FOR_WORDS)


async def _list_offered(wiring: Wiring, report: DiagnosisReport) -> list[Respondent]:
    """What the gateway offers; [] where none serves."""
    serving = find_serving(await ask_planes(wiring.state, wiring.hands))
    if serving is None or not serving.plane.listening:
        return []
    try:
        settings = load_settings(wiring.state / SETTINGS_FILE)
    except ConfigurationError:
        return []
    scheme = {True: "https", False: "http"}[bool(wiring.config.gateway.certificate)]
    host, _, port = serving.plane.listening[0].rpartition(":")
    url = f"{scheme}://{_EVERYWHERE.get(host, host)}:{port}"
    resident = {name for one in serving.replicas for name in one.models}
    sizes = dict(_list_sizes(report))
    return [
        Respondent(
            url=url,
            model=one.name,
            where=f"the gateway at {url}",
            api_key=os.environ.get(KEY_VARIABLE, ""),
            in_memory=bool(one.held) or any(name in resident for name in _names_of(settings, one.name)),
            outside=_goes_outside(wiring, settings, one.name),
            context_tokens=min([held.context_tokens for held in one.held if held.context_tokens], default=0),
            size_bytes=_find_size(one, sizes),
        )
        for one in settings.offered
        if "chat" not in one.cannot and is_for_words(one.name)
    ]


def _find_size(one: Offered, sizes: dict[str, int]) -> int:
    held = [each.size_bytes for each in one.held]
    return max([*held, one.size_bytes, *(size for name, size in sizes.items() if same_model(name, one.name))])


def _names_of(settings: Settings, name: str) -> Iterator[str]:
    """The names by which replicas know the model of a route."""
    for route in settings.routes:
        if route.name == name:
            yield from route.replicas.values()


def _goes_outside(wiring: Wiring, settings: Settings, name: str) -> bool:
    """Whether a request for it may be answered by a server of somebody else's."""
    hosts = {one.id: one for one in settings.replicas}
    used = [hosts[id] for route in settings.routes if route.name == name for id in route.replicas if id in hosts]
    return any(is_outside(_url_of(one.host, one.port), wiring.config) for one in used)


def _url_of(host: str, port: int) -> str:
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{port}"


def _list_sizes(report: DiagnosisReport) -> Iterator[tuple[str, int]]:
    for _, loaded in _list_loaded(report):
        yield loaded.name, loaded.size_bytes


def _list_here(report: DiagnosisReport) -> Iterator[Respondent]:
    """Models in the memory of engines that were seen."""
    for engine, loaded in _list_loaded(report):
        if is_for_words(loaded.name):
            yield Respondent(
                url=engine.url,
                model=loaded.name,
                where=f"{engine.title} at {mask_text(engine.url)}",
                api_key=os.environ.get(KEY_VARIABLE, ""),
                in_memory=True,
                context_tokens=loaded.context_tokens,
                size_bytes=loaded.size_bytes,
            )


def _list_loaded(report: DiagnosisReport) -> Iterator[tuple[EnginePicture, LoadedPicture]]:
    for engine in _list_engines(report):
        if not isinstance(engine.loaded, Missing):
            for loaded in engine.loaded:
                yield engine, loaded


def _list_engines(report: DiagnosisReport) -> tuple[EnginePicture, ...]:
    if report.node is None:
        return ()
    return report.node.engines
