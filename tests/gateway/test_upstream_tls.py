"""Engines that are asked over HTTPS: by what the system trusts, and told clearly where it does not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.gateway.wire.tls import get_trust
from keepwell.plugins.routing import find_port
from tests.gateway.certificates import make_certificate
from tests.gateway.made import MODEL, chat, gateway


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        body = json.dumps({"model": MODEL, "choices": []}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def secured(folder: Path) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(folder, "engine"))
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture(autouse=True)
def trust_anew() -> Iterator[None]:
    get_trust.cache_clear()
    yield
    get_trust.cache_clear()


@pytest.mark.parametrize("trusted", [True, False])
async def test_an_engine_is_asked_over_https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool) -> None:
    async with secured(tmp_path) as port:
        certificate = tmp_path / "certificate.pem"
        if not trusted:
            (tmp_path / "other").mkdir()
            certificate, _ = make_certificate(tmp_path / "other", "other")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with gateway([port]) as running:
            station = running.gate.scheduler.stations["box/0"]
            station.replica = replace(station.replica, tls=True)
            answer = await running.ask("/v1/chat/completions", chat())
    if trusted:
        assert (answer.status, answer.data["model"]) == (200, MODEL)
    else:
        assert answer.status in (502, 503)
        assert "certificate" in answer.data["error"]["message"].lower()


def test_the_port_of_an_address() -> None:
    assert [find_port(one) for one in ("http://h", "https://h", "http://h:8000", "https://[::1]:9")] == [
        80,
        443,
        8000,
        9,
    ]
