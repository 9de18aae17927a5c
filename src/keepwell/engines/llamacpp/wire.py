"""What llama.cpp's server answers over HTTP, with one model or as a router of many.

Only GETs that wake nothing: `/health`, `/props`, `/models` and `/metrics` leave a sleeping model asleep;
`/slots` wakes it (measured on b11549), so it is asked only while the model is awake.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, failed, unknown
from keepwell.engines.llamacpp.sleeping import NEVER, UNSEEN, find_sleep
from keepwell.plugins.alias_table import load_alias_table
from keepwell.plugins.ask import (
    Fields,
    describe_body,
    error_text,
    fetch,
    fetch_fields,
    parse_fields,
    probe_reply,
    something_else,
    unreachable_health,
)
from keepwell.plugins.engine import Health, HealthState, Identity, LoadedModel, ModelInfo
from keepwell.plugins.model_facts import ModelFacts
from keepwell.plugins.page_numbers import read_totals
from keepwell.plugins.place import Site
from keepwell.transport.base import Reply, Transport

#: The Server header of every answer.
SERVER = "llama.cpp"
_BUILD = re.compile(r"b[1-9]\d{0,8}")
#: Errors that show the server although it tells nothing: no key was given, or the model is being loaded.
_TELLING = {401: "authentication_error", 503: "unavailable_error"}
#: Children of a router whose metrics are asked for; it keeps 4 in memory unless told otherwise.
MAX_CHILDREN = 16
#: Our names, and the server's of all builds for the same.
NUMBERS = Path(__file__).with_name("series.toml")
_SIZES = {"Small": "_S", "Medium": "_M", "Large": "_L"}
#: Readings of several children that must not be added up.
_HIGHEST = frozenset({"context_tokens_peak", "kv_cache_ratio"})


async def detect_llamacpp(url: str, transport: Transport, api_key: str) -> Identity | Missing:
    """One GET of `/props`, whose answer differs from all others even while loading or without a key.

    Where it is neither, the Server header of any answer, good or broken, is proof too.
    """
    reply = await probe_reply(transport, f"{url}/props", api_key=api_key)
    if isinstance(reply, Missing):
        return reply
    found = parse_fields(reply.body)
    fields = Fields(data={}) if isinstance(found, Missing) else found
    if reply.status == 200 and _is_props(fields):
        return Identity(version=_build(fields), proof=f"GET /props said {describe_body(reply.body)[:80]}")
    error = fields.fields("error")
    if (
        reply.status in _TELLING
        and error.text("type") == _TELLING[reply.status]
        and error.integer("code") == reply.status
    ):
        return Identity(version="", proof=f"GET /props said {describe_body(reply.body)}")
    if reply.headers.get("server", "").lower() != SERVER:
        return something_else(f"{url}/props", reply)
    return Identity(version="", proof=f"GET /props was answered {reply.status} by Server: {SERVER}")


async def ask_health(site: Site, transport: Transport) -> Health:
    """By `/health`, then `/props`; for a router also by the state of its children."""
    try:
        reply = await fetch(transport, f"{site.url}/health", api_key=site.api_key)
    except AccessError as error:
        return await unreachable_health(error, site, transport)
    if reply.status == 503:
        return _health(reply, "loading", error_text(reply))
    if reply.status != 200:
        return _health(reply, "failing", error_text(reply))
    found = parse_fields(reply.body)
    if isinstance(found, Missing):
        return _health(reply, "failing", found.reason)
    props = await fetch_fields(transport, site, "/props")
    if isinstance(props, Missing):
        return _health(reply, "well", f"/health is ok; {props.reason}")
    if is_router(props):
        return await _router_health(site, transport, reply)
    if props.flag("is_sleeping"):
        return _health(reply, "well", "sleeping after idle time; the next request wakes it")
    return _health(reply, "well", f"{props.integer('total_slots')} slots")


async def list_models(site: Site, transport: Transport) -> tuple[ModelInfo, ...] | Missing:
    """`/models`: the one model, or all that a router knows with their state."""
    found = await fetch_fields(transport, site, "/models")
    if isinstance(found, Missing):
        return found
    props = await fetch_fields(transport, site, "/props")
    path = "" if isinstance(props, Missing) else props.text("model_path")
    return tuple(_model(one, path) for one in found.items("data") if one.text("id"))


async def list_loaded(site: Site, transport: Transport) -> tuple[LoadedModel, ...] | Missing:
    """What lies in memory: nothing while asleep, for a router its loaded children."""
    props = await fetch_fields(transport, site, "/props")
    if isinstance(props, Missing):
        return props
    if not is_router(props) and props.flag("is_sleeping"):
        return ()
    found = await fetch_fields(transport, site, "/models")
    if isinstance(found, Missing):
        return found
    rows = [one for one in found.items("data") if one.text("id")]
    if is_router(props):
        return tuple(_child(one) for one in rows if one.fields("status").text("value") == "loaded")
    return tuple(_loaded(one, props) for one in rows)


async def read_metrics(site: Site, transport: Transport) -> Mapping[str, float] | Missing:
    """`/metrics` (of a router's loaded children, added up); else the busy slots of one that is not told to sleep."""
    props = await fetch_fields(transport, site, "/props")
    if not isinstance(props, Missing) and is_router(props):
        return await _router_metrics(site, transport)
    found = await _metrics_of(site, transport, "")
    if not isinstance(found, Missing) or isinstance(props, Missing) or props.flag("is_sleeping"):
        return found
    if find_sleep(site) not in (NEVER, UNSEEN):
        return found
    return await _count_slots(site, transport, found)


def _is_props(fields: Fields) -> bool:
    if is_router(fields):
        return True
    return "default_generation_settings" in fields.data and bool(
        fields.text("build_info") or "total_slots" in fields.data
    )


def is_router(props: Fields) -> bool:
    """True if `/props` is that of a router of many models."""
    return props.text("role") == "router"


def read_release(body: bytes) -> str:
    """The build in an answer of `/props`; "" if it is none, and for builds that do not know theirs."""
    found = parse_fields(body)
    if isinstance(found, Missing) or not _is_props(found):
        return ""
    return _build(found)


def find_build(props: Fields) -> int:
    """The build's number in `/props`; 0 for builds that do not know theirs."""
    return int(_build(props).removeprefix("b") or 0)


def _build(fields: Fields) -> str:
    """The build's number as "b11434"; "" for builds that do not know theirs (b0-unknown)."""
    found = _BUILD.match(fields.text("build_info"))
    return found[0] if found else ""


def _health(reply: Reply, state: HealthState, said: str) -> Health:
    return Health(state=state, http_status=reply.status, seconds=reply.seconds, said=said)


async def _router_health(site: Site, transport: Transport, reply: Reply) -> Health:
    found = await fetch_fields(transport, site, "/models")
    if isinstance(found, Missing):
        return _health(reply, "failing", found.reason)
    states = {one.text("id"): one.fields("status") for one in found.items("data")}
    broken = [name for name, state in states.items() if _has_failed(state)]
    if broken:
        return _health(reply, "failing", f"models whose process ended with an error: {', '.join(broken)[:200]}")
    loaded = sum(state.text("value") == "loaded" for state in states.values())
    return _health(reply, "well", f"router: {loaded} of {len(states)} models loaded")


def _has_failed(state: Fields) -> bool:
    """The router says "unloaded" and `failed` of a child that ended with an error: while loading, or killed later."""
    return state.text("value") == "failed" or state.flag("failed")


def _model(one: Fields, path: str) -> ModelInfo:
    meta, state = one.fields("meta"), one.fields("status")
    arguments = state.texts("args")
    return ModelInfo(
        name=one.text("id"),
        size_bytes=meta.integer("size"),
        path=path or one.text("path") or argument_of(arguments, ("-m", "--model")),
        context_tokens=meta.integer("n_ctx_train"),
        status="failed" if _has_failed(state) else state.text("value"),
        facts=parse_facts(one),
    )


def parse_facts(one: Fields) -> ModelFacts:
    """What a row of `/models` tells of how a model is made; files of other formats cannot be served."""
    meta = one.fields("meta")
    return ModelFacts(
        format="gguf",
        parameters=meta.integer("n_params"),
        quantisation=name_quantisation(meta.text("ftype")),
        width=meta.integer("n_embd"),
        vocabulary=meta.integer("n_vocab"),
        trained_tokens=meta.integer("n_ctx_train"),
        owner=one.text("owned_by"),
    )


def name_quantisation(written: str) -> str:
    """`Q4_K - Medium` as Q4_K_M, `all F32` as F32 (llama_model_ftype_name in llama-model-loader.cpp); others as they
    are, without the bits for each weight that some have behind them.
    """
    kind, _, size = written.removeprefix("(guessed) ").removeprefix("all ").partition(" - ")
    return kind + _SIZES.get(size, "")


def _loaded(one: Fields, props: Fields) -> LoadedModel:
    return LoadedModel(
        name=one.text("id"),
        size_bytes=one.fields("meta").integer("size"),
        gpu_bytes=unknown("the server does not tell where a model lies; its log does"),
        context_tokens=props.fields("default_generation_settings").integer("n_ctx"),
        slots=props.integer("total_slots"),
    )


def _child(one: Fields) -> LoadedModel:
    arguments = one.fields("status").texts("args")
    return LoadedModel(
        name=one.text("id"),
        size_bytes=one.fields("meta").integer("size"),
        gpu_bytes=unknown("the router does not tell where a model lies; its log does"),
        context_tokens=_count(argument_of(arguments, ("-c", "--ctx-size"))),
        slots=_count(argument_of(arguments, ("-np", "--parallel"))),
        in_child=True,
    )


def argument_of(arguments: tuple[str, ...], flags: tuple[str, ...]) -> str:
    """The value that follows the last of these flags; "" if none is there."""
    found = [arguments[place + 1] for place, item in enumerate(arguments[:-1]) if item in flags]
    return found[-1] if found else ""


def _count(text: str) -> int:
    return int(text[:9]) if text.isascii() and text.isdigit() else 0


async def _metrics_of(site: Site, transport: Transport, query: str) -> dict[str, float] | Missing:
    url = f"{site.url}/metrics{query}"
    try:
        reply = await fetch(transport, url, api_key=site.api_key)
    except AccessError as error:
        return failed(error)
    if reply.status != 200:
        return failed(f"GET {url} answered {reply.status}: {error_text(reply)}")
    found = read_totals(load_alias_table(NUMBERS), reply.body, site.ref)
    if not found:
        return failed(f"GET {url} holds none of the server's metrics: {describe_body(reply.body)}")
    return found


async def _router_metrics(site: Site, transport: Transport) -> Mapping[str, float] | Missing:
    loaded = await list_loaded(site, transport)
    if isinstance(loaded, Missing):
        return loaded
    queries = [f"?model={quote(one.name, safe='')}&autoload=false" for one in loaded[:MAX_CHILDREN]]
    answers = await asyncio.gather(*(_metrics_of(site, transport, query) for query in queries))
    summed: dict[str, float] = {}
    if not loaded:
        summed = {"requests_running": 0.0, "requests_waiting": 0.0}
    for one in answers:
        if isinstance(one, Missing):
            return one
        for name, value in one.items():
            summed[name] = max(summed.get(name, 0.0), value) if name in _HIGHEST else summed.get(name, 0.0) + value
    return summed


async def _count_slots(site: Site, transport: Transport, otherwise: Missing) -> Mapping[str, float] | Missing:
    try:
        reply = await fetch(transport, f"{site.url}/slots", api_key=site.api_key)
    except AccessError:
        return otherwise
    slots = parse_fields(b'{"slots":' + reply.body + b"}")
    if reply.status != 200 or isinstance(slots, Missing) or not slots.has_list("slots"):
        return otherwise
    busy = sum(one.flag("is_processing") for one in slots.items("slots"))
    return {"requests_running": float(busy)}
