"""HTTP as the far end speaks it, against servers that say anything; what it asks, and what it does not."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keepwell.transport.far.http import http
from keepwell.transport.far.job import Job, Refusal


@contextlib.asynccontextmanager
async def _says(answer: bytes, heard: list[bytes], tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that gives this answer to anything, in pieces, and closes."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        heard.append(head + await reader.readexactly(length))
        for at in range(0, len(answer), 700):
            writer.write(answer[at : at + 700])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(reply, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def _ask(url: str, method: str = "GET", payload: bytes = b"", **args: object) -> tuple[dict[str, object], bytes]:
    wanted = {"method": method, "url": url, "headers": {}, "timeout_seconds": 5.0, "max_bytes": 200_000, **args}
    return http(Job(1, "http", wanted, payload))


async def _get(answer: bytes, target: str = "/", **args: object) -> tuple[dict[str, object], bytes, bytes]:
    heard: list[bytes] = []
    async with _says(answer, heard) as port:
        told, body = await asyncio.to_thread(_ask, f"http://127.0.0.1:{port}{target}", **args)
    return told, body, heard[0]


async def test_lengths_chunks_and_the_end_of_the_connection() -> None:
    for answer in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n",
        b"HTTP/1.0 200\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    ):
        told, body, _ = await _get(answer)
        assert (told["status"], body) == (200, b"hello"), answer
    big = b"x" * 150_000
    assert (await _get(b"HTTP/1.1 200 OK\r\nContent-Length: 150000\r\n\r\n" + big))[1] == big
    told, body, _ = await _get(b"HTTP/1.1 204 No Content\r\nX-A: 1\r\nx-a:  2 \r\n\r\n")
    assert (told["status"], told["headers"], body) == (204, {"x-a": "1, 2"}, b"")
    told, body, _ = await _get(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", method="HEAD")
    assert body == b""


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000,
        b"HTTP/2 200\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"",
    ],
)
async def test_what_is_no_whole_answer_is_told(answer: bytes) -> None:
    with pytest.raises((Refusal, OSError)) as caught:
        await _get(answer)
    assert getattr(caught.value, "kind", "Unreachable") == "Unreachable"


async def test_what_is_asked() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    _, _, heard = await _get(answer, "/a b/\xe9?q=1&r=%20#part", headers={"X-One": "1", "host": "other"})
    assert heard.startswith(b"GET /a%20b/%C3%A9?q=1&r=%20 HTTP/1.1\r\n")
    assert b"X-One: 1\r\n" in heard
    assert heard.lower().count(b"host:") == 1
    assert b"host: other\r\n" in heard
    _, _, heard = await _get(answer, "?q", method="POST", payload=b"\0body")
    assert heard.startswith(b"POST /?q HTTP/1.1\r\n")
    assert heard.endswith(b"\r\n\r\n\0body")
    heard_login: list[bytes] = []
    async with _says(answer, heard_login) as port:
        await asyncio.to_thread(_ask, f"http://ann:p%40ss@127.0.0.1:{port}/")
    assert b"Authorization: Basic YW5uOnBAc3M=\r\n" in heard_login[0]
    assert f"Host: 127.0.0.1:{port}\r\n".encode() in heard_login[0]


@pytest.mark.parametrize(
    "args",
    [
        {"url": "http://127.0.0.1:1/", "headers": {"X": "a\r\nY: b"}},
        {"url": "http://127.0.0.1:1/", "headers": {"X Y": "a"}},
        {"url": "http://127.0.0.1:1/", "headers": {"X": "\u20ac"}},
        {"url": "http://127.0.0.1:1/", "method": "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"},
        {"url": "http://a b/"},
        {"url": "http://[::1/"},
        {"url": "http://h:99999/"},
        {"url": "file:///etc/passwd"},
        {"url": "http://" + "x" * 300 + "/"},
    ],
)
def test_what_cannot_be_asked(args: dict[str, object]) -> None:
    with pytest.raises(Refusal) as caught:
        http(Job(1, "http", {"method": "GET", **args}, b""))
    assert caught.value.kind == "Unreachable"


async def test_limits() -> None:
    with pytest.raises(Refusal, match="more than 1000") as caught:
        await _get(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3000, max_bytes=1000)
    assert caught.value.kind == "TooLarge"


async def test_tls_that_is_not_trusted(tmp_path: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    try:
        subprocess.run(
            [*command, "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("no openssl here")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    async with _says(b"", [], tls) as port:
        with pytest.raises(Refusal, match=r"(?i)certificate") as caught:
            await asyncio.to_thread(_ask, f"https://127.0.0.1:{port}/")
    assert caught.value.kind == "Unreachable"


_HEADS = st.sampled_from([b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 404 No\r\n", b"HTTP/1.1 100 C\r\n\r\n", b""])
_LINES = st.lists(
    st.sampled_from([b"Content-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n", b"A: b\r\n", b"\r\n", b"4\r\n"])
    | st.binary(max_size=12),
    max_size=8,
)


async def test_any_answer_is_an_answer_or_a_named_error() -> None:
    answers: list[bytes] = [b""]

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers[0])
        writer.close()

    server = await asyncio.start_server(reply, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    loop = asyncio.get_running_loop()

    @given(_HEADS, _LINES)
    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def holds(head: bytes, lines: list[bytes]) -> None:
        answers[0] = head + b"".join(lines)
        with contextlib.suppress(Refusal, OSError):
            told, _ = _ask(url)
            assert 101 <= int(str(told["status"])) < 1000

    await loop.run_in_executor(None, holds)
    server.close()
