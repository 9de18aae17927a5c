"""Assistants that go away in the middle: what was begun for them ends, and nothing waits for them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from keepwell.app.operation import Caller
from keepwell.app.wiring import read_config
from keepwell.transport.local import local_name
from tests.mcp.made import Served, serving, stdio

CALL = {
    "jsonrpc": "2.0",
    "id": 7,
    "method": "tools/call",
    "params": {"name": "status", "arguments": {"targets": ["silent"]}},
}
TAKES = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@asynccontextmanager
async def silent_node(folder: Path) -> AsyncIterator[tuple[Path, asyncio.Event]]:
    """keepwell.toml with a node that takes connections and says nothing; the event tells of the first."""
    came, over = asyncio.Event(), asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await over.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hosts = folder / "known_hosts"
    hosts.write_text("")
    config = folder / "keepwell.toml"
    config.write_text(
        f'[[node]]\nname = "silent"\naddress = "127.0.0.1"\nport = {port}\nuser = "x"\nknown_hosts = "{hosts}"\n'
    )
    try:
        yield config, came
    finally:
        over.set()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def serving_with(state: Path, config: Path) -> AsyncIterator[Served]:
    async with serving(state) as served:
        known = read_config(Caller(config=config), local_name())
        wiring = replace(served.hub.wiring, config=replace(known, hub=served.hub.wiring.config.hub))
        served.hub = replace(served.hub, wiring=wiring, config_path=config)
        await served.restart()
        yield served


async def test_what_was_begun_for_a_client_that_hangs_up_is_stopped(tmp_path: Path) -> None:
    async with silent_node(tmp_path) as (config, came), serving_with(tmp_path / "state", config) as served:
        with served.hub.bus.listen("work") as listener:
            async with httpx2.AsyncClient(timeout=60) as client:
                asking = asyncio.create_task(client.post(served.url, json=CALL, headers=TAKES))
                await asyncio.wait_for(came.wait(), 20)
                asking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asking
            async with asyncio.timeout(20):
                while (await listener.next()).data["stage"] != "stopped":
                    pass


async def test_a_hub_that_ends_does_not_wait_for_answers(tmp_path: Path) -> None:
    async with (
        silent_node(tmp_path) as (config, came),
        serving_with(tmp_path / "state", config) as served,
        httpx2.AsyncClient(timeout=60) as client,
    ):
        asking = asyncio.create_task(client.post(served.url, json=CALL, headers=TAKES))
        await asyncio.wait_for(came.wait(), 20)
        await asyncio.wait_for(served.restart(), 30)
        assert (await client.post(served.url, json={**CALL, "method": "tools/list"}, headers=TAKES)).is_success
        with contextlib.suppress(httpx2.HTTPError):
            await asking


@pytest.mark.parametrize("end", ["close", "interrupt"])
async def test_the_process_ends_with_its_client(tmp_path: Path, end: str) -> None:
    async with silent_node(tmp_path) as (config, came):
        started = stdio(tmp_path / "state", "--config", str(config))
        argv = [sys.executable, *started.args]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=dict(os.environ))
        assert process.stdin is not None
        try:
            hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
            for one in ({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}, CALL):
                process.stdin.write(json.dumps(one).encode() + b"\n")
                process.stdin.flush()
            await asyncio.wait_for(came.wait(), 20)
            if end == "close":
                process.stdin.close()
            else:
                process.send_signal(signal.SIGINT)
            await asyncio.to_thread(process.wait, 20)
        finally:
            process.kill()
            process.wait()
            process.stdin.close()


async def test_lines_that_are_no_messages_end_nothing(tmp_path: Path) -> None:
    started = stdio(tmp_path)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *started.args, stdin=-1, stdout=-1, env=started.env, limit=2**20
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in (b"{\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n", b'{"jsonrpc":"2.0"}\n', b"\n"):
            process.stdin.write(line)
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
        for one in (
            {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
        ):
            process.stdin.write(json.dumps(one).encode() + b"\n")
        async with asyncio.timeout(20):
            while True:
                answer = json.loads(await process.stdout.readline())
                if answer.get("id") == 2:
                    break
        assert answer["result"]["tools"]
    finally:
        process.kill()
        await process.wait()
