"""Assistants for tests: the official client, over standard streams and over HTTP to a real hub."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from keepwell.app.hub.answering import Answering
from keepwell.app.hub.duty import Hub
from keepwell.app.hub.face import Face
from keepwell.config.hub_model import HubEntry
from keepwell.config.model import Config
from keepwell.mcp.face import Mcp
from keepwell.store.keys import Key, add_key, digest_secret
from tests.app.hub.made import make_hub
from tests.support import eventually_async, free_port


def read_answer(result: CallToolResult) -> dict[str, Any]:
    """The document of a tool's answer."""
    found: dict[str, Any] = json.loads(result.content[0].text)
    return found


def stdio(state: Path, *flags: str, **environment: str) -> StdioServerParameters:
    """How a program of an assistant starts keepwell."""
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "keepwell", "mcp", *flags],
        env={**os.environ, "KEEPWELL_STATE": str(state), **environment},
    )


@dataclass
class Served:
    """A hub that answers assistants: its duty is done again after its configuration changed."""

    hub: Hub
    duty: Answering
    port: int

    @property
    def url(self) -> str:
        """Where assistants ask."""
        return f"http://127.0.0.1:{self.port}/mcp"

    async def settle(self, **changes: Any) -> None:
        """Another configuration, as when keepwell.toml was edited."""
        config = self.hub.wiring.config
        wiring = replace(self.hub.wiring, config=replace(config, hub=replace(config.hub, **changes)))
        self.hub = replace(self.hub, wiring=wiring)
        await self.duty.do(self.hub, wiring.clock.now())
        await self.answers()

    async def restart(self) -> None:
        """As when the hub was started again: a new process would know nothing of old ones either."""
        await self.duty.close()
        self.hub = replace(self.hub, faces=(Mcp(),))
        self.duty = Answering()
        await self.duty.do(self.hub, self.hub.wiring.clock.now())
        await self.answers()

    async def answers(self) -> None:
        """Wait until it does."""

        async def is_up() -> bool:
            try:
                async with httpx2.AsyncClient() as client:
                    return (await client.get(f"http://127.0.0.1:{self.port}/health")).status_code == 200
            except httpx2.TransportError:
                return False

        await eventually_async(is_up)


@asynccontextmanager
async def serving(state: Path, *more: Face, **hub: Any) -> AsyncIterator[Served]:
    """A hub with this face, more of them, and these settings."""
    port = free_port()
    entry = HubEntry(**{"listen": (f"127.0.0.1:{port}",), **hub})
    made = replace(make_hub(state, config=Config(hub=entry)), faces=(*more, Mcp()))
    served = Served(made, Answering(), port)
    await served.duty.do(served.hub, made.wiring.clock.now())
    try:
        await served.answers()
        yield served
    finally:
        await served.duty.close()


@asynccontextmanager
async def asking(url: str, key: str = "", mode: str = "auto", **headers: str) -> AsyncIterator[Client]:
    """The official client with this key."""
    told: Mapping[str, str] = {name.replace("_", "-"): text for name, text in headers.items()}
    if key:
        told = {**told, "authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=dict(told), timeout=30) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


def make_key(state: Path, name: str, **may: Any) -> str:
    """A key's secret."""
    secret = f"kw-{name}"
    add_key(state, Key(name=name, digest=digest_secret(secret), **may))
    return secret
