"""A load goes on although the client that caused it left; who leaves a model that is there frees the engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from tests.gateway.made import MODEL, Running, chat, gateway
from tests.support import eventually_async


@dataclass
class Loader:
    """An engine that is silent while it loads; `cut` counts requests whose connection was cut meanwhile."""

    port: int = 0
    asked: int = 0
    cut: int = 0
    loaded: asyncio.Event = field(default_factory=asyncio.Event)


@contextlib.asynccontextmanager
async def loader() -> AsyncIterator[Loader]:
    made = Loader()
    tasks = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        tasks.add(task)
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            made.asked += 1
            left = asyncio.create_task(until_left(reader))
            loaded = asyncio.create_task(made.loaded.wait())
            await asyncio.wait((left, loaded), return_when=asyncio.FIRST_COMPLETED)
            made.cut += left.done()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{")
            await left
        loaded.cancel()
        writer.close()

    async def until_left(reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(4096):
                pass

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made
        await asyncio.gather(*tasks)


async def ask_and_leave(running: Running, engine: Loader, *, asked: int) -> None:
    """A client that leaves once the engine has its request."""
    body = json.dumps(chat()).encode()
    _, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"POST /api/chat HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    async def came() -> bool:
        return engine.asked == asked

    await eventually_async(came)
    writer.close()

    async def gone() -> bool:
        return not running.gate.exchanges

    await eventually_async(gone)
    assert running.running == 0


def on_demand(running: Running) -> None:
    """Let the replica be one that loads models on demand."""
    station = running.gate.scheduler.stations["box/0"]
    station.replica = replace(station.replica, reloads=("num_ctx",))


async def test_a_load_goes_on_until_the_engine_answers_anything() -> None:
    async with loader() as engine, gateway([engine.port]) as running:
        on_demand(running)
        await ask_and_leave(running, engine, asked=1)
        assert running.gate.loads.models_at("box/0") == (MODEL,)
        assert engine.cut == 0
        engine.loaded.set()

        async def over() -> bool:
            return not running.gate.loads.kept

        await eventually_async(over)
    assert engine.cut == 0
    assert running.told[0].error == "client_gone"


async def test_a_load_is_let_go_once_the_model_answers_somebody() -> None:
    async with loader() as engine, gateway([engine.port]) as running:
        on_demand(running)
        await ask_and_leave(running, engine, asked=1)
        running.gate.look()
        assert running.gate.loads.models_at("box/0") == (MODEL,)
        running.gate.scheduler.stations["box/0"].answered.add(MODEL)
        running.gate.look()

        async def cut() -> bool:
            return engine.cut == 1

        await eventually_async(cut)
        assert not running.gate.loads.kept


async def test_one_request_is_enough_for_a_load() -> None:
    async with loader() as engine, gateway([engine.port]) as running:
        on_demand(running)
        await ask_and_leave(running, engine, asked=1)
        await ask_and_leave(running, engine, asked=2)

        async def cut() -> bool:
            return engine.cut == 1

        await eventually_async(cut)
        assert len(running.gate.loads.kept) == 1
        engine.loaded.set()


@pytest.mark.parametrize("resident", [True, False])
async def test_who_leaves_a_model_that_is_there_or_never_unloaded_frees_the_engine_at_once(resident: bool) -> None:
    async with loader() as engine, gateway([engine.port]) as running:
        if resident:
            on_demand(running)
            running.gate.scheduler.stations["box/0"].see([MODEL], 0.0)
        await ask_and_leave(running, engine, asked=1)

        async def cut() -> bool:
            return engine.cut == 1

        await eventually_async(cut)
        assert not running.gate.loads.kept
