"""/mcp on the hub's port: the same server, for assistants that hold a key. Each request stands for itself.

No session is kept: a key that is revoked ends at the next request, and a hub that starts again is not noticed.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from keepwell.app.hub.gatehouse import refusal
from keepwell.app.hub.house import House, Visitor
from keepwell.app.report import NodePicture
from keepwell.app.serving.offering import parse_listen
from keepwell.config.hub_model import HubEntry
from keepwell.gateway.hosts import CONTAINER_NAMES, LOCAL_NAMES
from keepwell.mcp.calling import Bench
from keepwell.mcp.offering import Asker
from keepwell.mcp.server import Context, Room, make_server

PATH = "/mcp"
#: Bytes of a request: the longest argument is a log that somebody pasted.
REQUEST_BYTES = 2 * 1024 * 1024
#: Where the door leaves for whom a request is.
_ASKER = "keepwell.asker"
#: Addresses that stand for all of a machine's.
_EVERYWHERE = frozenset({"0.0.0.0", "::"})


class Mcp:
    """The face. `routes` makes it new, `live` keeps that which was made last."""

    def __init__(self) -> None:
        self._manager: StreamableHTTPSessionManager | None = None

    def routes(self, house: House) -> Sequence[BaseRoute]:
        """One path."""

        def names() -> tuple[str, ...]:
            hub = house.hub()
            return (hub.here, *(one.name for one in hub.wiring.config.nodes))

        def pictures() -> Mapping[str, NodePicture]:
            return house.hub().pictures

        room = Room(bench=Bench(work=house.work, bus=house.bus), who=_who, pictures=pictures, names=names)
        self._manager = StreamableHTTPSessionManager(
            app=make_server(room),
            stateless=True,
            security_settings=make_security(house.hub().wiring.config.hub),
            max_request_body_size=REQUEST_BYTES,
        )
        return [Route(PATH, _Door(house, self._manager))]

    def live(self) -> AbstractAsyncContextManager[None]:
        """The SDK's tasks."""
        return _run(self._manager)


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


class _Door:
    """Says for whom a request is, or sends it away. Whoever asks, Work lets nothing but reading be done for them."""

    def __init__(self, house: House, manager: StreamableHTTPSessionManager) -> None:
        self._house = house
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        entry = self._house.hub().wiring.config.hub
        answer = self._house.gatehouse.admit(request)
        if isinstance(answer, Visitor) and not entry.mcp:
            answer = refusal(404, "assistants are not answered here", "mcp = true in [hub] of keepwell.toml")
        elif isinstance(answer, Visitor) and request.method != "POST":
            answer = refusal(405, "only POST: nothing is told without being asked")
            answer.headers["allow"] = "POST"
        if isinstance(answer, Response):
            await answer(scope, receive, send)
            return
        scope[_ASKER] = make_asker(answer, entry)
        await self._manager.handle_request(scope, receive, send)


def make_asker(visitor: Visitor, entry: HubEntry) -> Asker:
    """What who asks is offered: changes may be asked for where the owner allows it and by who may; they are made by
    nobody.
    """
    return Asker(
        visitor=Visitor(name=visitor.name, known_by=visitor.known_by),
        may_propose=entry.mcp_allow_change and (visitor.may_change or visitor.may_propose),
        heavy=visitor.may_change,
        name=f"{visitor.name or 'an assistant'} (by the hub)",
    )


def _who(context: Context) -> Asker:
    assert isinstance(context.request, Request)
    found = context.request.scope[_ASKER]
    assert isinstance(found, Asker)
    return found


@contextlib.asynccontextmanager
async def _run(manager: StreamableHTTPSessionManager | None) -> AsyncIterator[None]:
    if manager is None:
        yield
        return
    async with manager.run():
        yield


def _bracket(host: str) -> str:
    """As it stands in a header."""
    if ":" in host and not host.startswith("["):
        return f"[{host}]"
    return host
