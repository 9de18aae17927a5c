"""A real hub with the API on a port of this machine, and a client for it."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from keepwell.api.face import Api
from keepwell.app.hub.answering import Answering
from keepwell.app.hub.duty import Hub
from keepwell.app.hub.face import Face
from keepwell.config.hub_model import HubEntry
from keepwell.config.model import Config
from keepwell.store.hub_door import find_hub_door
from keepwell.store.keys import Key, add_key, digest_secret
from tests.app.hub.made import make_hub
from tests.support import eventually_async, free_port

#: The secrets of the keys that `add_keys` makes.
READER, ADMIN = "kw-reader", "kw-admin"


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The document in it."""
        return msgspec.json.decode(self.body)


@dataclass(frozen=True)
class Asking:
    """Asks one hub."""

    hub: Hub
    port: int
    answering: Answering

    @property
    def owner(self) -> dict[str, str]:
        """The header of the owner of the state folder."""
        door = find_hub_door(self.hub.state)
        assert door is not None
        return {"authorization": f"Bearer {door.secret}"}

    async def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Told:
        """By GET, if nothing else is said."""
        return await asyncio.to_thread(send, self.port, method, path, None, headers or {})

    async def post(self, path: str, given: Any, headers: Mapping[str, str] | None = None) -> Told:
        """A JSON body."""
        told = {"content-type": "application/json", **(headers or {})}
        return await asyncio.to_thread(send, self.port, "POST", path, msgspec.json.encode(given), told)


def send(port: int, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Told:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Told(answer.status, told, answer.read())
    finally:
        connection.close()


def bearer(secret: str) -> dict[str, str]:
    """The header with this key."""
    return {"authorization": f"Bearer {secret}"}


def add_keys(state: Path) -> None:
    """A key that reads and one that may change."""
    add_key(state, Key(name="reader", digest=digest_secret(READER)))
    add_key(state, Key(name="admin", digest=digest_secret(ADMIN), admin=True))


@asynccontextmanager
async def asking(
    state: Path,
    entry: HubEntry | None = None,
    host: str = "127.0.0.1",
    beat_seconds: float = 15.0,
    faces: Sequence[Face] = (),
) -> AsyncIterator[Asking]:
    """A hub that answers; with a host that others reach, keys are asked for."""
    port = free_port()
    entry = replace(entry or HubEntry(), listen=(f"{host}:{port}",))
    hub = replace(make_hub(state, config=Config(hub=entry)), faces=tuple(faces) or (Api(beat_seconds),))
    duty = Answering()
    try:
        await duty.do(hub, hub.wiring.clock.now())

        async def answers() -> bool:
            try:
                return (await asyncio.to_thread(send, port, "GET", "/health", None, {})).status == 200
            except OSError:
                return False

        await eventually_async(answers)
        yield Asking(hub, port, duty)
    finally:
        await duty.close()
        hub.requests.close()
        hub.series.close()
