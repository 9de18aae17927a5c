"""The data plane as its own process, over a fake engine of this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.settings import SETTINGS_FILE, Settings, render_settings
from keepwell.plugins.routing import Replica
from keepwell.store.folder import replace_private
from keepwell.store.requests import RECORD_FILE, RequestRow, Wanted, read_rows
from keepwell.testing.engine import FakeEngine
from tests.gateway.made import DIALECTS, MODEL, Answered, chat, read_answer
from tests.support import eventually_async, free_port

#: Seconds for what a test waits for.
SECONDS = 20.0


@dataclass
class RunningPlane:
    """A data plane: its process, port and state folder."""

    process: asyncio.subprocess.Process
    port: int
    state: Path

    @property
    def record(self) -> Path:
        """Where its rows lie."""
        return self.state / RECORD_FILE

    def rows(self, wanted: Wanted | None = None) -> list[RequestRow]:
        """All of them."""
        return [row for _, row in read_rows(self.record, last=100_000, wanted=wanted or Wanted())]

    async def ask(self, body: object = None, *, path: str = "/v1/chat/completions", secret: str = "") -> Answered:
        """One request on a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(render(path, body or chat(), secret=secret, close=True))
            async with asyncio.timeout(SECONDS):
                return read_answer(await reader.read())
        finally:
            writer.close()

    async def has_rows(self, number: int) -> None:
        """Wait until the record has so many."""

        async def there() -> bool:
            return len(self.rows()) >= number

        await eventually_async(there, SECONDS, f"{number} rows, not {len(self.rows())}")
        assert len(self.rows()) == number


def render(path: str, body: object, *, secret: str = "", close: bool = False) -> bytes:
    """A request."""
    import json

    content = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(content)}"]
    lines += [f"authorization: Bearer {secret}"] * bool(secret) + ["connection: close"] * close
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def make_settings(engine: FakeEngine) -> Settings:
    """One route to it."""
    replica = Replica(id="box/0", node="box", host="127.0.0.1", port=engine.port, dialects=frozenset(DIALECTS))
    return Settings(
        port=free_port(),
        replicas=(replica,),
        routes=(Route(name=MODEL, replicas={"box/0": MODEL}, policy=("least_work",)),),
    )


@contextlib.asynccontextmanager
async def running_plane(state: Path, engine: FakeEngine, **more: object) -> AsyncIterator[RunningPlane]:
    """A data plane in this state folder; it is ended with SIGTERM if it still lives."""
    settings = replace(make_settings(engine), **more)
    replace_private(state / SETTINGS_FILE, render_settings(settings))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "keepwell.gateway.serve", str(state)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "KEEPWELL_STATE": str(state)},
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(SECONDS):
            line = await process.stdout.readline()
        assert line.startswith(b"listening"), line
        yield RunningPlane(process, settings.port, state)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(SECONDS):
            await process.wait()
