"""Grafana: dashboards, and the data sources that it draws them from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Value, failed, unknown
from keepwell.plugins.ask import ask_fields, fetch, fields_of
from keepwell.plugins.services import ServiceKind, ServiceSite, Sign, Told, VersionSource
from keepwell.transport.base import Transport

#: Data sources that are asked for their health; each makes Grafana send one query.
SOURCES = 10
NAME = "service.datasources"


async def ask_sources(site: ServiceSite, transport: Transport) -> Sequence[Told]:
    """service.datasources: name, kind, address and health of each; unknown where a login is wanted."""
    url = f"{site.url}/api/datasources"
    source = f"GET {url}"
    try:
        reply = await fetch(transport, url, api_key=site.api_key)
    except AccessError as error:
        return [(NAME, failed(error), source)]
    if reply.status in (401, 403):
        return [(NAME, unknown("Grafana lists its data sources only after a login; give it an api_key"), source)]
    try:
        listed: object = msgspec.json.decode(reply.body)
    except msgspec.DecodeError as error:
        return [(NAME, failed(f"the answer is not JSON: {error}"), source)]
    if not isinstance(listed, list):
        return [(NAME, failed(f"the answer ({reply.status}) is no list of data sources"), source)]
    rows = [await _source(site, transport, one) for one in listed[:SOURCES]]
    return [(NAME, tuple(rows), source)]


async def _source(site: ServiceSite, transport: Transport, one: object) -> Mapping[str, Value]:
    row = fields_of(one)
    health, said = "unknown", ""
    if row.text("uid"):
        url = f"{site.url}/api/datasources/uid/{row.text('uid')}/health"
        found = await ask_fields(transport, url, api_key=site.api_key, statuses=(200, 400, 500, 502))
        if isinstance(found, Missing):
            said = found.reason
        else:
            health, said = found.text("status").lower() or "unknown", found.text("message")
    return {
        "name": row.text("name"),
        "kind": row.text("type"),
        "url": row.text("url"),
        "health": health,
        "said": said[:300],
    }


SERVICE = ServiceKind(
    title="Grafana",
    ports=(3000,),
    signs=(Sign(path="/api/health", status=(200, 503), body=r'"database":\s*"'),),
    programs=("grafana", "grafana-server"),
    units=("grafana-server", "grafana"),
    images=("grafana/grafana(-oss|-enterprise)?",),
    health=Sign(path="/api/health", body=r'"database":\s*"ok"'),
    version=VersionSource(path="/api/health", pattern=r'"version":\s*"([^"]+)"'),
    chain=ask_sources,
)
