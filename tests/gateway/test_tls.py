"""HTTPS with real handshakes: a changed certificate counts at once, streams go on, plain HTTP is told what to do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509

from keepwell.core.errors import ConfigurationError
from keepwell.gateway.wire.tls import Certificate, TlsServer
from tests.gateway.certificates import make_certificate


class Echo(asyncio.Protocol):
    """Says back what it is told."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@contextlib.asynccontextmanager
async def serving(certificate: Certificate) -> AsyncIterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    server = TlsServer(listening, certificate, Echo)
    try:
        yield listening.getsockname()[1]
    finally:
        server.close()


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(port: int, authority: Path) -> Connection:
    context = ssl.create_default_context(cafile=str(authority))
    return await asyncio.open_connection("127.0.0.1", port, ssl=context)


async def say(connection: Connection, data: bytes) -> bytes:
    reader, writer = connection
    writer.write(data)
    return await reader.readexactly(len(data))


def name_of(connection: Connection) -> str:
    found = connection[1].get_extra_info("ssl_object").getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(found).subject.rfc4514_string()


async def test_a_changed_certificate_counts_for_the_next_and_drops_nobody(tmp_path: Path) -> None:
    certificate = Certificate(*make_certificate(tmp_path, "first"))
    async with serving(certificate) as port:
        old = await connect(port, tmp_path / "certificate.pem")
        assert await say(old, b"one") == b"one"
        assert name_of(old) == "CN=first"
        make_certificate(tmp_path, "second")
        certificate.follow()
        new = await connect(port, tmp_path / "certificate.pem")
        assert name_of(new) == "CN=second"
        assert await say(new, b"two") == b"two"
        assert await say(old, b"three" * 10_000) == b"three" * 10_000
        for _, writer in (old, new):
            writer.close()
            await writer.wait_closed()


async def test_a_certificate_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    certificate = Certificate(*make_certificate(tmp_path, "first"))
    authority = tmp_path / "authority.pem"
    authority.write_bytes((tmp_path / "certificate.pem").read_bytes())
    async with serving(certificate) as port:
        (tmp_path / "certificate.pem").write_text("half of a file")
        with pytest.raises(ConfigurationError, match="no certificate"):
            certificate.follow()
        certificate.follow()
        connection = await connect(port, authority)
        assert name_of(connection) == "CN=first"
        connection[1].close()


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        make_certificate(folder, folder.name)
    with pytest.raises(ConfigurationError) as error:
        Certificate(one / "certificate.pem", other / "key.pem")
    assert "key.pem" in error.value.where
    with pytest.raises(ConfigurationError):
        Certificate(one / "certificate.pem", tmp_path / "none.pem")


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"POST /v1/chat/completions HTTP/1.1\r\n", b"\0"]
)
async def test_plain_http_is_told_what_to_do(tmp_path: Path, data: bytes) -> None:
    async with serving(Certificate(*make_certificate(tmp_path, "first"))) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"https://" in answer


async def test_one_that_says_nothing_or_leaves_keeps_nobody_waiting(tmp_path: Path) -> None:
    make_certificate(tmp_path, "first")
    certificate = Certificate(tmp_path / "certificate.pem", tmp_path / "key.pem")
    async with serving(certificate) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        for _, writer in silent[:10]:
            writer.write(b"\x16\x03\x01")  # the beginning of a handshake, and no more
        for _, writer in silent[5:15]:
            writer.close()
        connection = await connect(port, tmp_path / "certificate.pem")
        assert await say(connection, b"well") == b"well"
        for _, writer in (*silent, connection):
            writer.close()
