"""What vLLM answers over HTTP. Only GETs; none of them wakes a sleeping engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, failed, unknown
from keepwell.formats.exposition import parse_exposition, total
from keepwell.plugins.alias_table import load_alias_table
from keepwell.plugins.ask import (
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

OWNER = "vllm"
#: 1 while the engine computes, 0 while it sleeps; since the releases that know sleep.
SLEEP_STATE = "vllm:engine_sleep_state"
#: Our names, and vLLM's of all releases for the same.
NUMBERS = Path(__file__).with_name("series.toml")


async def detect_vllm(url: str, transport: Transport, api_key: str) -> Identity | Missing:
    """Two GETs: `/version`, and `/v1/models`, whose entries name their owner (or which refuses in vLLM's own way)."""
    reply = await probe_reply(transport, f"{url}/version", api_key=api_key)
    if isinstance(reply, Missing):
        return reply
    found = parse_fields(reply.body)
    if reply.status != 200 or isinstance(found, Missing) or not found.text("version"):
        return something_else(f"{url}/version", reply)
    models = await probe_reply(transport, f"{url}/v1/models", api_key=api_key)
    if isinstance(models, Missing):
        return models
    listed = parse_fields(models.body)
    if isinstance(listed, Missing):
        return something_else(f"{url}/v1/models", models)
    owned = any(one.text("owned_by") == OWNER for one in listed.items("data"))
    refused = models.status == 401 and listed.data == {"error": "Unauthorized"}
    if not owned and not refused:
        return something_else(f"{url}/v1/models", models)
    return Identity(version=found.text("version"), proof=f"GET /version said {describe_body(reply.body)}")


def read_version(body: bytes) -> str:
    """The release in an answer of `/version`; "" if it is none."""
    found = parse_fields(body)
    if isinstance(found, Missing):
        return ""
    return found.text("version")


async def ask_health(site: Site, transport: Transport) -> Health:
    """By `/health`, then whether it sleeps or is paused: both leave `/health` at 200 and let requests hang."""
    try:
        reply = await fetch(transport, f"{site.url}/health", api_key=site.api_key)
    except AccessError as error:
        return _starting(site, await unreachable_health(error, site, transport))
    if reply.status == 503:
        return _health(reply, "failing", f"the engine behind the server is dead: {error_text(reply)}")
    if reply.status != 200:
        return _health(reply, "failing", error_text(reply))
    if reply.body.strip() and isinstance(parse_fields(reply.body), Missing):
        return _health(reply, "failing", f"something else answers on /health: {describe_body(reply.body)}")
    asleep = await _find_sleep(site, transport)
    if asleep:
        return _health(reply, "asleep", asleep)
    return _health(reply, "well", "the engine's heart beats")


async def list_models(site: Site, transport: Transport) -> tuple[ModelInfo, ...] | Missing:
    """`/v1/models`: the model under each of its names, and adapters."""
    found = await fetch_fields(transport, site, "/v1/models")
    if isinstance(found, Missing):
        return found
    return tuple(
        ModelInfo(
            name=one.text("id"),
            path=one.text("root"),
            context_tokens=one.integer("max_model_len"),
            facts=ModelFacts(owner=one.text("owned_by")),
        )
        for one in found.items("data")
        if one.text("id")
    )


async def list_loaded(site: Site, transport: Transport) -> tuple[LoadedModel, ...] | Missing:
    """The model that it serves, once: it has no other state than loaded, unless it sleeps."""
    found = await fetch_fields(transport, site, "/v1/models")
    if isinstance(found, Missing):
        return found
    if await _find_sleep(site, transport):
        return ()
    loaded: dict[str, LoadedModel] = {}
    for one in found.items("data"):
        if one.text("id") and not one.text("parent"):
            model = LoadedModel(
                name=one.text("id"),
                size_bytes=0,
                gpu_bytes=unknown("vLLM does not tell sizes; its log does"),
                context_tokens=one.integer("max_model_len"),
            )
            loaded.setdefault(one.text("root") or model.name, model)
    return tuple(loaded.values())


async def read_metrics(site: Site, transport: Transport) -> Mapping[str, float] | Missing:
    """`/metrics`, which needs no key."""
    body = await _page(site, transport)
    if isinstance(body, Missing):
        return body
    found = read_totals(load_alias_table(NUMBERS), body, site.ref)
    if not found:
        return failed(f"GET {site.url}/metrics holds none of vLLM's metrics: {describe_body(body)}")
    return found


async def _page(site: Site, transport: Transport) -> bytes | Missing:
    url = f"{site.url}/metrics"
    try:
        reply = await fetch(transport, url, api_key=site.api_key)
    except AccessError as error:
        return failed(error)
    if reply.status != 200:
        return failed(f"GET {url} answered {reply.status}: {error_text(reply)}")
    return reply.body


async def _find_sleep(site: Site, transport: Transport) -> str:
    """Why requests would hang although it is alive; "" when they would not, or when nothing tells.

    The development paths tell at once; without them the metric does, in releases that have it.
    """
    sleeping = await fetch_fields(transport, site, "/is_sleeping")
    if not isinstance(sleeping, Missing):
        if sleeping.flag("is_sleeping"):
            return "asleep: requests hang until POST /wake_up"
        paused = await fetch_fields(transport, site, "/is_paused")
        if not isinstance(paused, Missing) and paused.flag("is_paused"):
            return "paused: requests hang until POST /resume"
        return ""
    body = await _page(site, transport)
    if isinstance(body, Missing):
        return ""
    awake = total(parse_exposition(body.decode("utf-8", "replace")), SLEEP_STATE, sleep_state="awake")
    if awake is not None and awake == 0:
        return f"asleep ({SLEEP_STATE}): requests hang until POST /wake_up"
    return ""


def _starting(site: Site, health: Health) -> Health:
    """A closed port with a live process is most often a start: vLLM opens its port when the model is loaded."""
    if health.state != "refused" or isinstance(site.process, Missing):
        return health
    said = f"{health.said}; process {site.process.pid} lives: vLLM opens its port only when the model is loaded"
    return Health(state="refused", http_status=0, seconds=health.seconds, said=said)


def _health(reply: Reply, state: HealthState, said: str) -> Health:
    return Health(state=state, http_status=reply.status, seconds=reply.seconds, said=said)
