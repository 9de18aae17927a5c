"""What Ollama answers over HTTP. Only GETs that load nothing and keep nothing loaded."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, absent, failed
from keepwell.plugins.ask import (
    Fields,
    describe_body,
    error_text,
    fetch,
    fetch_fields,
    parse_fields,
    probe_reply,
    something_else,
    split_url,
    unreachable_health,
)
from keepwell.plugins.engine import Health, HealthState, Identity, LoadedModel, ModelInfo
from keepwell.plugins.model_facts import ModelFacts
from keepwell.plugins.place import Site
from keepwell.transport.base import Reply, Transport

#: The body of `GET /` since the first release; others imitate `/api/version`, few this.
GREETING = b"Ollama is running"
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")


async def detect_ollama(url: str, transport: Transport, api_key: str) -> Identity | Missing:
    """Two GETs: `/api/version` and the greeting at `/`; a third where the Host check refuses our name."""
    reply = await probe_reply(transport, f"{url}/api/version", api_key=api_key)
    if isinstance(reply, Missing):
        return reply
    host = ""
    if refuses_host(reply):
        host = local_host(url)
        reply = await probe_reply(transport, f"{url}/api/version", api_key=api_key, host=host)
        if isinstance(reply, Missing):
            return reply
    found = parse_fields(reply.body)
    if reply.status != 200 or isinstance(found, Missing) or not found.text("version"):
        return something_else(f"{url}/api/version", reply)
    greeting = await probe_reply(transport, f"{url}/", api_key=api_key, host=host)
    if isinstance(greeting, Missing):
        return greeting
    if greeting.body.strip() != GREETING:
        return something_else(f"{url}/", greeting)
    return Identity(version=found.text("version"), proof=f"GET /api/version said {describe_body(reply.body)}")


def read_version(body: bytes) -> str:
    """The release in an answer of `/api/version`; "" if it is none."""
    found = parse_fields(body)
    if isinstance(found, Missing):
        return ""
    return found.text("version")


async def ask_health(site: Site, transport: Transport) -> Health:
    """Well when the server answers and can list its store. A runner that died cannot be told without loading."""
    host = ""
    try:
        reply = await fetch(transport, f"{site.url}/api/tags", api_key=site.api_key)
        if refuses_host(reply):
            host = local_host(site.url)
            reply = await fetch(transport, f"{site.url}/api/tags", api_key=site.api_key, host=host)
    except AccessError as error:
        return await unreachable_health(error, site, transport)
    if reply.status != 200:
        return _health(reply, "failing", error_text(reply))
    found = parse_fields(reply.body)
    if isinstance(found, Missing):
        return _health(reply, "failing", found.reason)
    if "models" not in found.data:
        return _health(reply, "failing", f"no list of models: {describe_body(reply.body)}")
    said = f"{len(found.items('models'))} models"
    if host:
        said += f"; requests for any host but a local one are refused, {host} was asked for"
    return _health(reply, "well", said)


async def list_models(site: Site, transport: Transport) -> tuple[ModelInfo, ...] | Missing:
    """`/api/tags`: every model of the store whose manifest can be read."""
    found = await fetch_local(site, transport, "/api/tags")
    if isinstance(found, Missing):
        return found
    return tuple(_model(one) for one in found.items("models") if one.text("name"))


async def list_loaded(site: Site, transport: Transport) -> tuple[LoadedModel, ...] | Missing:
    """`/api/ps`: also lists a model whose runner died, until its time is up (measured on 0.9.3)."""
    found = await fetch_local(site, transport, "/api/ps")
    if isinstance(found, Missing):
        return found
    return tuple(_loaded(one) for one in found.items("models") if one.text("name"))


async def fetch_local(site: Site, transport: Transport, path: str) -> Fields | Missing:
    """A GET that falls back to a local Host header where ours is refused."""
    found = await fetch_fields(transport, site, path)
    if not isinstance(found, Missing) or "403" not in found.reason:
        return found
    try:
        reply = await fetch(transport, f"{site.url}{path}", api_key=site.api_key, host=local_host(site.url))
    except AccessError as error:
        return failed(error)
    if reply.status != 200:
        return failed(f"GET {site.url}{path} answered {reply.status}: {error_text(reply)}")
    return parse_fields(reply.body)


def refuses_host(reply: Reply) -> bool:
    """True for the answer of the Host check of a server that is bound to loopback: 403 with an empty body."""
    return reply.status == 403 and not reply.body.strip()


def local_host(url: str) -> str:
    """A Host header that every Ollama takes."""
    return f"localhost:{split_url(url)[1]}"


def parse_time(text: str) -> float:
    """Seconds since the epoch of a Go time in JSON; 0 if it is none. "For ever" lies in the year 2319."""
    found = _TIME.fullmatch(text)
    if found is None:
        return 0.0
    try:
        moment = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
    except ValueError:
        return 0.0
    return max(0.0, (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() + float(found[2] or 0))


def _health(reply: Reply, state: HealthState, said: str) -> Health:
    return Health(state=state, http_status=reply.status, seconds=reply.seconds, said=said)


def _model(one: Fields) -> ModelInfo:
    remote = one.text("remote_host")
    return ModelInfo(
        name=one.text("name"),
        digest=one.text("digest"),
        size_bytes=one.integer("size"),
        status=f"remote at {remote}" if remote else "",
        modified_at=parse_time(one.text("modified_at")),
        facts=parse_details(one),
    )


def parse_details(one: Fields) -> ModelFacts:
    """What `details` of a row of `/api/tags`, or of the answer of `/api/show`, tell; the owner as `/v1/models` does."""
    details = one.fields("details")
    return ModelFacts(
        format=details.text("format"),
        family=details.text("family"),
        families=details.texts("families"),
        parameter_size=details.text("parameter_size"),
        quantisation=details.text("quantization_level"),
        owner=find_owner(one.text("name")),
    )


def find_owner(name: str) -> str:
    """The part before the model's own name: `library` for those without; "" without a name."""
    parts = name.split("/")
    return parts[-2] if len(parts) > 1 else "library" * bool(name)


def _loaded(one: Fields) -> LoadedModel:
    size = one.integer("size")
    gpu: int | Missing = min(size, one.integer("size_vram"))
    if "size_vram" not in one.data:
        gpu = absent("/api/ps tells no size_vram")
    return LoadedModel(
        name=one.text("name"),
        size_bytes=size,
        gpu_bytes=gpu,
        context_tokens=one.integer("context_length"),
        expires_at=parse_time(one.text("expires_at")),
        in_child=size > 0,
    )
