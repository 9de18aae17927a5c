"""Chroma: vectors. Servers of 1.x speak /api/v2 and answer 410 below /api/v1; those of 0.x speak /api/v1.

The release that a 1.x server tells is that of its interface: measured, 1.5.9 says 1.0.0.
"""

from __future__ import annotations

from collections.abc import Sequence

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Value, failed
from keepwell.plugins.ask import fetch
from keepwell.plugins.services import ServiceKind, ServiceSite, Sign, Told, VersionSource
from keepwell.transport.base import Transport

INTERFACES = ("v2", "v1")
_BEAT = r'"nanosecond heartbeat"'


async def ask_interfaces(site: ServiceSite, transport: Transport) -> Sequence[Told]:
    """service.interfaces: which interfaces the server offers, and its release; two or three GETs."""
    offered: list[str] = []
    version = ""
    for one in INTERFACES:
        beat = await _get(transport, f"{site.url}/api/{one}/heartbeat")
        if isinstance(beat, Missing):
            return [("service.interfaces", beat, f"GET {site.url}/api/{one}/heartbeat")]
        if beat[0] == 200:
            offered.append(one)
            if not version:
                told = await _get(transport, f"{site.url}/api/{one}/version")
                version = _version(told)
    value: Value = {"offered": tuple(offered), "version": version}
    return [("service.interfaces", value, f"GET {site.url}/api/{{v2,v1}}/heartbeat")]


async def _get(transport: Transport, url: str) -> tuple[int, str] | Missing:
    try:
        reply = await fetch(transport, url)
    except AccessError as error:
        return failed(error)
    return reply.status, reply.body[:200].decode("utf-8", "replace")


def _version(told: tuple[int, str] | Missing) -> str:
    if isinstance(told, Missing) or told[0] != 200:
        return ""
    return told[1].strip().strip('"')[:40]


SERVICE = ServiceKind(
    title="Chroma",
    ports=(8000,),
    signs=(
        Sign(path="/api/v2/heartbeat", body=_BEAT),
        Sign(path="/api/v1/heartbeat", body=_BEAT),
    ),
    programs=("chroma", "chromadb.app:app"),
    units=("chroma", "chromadb"),
    images=("(chromadb|chroma-core)/chroma",),
    version=VersionSource(path="/api/v2/version", pattern=r'"?(\d+\.\d+[\w.]*)'),
    chain=ask_interfaces,
)
