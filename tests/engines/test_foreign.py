"""Ports where something else answers, or nothing: each engine says so in time, and in the right kind of Missing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from keepwell.core.observation import Missing
from keepwell.plugins import registry
from keepwell.plugins.ask import DETECT_SECONDS
from keepwell.testing.fake_http import FakeAnswer, json_answer, read_request, write_answer
from keepwell.transport.local import LocalTransport
from tests.engines.kit import plug_in
from tests.support import free_port

NAMES = registry.names("engines")
NGINX_404 = FakeAnswer(
    status=404,
    body=b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body><center><h1>404 Not Found</h1></center>"
    b"<hr><center>nginx/1.22.1</center></body></html>",
    content_type="text/html",
)
#: Servers that answer some of the same paths in another way, as real ones do.
FOREIGN: dict[str, Callable[[str], FakeAnswer]] = {
    "nginx": lambda path: NGINX_404,
    "web page for every path": lambda path: FakeAnswer(
        body=b"<!doctype html><title>App</title>", content_type="text/html"
    ),
    "docker daemon": lambda path: json_answer({"Version": "28.0", "ApiVersion": "1.48"}),
    "kubernetes": lambda path: json_answer({"major": "1", "minor": "33", "gitVersion": "v1.33.0"}),
    "web interface with a version": lambda path: json_answer({"version": "0.6.5", "deployment_id": ""}),
    "a list": lambda path: FakeAnswer(body=b'[{"version":"1"}]'),
    "null": lambda path: FakeAnswer(body=b"null"),
    "text for every path": lambda path: FakeAnswer(body=b"Ollama is running", content_type="text/plain"),
    "error for every path": lambda path: json_answer({"error": "nope"}, 500),
    "a key is wanted": lambda path: json_answer({"error": "unauthorized"}, 401),
    "redirect": lambda path: FakeAnswer(status=302, headers={"Location": "/login"}),
    "nothing": lambda path: FakeAnswer(status=204),
    "deep": lambda path: FakeAnswer(body=b"[" * 100_000),
    "models that are none": lambda path: json_answer({"object": "list", "data": {"id": 1}}),
}


@asynccontextmanager
async def serving(answer: Callable[[str], FakeAnswer]) -> AsyncIterator[str]:
    """A server that gives this answer to each path; its address."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await read_request(reader)) is not None:
                await write_answer(writer, answer(request.path), head_only=request.method == "HEAD")
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("name", NAMES)
async def test_a_foreign_server_is_absent(name: str, foreign: str, transport: LocalTransport) -> None:
    async with serving(FOREIGN[foreign]) as url:
        found = await plug_in(name).detect(url, transport)
    assert isinstance(found, Missing), found
    assert found.kind == "absent", found
    assert "\n" not in found.reason
    assert len(found.reason) < 700


@pytest.mark.parametrize("name", NAMES)
async def test_pythons_own_server_is_absent(name: str, transport: LocalTransport, tmp_path: Path) -> None:
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *words: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(tmp_path)))
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        found = await plug_in(name).detect(f"http://127.0.0.1:{server.server_port}", transport)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert isinstance(found, Missing)
    assert found.kind == "absent"
    assert "SimpleHTTP" in found.reason


@pytest.mark.parametrize("name", NAMES)
async def test_a_dead_port_fails_at_once(name: str, transport: LocalTransport) -> None:
    started = time.monotonic()
    found = await plug_in(name).detect(f"http://127.0.0.1:{free_port()}", transport)
    assert time.monotonic() - started < DETECT_SECONDS
    assert isinstance(found, Missing)
    assert found.kind == "failed"
    assert "refused" in found.reason.lower()


async def test_a_port_that_hangs_fails_in_time(transport: LocalTransport) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started = time.monotonic()
        answers = await asyncio.gather(*(plug_in(name).detect(url, transport) for name in NAMES))
        seconds = time.monotonic() - started
    assert all(isinstance(found, Missing) and found.kind == "failed" for found in answers)
    assert DETECT_SECONDS <= seconds < DETECT_SECONDS + 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "greeting", [b"SSH-2.0-OpenSSH_9.6\r\n", b"-ERR unknown command\r\n", b"\x00\x01\x02\xff", b""]
)
async def test_another_protocol_fails(name: str, greeting: bytes, transport: LocalTransport) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()  # what was written is sent first
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        found = await plug_in(name).detect(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", transport)
    assert isinstance(found, Missing)
    assert found.kind == "failed"


async def test_a_body_without_end_is_something_else(transport: LocalTransport) -> None:
    async with serving(lambda path: FakeAnswer(body=b" " * (4 * 1024 * 1024))) as url:
        for name in NAMES:
            found = await plug_in(name).detect(url, transport)
            assert isinstance(found, Missing)
            assert found.kind == "absent"


async def test_an_imitation_of_one_path_is_not_enough(transport: LocalTransport) -> None:
    async with serving(lambda path: json_answer({"version": "0.32.0"})) as url:
        assert isinstance(await plug_in("vllm").detect(url, transport), Missing)
        assert isinstance(await plug_in("ollama").detect(url, transport), Missing)
