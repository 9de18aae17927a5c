"""A bare proxy, to know what the shape itself costs: `python -m gateways.prototype PORT ENGINE_PORT`, on loopback.

The same libraries as keepwell's gateway and nothing of a gateway: no routing, keys, limits, record or errors.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import cast

import httptools
import msgspec
import uvloop

_DROPPED = frozenset({b"host", b"connection", b"content-length"})


class Peek(msgspec.Struct):
    """What any gateway must read of a body."""

    model: str = ""
    stream: bool = False


_peek = msgspec.json.Decoder(Peek).decode
_idle: deque[Upstream] = deque()


class Upstream(asyncio.Protocol):
    """A connection to the engine."""

    client: Client | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = cast("asyncio.Transport", transport)

    def begin(self, client: Client, request: bytes) -> None:
        """Send a request; its answer is this client's."""
        self.client = client
        self.parser = httptools.HttpResponseParser(self)
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Part of the answer."""
        if self.client is not None:
            self.client.transport.write(data)
            self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        self.client = None
        _idle.append(self)


class Client(asyncio.Protocol):
    """A client's connection."""

    engine_port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = cast("asyncio.Transport", transport)
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Part of a request."""
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        """The target."""
        self.url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self.body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole: on to the engine."""
        body = b"".join(self.body)
        method = self.parser.get_method()
        if body:
            _peek(body)
        kept = b"".join([n + b": " + v + b"\r\n" for n, v in self.headers if n.lower() not in _DROPPED])
        head = b"%b %b HTTP/1.1\r\nhost: engine\r\n%bcontent-length: %d\r\n\r\n" % (method, self.url, kept, len(body))
        if _idle:
            _idle.pop().begin(self, head + body)
        else:
            asyncio.get_running_loop().create_task(self.connect(head + body))

    async def connect(self, request: bytes) -> None:
        """One more connection to the engine."""
        loop = asyncio.get_running_loop()
        _, upstream = await loop.create_connection(Upstream, "127.0.0.1", Client.engine_port)
        upstream.begin(self, request)


async def main(port: int, engine_port: int) -> None:
    """Serve until killed."""
    Client.engine_port = engine_port
    server = await asyncio.get_running_loop().create_server(Client, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
