"""The server of /mcp: each request stands for itself. No session is kept: a key that is revoked ends at the next
request, and a hub that starts again is not noticed.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.types import ASGIApp

from keepwell.app.hub.house import House
from keepwell.app.report import NodePicture
from keepwell.app.serving.offering import parse_listen
from keepwell.config.hub_model import HubEntry
from keepwell.gateway.hosts import CONTAINER_NAMES, LOCAL_NAMES
from keepwell.mcp.asker import ASKER, Asker
from keepwell.mcp.calling import Bench
from keepwell.mcp.server import Context, Room, make_server

#: Bytes of a request: the longest argument is a log that somebody pasted.
REQUEST_BYTES = 2 * 1024 * 1024
#: Addresses that stand for all of a machine's.
_EVERYWHERE = frozenset({"0.0.0.0", "::"})


@contextlib.asynccontextmanager
async def open_server(house: House) -> AsyncIterator[ASGIApp]:
    """What answers meanwhile; for whom a request is stands in its scope."""

    def names() -> tuple[str, ...]:
        hub = house.hub()
        return (hub.here, *(one.name for one in hub.wiring.config.nodes))

    def pictures() -> Mapping[str, NodePicture]:
        return house.hub().pictures

    room = Room(bench=Bench(work=house.work, bus=house.bus), who=_who, pictures=pictures, names=names)
    manager = StreamableHTTPSessionManager(
        app=make_server(room),
        stateless=True,
        security_settings=make_security(house.hub().wiring.config.hub),
        max_request_body_size=REQUEST_BYTES,
    )
    async with manager.run():
        yield manager.handle_request


def make_security(entry: HubEntry) -> TransportSecuritySettings:
    """The SDK's own check of Host and Origin, beside the gatehouse's. Where every address of the machine is listened to
    its list of names cannot hold them all, and the gatehouse's is the only one.
    """
    hosts = {parse_listen(one)[0] for one in entry.listen}
    if hosts & _EVERYWHERE:
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    known = [_bracket(one) for one in sorted({*hosts, *entry.hosts, *LOCAL_NAMES, *CONTAINER_NAMES})]
    names = [each for one in known for each in (one, f"{one}:*")]
    origins = [f"{scheme}://{one}" for scheme in ("http", "https") for one in names]
    return TransportSecuritySettings(allowed_hosts=names, allowed_origins=origins)


def _who(context: Context) -> Asker:
    assert isinstance(context.request, Request)
    found = context.request.scope[ASKER]
    assert isinstance(found, Asker)
    return found


def _bracket(host: str) -> str:
    """As it stands in a header."""
    if ":" in host and not host.startswith("["):
        return f"[{host}]"
    return host
