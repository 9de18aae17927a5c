"""A gateway over fake engines, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from keepwell.gateway.access import Access
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.deadlines import Deadlines
from keepwell.gateway.choice.names import Names
from keepwell.gateway.choice.reached import AllReached
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.surface import Surface
from keepwell.gateway.wire.inbound import Inbound
from keepwell.gateway.work.gate import Gate
from keepwell.plugins.dialect import Dialect, Offered
from keepwell.plugins.registry import load_all
from keepwell.plugins.routing import Policy, Replica
from keepwell.store.keys import Key

MODEL = "tiny-alpha"
SECRET = "kw-secret"
KEY = Key(name="ada", digest=hashlib.sha256(SECRET.encode()).hexdigest())
POLICIES = cast("dict[str, Policy]", load_all("routing"))
DIALECTS = cast("dict[str, Dialect]", load_all("dialects"))
#: What engines may speak: all dialects, and paths that not all engines of a dialect have.
EVERYTHING = frozenset(DIALECTS) | {one.word for each in DIALECTS.values() for one in each.endpoints if one.word}


@dataclass
class Answered:
    """What a client read: status, headers, and the body without its framing; `whole` is False where it broke off."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool = True

    @property
    def data(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Running:
    """A gateway that runs: its port, and the facts of requests that are over."""

    gate: Gate
    port: int
    told: list[Facts] = field(default_factory=list)

    async def ask(
        self, path: str, body: object = None, *, method: str = "POST", headers: Sequence[str] = ()
    ) -> Answered:
        """One request on a connection of its own."""
        content = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(content)}", *headers]
        lines.append("connection: close")
        return read_answer(await self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + content))

    async def send(self, data: bytes) -> bytes:
        """These bytes, and all that comes back until the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        found = b""
        try:
            writer.write(data)
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(20):
                    while got := await reader.read(65536):
                        found += got
        finally:
            writer.close()
        return found

    @property
    def running(self) -> int:
        """Requests that replicas are believed to work on."""
        return sum(len(one.running) for one in self.gate.scheduler.stations.values())


def read_answer(data: bytes) -> Answered:
    """One answer as it was read from a connection."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    whole = True
    if headers.get("transfer-encoding") == "chunked":
        body, whole = _join(body)
    elif "content-length" in headers:
        whole = len(body) == int(headers["content-length"])
    return Answered(int(lines[0].split(" ")[1]), headers, body, whole)


def _join(body: bytes) -> tuple[bytes, bool]:
    parts = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return b"".join(parts), rest == b"\r\n"
        if rest[length : length + 2] != b"\r\n":
            return b"".join([*parts, rest[:length]]), False
        parts.append(rest[:length])
        body = rest[length + 2 :]
    return b"".join(parts), False


@contextlib.asynccontextmanager
async def gateway(
    ports: Sequence[int],
    *,
    keys: Sequence[Key] = (),
    deadlines: Deadlines | None = None,
    limit: int = 0,
    route: Route | None = None,
    max_body_bytes: int = 1 << 20,
    spoken: Sequence[Iterable[str]] = (),
) -> AsyncIterator[Running]:
    """A gateway with one route to engines on these ports, which speak everything, or what is `spoken` by each."""
    replicas = [
        Replica(
            id=f"box/{number}",
            node="box",
            host="127.0.0.1",
            port=port,
            dialects=frozenset(dict(enumerate(spoken)).get(number, EVERYTHING)),
            limit=limit,
        )
        for number, port in enumerate(ports)
    ]
    route = replace(
        route or Route(name=MODEL, replicas={}, policy=("least_work",)), replicas={one.id: MODEL for one in replicas}
    )
    surface = Surface(DIALECTS, lambda request: None)
    surface.replace(Names({route.name: route}, {"the-alias": route.name}), [Offered(name=route.name)])
    surface.reached = AllReached(DIALECTS, [route], replicas)
    access = Access()
    access.replace(keys, frozenset())
    told: list[Facts] = []
    gate = Gate(
        Scheduler(replicas, [route], POLICIES),
        surface,
        access,
        told.append,
        deadlines=deadlines or Deadlines(),
        max_body_bytes=max_body_bytes,
    )
    server = await asyncio.get_running_loop().create_server(lambda: Inbound(gate, gate.now), "127.0.0.1", 0)
    watch = asyncio.create_task(gate.keep_time())
    try:
        yield Running(gate, server.sockets[0].getsockname()[1], told)
    finally:
        watch.cancel()
        server.close()
        gate.close()


def chat(**more: object) -> dict[str, object]:
    """A request's body."""
    return {"model": MODEL, "messages": [{"role": "user", "content": "count"}], "max_tokens": 20, **more}
