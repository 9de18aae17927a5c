"""Drillserver: an engine that exists only in this drill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, absent, failed
from keepwell.plugins.engine import Engine, Health, Identity, Setting
from keepwell.plugins.place import Site
from keepwell.transport.base import Transport


class _Drillserver:
    """The adapter."""

    title = "Drillserver"
    specificity = 10
    ports = (7777,)
    programs = ("drillserver",)
    service_names = ("drillserver",)
    settings: tuple[Setting, ...] = ()
    follow_ups: tuple[str, ...] = ()

    def resembles(self, argv: Sequence[str]) -> bool:
        """By its program's name."""
        return bool(argv) and argv[0].endswith("drillserver")

    def address(self, argv: Sequence[str], environment: Mapping[str, str]) -> tuple[str, int] | Missing:
        """Always the same."""
        return ("127.0.0.1", 7777)

    async def detect(self, url: str, transport: Transport, *, api_key: str = "") -> Identity | Missing:
        """By /drill, which no other server has."""
        try:
            reply = await transport.http("GET", f"{url}/drill")
        except AccessError as error:
            return failed(error)
        if reply.status != 200 or not reply.body.startswith(b"drill "):
            return absent("no drillserver")
        return Identity(version=reply.body[6:].decode("ascii", "replace"), proof="/drill")

    async def health(self, site: Site, transport: Transport) -> Health:
        """Well if it answers."""
        try:
            reply = await transport.http("GET", f"{site.url}/drill")
        except AccessError as error:
            return Health(state="refused", http_status=0, seconds=0.0, said=str(error))
        return Health(state="well", http_status=reply.status, seconds=reply.seconds, said="")


ENGINE: Engine = _Drillserver()
