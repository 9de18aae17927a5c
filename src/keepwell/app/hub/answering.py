"""The duty that answers by HTTP: on this machine alone, and to others once there is a key."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Iterator, Sequence

import uvicorn

from keepwell.app.hub.api import make_app
from keepwell.app.hub.duty import Hub
from keepwell.app.hub.failing import describe_end
from keepwell.app.hub.gatehouse import Gatehouse
from keepwell.app.hub.house import House
from keepwell.app.hub.work import Work
from keepwell.app.serving.offering import is_local, parse_listen
from keepwell.core.errors import AccessError, ConfigurationError
from keepwell.gateway.hosts import Hosts
from keepwell.gateway.sockets import make_socket
from keepwell.store.hub_door import HubDoor, remove_hub_door, save_hub_door
from keepwell.store.keys import load_keys

#: Where the hub answers if nobody says: beside the gateway's usual port.
USUAL_LISTEN = "127.0.0.1:4001"
#: Bytes of the door's secret, and seconds for answers under way when the hub ends.
SECRET_BYTES, END_SECONDS = 32, 2
#: Connections at once: scrapers and pages, not clients of models.
CONNECTIONS = 200


class Answering:
    """Begins anew where the configuration changed, or where it ended."""

    name = "http"
    every_seconds = 2.0

    def __init__(self) -> None:
        self._hub: Hub | None = None
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._sockets: tuple[socket.socket, ...] = ()
        self._gatehouse: Gatehouse | None = None
        self._work: Work | None = None
        self._settings: tuple[object, ...] = ()
        self._door: HubDoor | None = None
        self._secret = secrets.token_hex(SECRET_BYTES)

    async def do(self, hub: Hub, now: float) -> None:
        """See that it answers as is wished. Raises AccessError, ConfigurationError where it cannot."""
        self._hub = hub
        entry = hub.wiring.config.hub
        keyed = bool(load_keys(hub.state))
        settings = (entry, keyed)
        if self._serving is not None and self._serving.done():
            why = describe_end(self._serving)
            self._serving, self._settings = None, ()
            raise AccessError(f"the hub's HTTP server ended: {why}")
        if settings != self._settings:
            await self._end()
            self._begin(hub, keyed=keyed)
            self._settings = settings
        if self._door is not None:  # it answers, also where the disk is full and nobody can be told where
            save_hub_door(hub.state, self._door)
            told = f"numbers at {self._door.url}/metrics"
            if hub.faces:
                told = f"pages at {self._door.url}; {told}"
            hub.tell(told)
            self._door = None

    async def close(self) -> None:
        """Answer no more."""
        await self._end()
        if self._hub is not None:
            remove_hub_door(self._hub.state)

    def _begin(self, hub: Hub, *, keyed: bool) -> None:
        entry = hub.wiring.config.hub
        listens = [parse_listen(one) for one in entry.listen or (USUAL_LISTEN,)]
        if not keyed and not all(is_local(host) for host, _ in listens):
            raise ConfigurationError(
                "whoever reaches that address could read all numbers, since there is no key",
                where="listen in [hub]",
                hint="make one with `keepwell key new NAME`",
            )
        self._gatehouse = Gatehouse(
            state=hub.state,
            secret=self._secret,
            hosts=Hosts(entry.hosts),
            keyed=not all(is_local(host) for host, _ in listens),
        )
        sockets = _listen_all(listens)
        self._sockets = tuple(sockets)
        config = uvicorn.Config(
            make_app(self._make_house(hub), hub.faces),
            log_level="warning",
            access_log=False,
            lifespan="on",
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=END_SECONDS,
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=sockets), name="http")
        host, port = sockets[0].getsockname()[:2]
        self._door = HubDoor(pid=os.getpid(), url=_url(host, port), secret=self._secret)

    async def _end(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await asyncio.wait((self._serving,), timeout=END_SECONDS + 1)
            self._serving.cancel()
            await asyncio.wait((self._serving,), timeout=1)
        for one in self._sockets:  # also where the server was not given the time for that
            one.close()
        self._server, self._serving, self._sockets = None, None, ()
        if self._work is not None:
            await self._work.close()
        self._work = None
        self._settings = ()

    def _make_house(self, hub: Hub) -> House:
        assert self._gatehouse is not None
        self._work = Work(
            state=hub.state, config=hub.config_path, bus=hub.bus, clock=hub.wiring.clock, nodes=self._name_nodes
        )
        return House(hub=self._newest, gatehouse=self._gatehouse, work=self._work, bus=hub.bus)

    def _name_nodes(self) -> frozenset[str]:
        hub = self._newest()
        return frozenset((hub.here, *(one.name for one in hub.wiring.config.nodes)))

    def _newest(self) -> Hub:
        assert self._hub is not None
        return self._hub


class _Server(uvicorn.Server):
    """Leaves signals to the hub."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


def _listen_all(listens: Sequence[tuple[str, int]]) -> list[socket.socket]:
    """All of them, or none. Raises AccessError."""
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(_listen(host, port)) for host, port in listens]
        opened.pop_all()
    return sockets


def _listen(host: str, port: int) -> socket.socket:
    try:
        return make_socket(host, port)
    except OSError as error:
        hint = "listen in [hub] of keepwell.toml is where"
        raise AccessError(f"the hub cannot listen: {error.strerror}", where=f"{host}:{port}", hint=hint) from error


def _url(host: str, port: int) -> str:
    """As commands of this machine reach it."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    if ":" in reached:
        reached = f"[{reached}]"
    return f"http://{reached}:{port}"
