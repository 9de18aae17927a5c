"""Models that could answer: what the gateway offers, and what is in the memory of engines here. None is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keepwell.app.expert.privacy import is_outside
from keepwell.app.report import DiagnosisReport, EnginePicture, LoadedPicture
from keepwell.app.running.proving import find_key
from keepwell.app.serving.doors import ask_planes, find_serving
from keepwell.app.wiring import Wiring
from keepwell.core.errors import ConfigurationError
from keepwell.core.model_name import same_model
from keepwell.core.observation import Missing
from keepwell.core.secret import mask_text
from keepwell.gateway.door import load_plates
from keepwell.gateway.record.state import About
from keepwell.gateway.settings import SETTINGS_FILE, Settings, load_settings
from keepwell.plugins.dialect import Offered

#: Where the key of the gateway or of an address may stand.
KEY_VARIABLE = "KEEPWELL_API_KEY"
#: What names of models that only embed or order texts have in them.
NOT_FOR_WORDS = ("embed", "rerank", "bge-")
#: Tokens of context with which rules, two tools, some evidence and an answer have room.
LEAST_CONTEXT = 2048
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Respondent:
    """A model at a server. `where` is the address for people; `in_memory` is None where that is not known, `outside`
    that the words go to somebody else. `context_tokens` and `size_bytes` are 0 where they are not told.
    """

    url: str
    model: str
    where: str
    api_key: str = ""
    in_memory: bool | None = None
    outside: bool = False
    context_tokens: int = 0
    size_bytes: int = 0


def choose(known: Sequence[Respondent], model: str) -> Respondent | None:
    """The one that was named, else the largest: of one family the larger is the more capable. A context that is too
    short makes it the last.
    """
    wanted = [one for one in known if not model or same_model(one.model, model)]
    ranked = sorted(wanted, key=_capability, reverse=True)
    return next(iter(ranked), None)


def is_for_words(model: str) -> bool:
    """Whether a model answers in words, as far as its name tells."""
    return bool(model) and not any(one in model.lower() for one in NOT_FOR_WORDS)


async def list_offered(wiring: Wiring, report: DiagnosisReport) -> list[Respondent] | None:
    """What the gateway offers that answers in words; None where none serves."""
    serving = find_serving(await ask_planes(wiring.state, wiring.hands))
    if serving is None or not serving.plane.listening:
        return None
    try:
        settings = load_settings(wiring.state / SETTINGS_FILE)
    except ConfigurationError:
        return None
    url = _find_url(wiring, serving.plane)
    resident = {(one.replica, name) for one in serving.replicas for name in one.models}
    sizes = [(loaded.name, loaded.size_bytes) for _, loaded in _list_loaded(report)]
    return [
        Respondent(
            url=url,
            model=one.name,
            where=f"the gateway at {url}",
            api_key=os.environ.get(KEY_VARIABLE, ""),
            in_memory=bool(one.held) or bool(resident & _behind(settings, one.name)),
            outside=_goes_outside(wiring, settings, one.name),
            context_tokens=min([held.context_tokens for held in one.held if held.context_tokens], default=0),
            size_bytes=_find_size(one, sizes),
        )
        for one in settings.offered
        if "chat" not in one.cannot and is_for_words(one.name)
    ]


def _find_url(wiring: Wiring, plane: About) -> str:
    """Where it answers this machine: by its door inside where one is open, so that no certificate has to be known."""
    inside = next((one.inside for one in load_plates(wiring.state) if one.pid == plane.pid), 0)
    if wiring.config.gateway.certificate and inside:
        return f"http://127.0.0.1:{inside}"
    scheme = {True: "https", False: "http"}[bool(wiring.config.gateway.certificate)]
    host, _, port = plane.listening[0].rpartition(":")
    return f"{scheme}://{_EVERYWHERE.get(host, host)}:{port}"


def list_here(wiring: Wiring, report: DiagnosisReport) -> Iterator[Respondent]:
    """Models in the memory of engines of this machine."""
    for engine, loaded in _list_loaded(report):
        if is_for_words(loaded.name):
            yield Respondent(
                url=engine.url,
                model=loaded.name,
                where=f"{engine.title} at {mask_text(engine.url)}",
                api_key=find_key(wiring.config, engine.url) or os.environ.get(KEY_VARIABLE, ""),
                in_memory=True,
                outside=is_outside(engine.url, wiring.config),
                context_tokens=loaded.context_tokens,
                size_bytes=loaded.size_bytes,
            )


def list_engines(report: DiagnosisReport) -> tuple[EnginePicture, ...]:
    """The engines that were seen."""
    if report.node is None:
        return ()
    return report.node.engines


def _list_loaded(report: DiagnosisReport) -> Iterator[tuple[EnginePicture, LoadedPicture]]:
    for engine in list_engines(report):
        if not isinstance(engine.loaded, Missing):
            for loaded in engine.loaded:
                yield engine, loaded


def _behind(settings: Settings, name: str) -> set[tuple[str, str]]:
    """The replicas of a route, with the names by which they know its model."""
    return {pair for route in settings.routes if route.name == name for pair in route.replicas.items()}


def _goes_outside(wiring: Wiring, settings: Settings, name: str) -> bool:
    """Whether a request for it may be answered by a server of somebody else's."""
    used = {id for id, _ in _behind(settings, name)}
    return any(is_outside(_url_of(one.host, one.port), wiring.config) for one in settings.replicas if one.id in used)


def _url_of(host: str, port: int) -> str:
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{port}"


def _find_size(one: Offered, sizes: Sequence[tuple[str, int]]) -> int:
    held = [each.size_bytes for each in one.held]
    return max([*held, one.size_bytes, *(size for name, size in sizes if same_model(name, one.name))])


def _capability(one: Respondent) -> tuple[bool, int]:
    return not 0 < one.context_tokens < LEAST_CONTEXT, one.size_bytes
