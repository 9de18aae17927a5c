"""A small HTTP/1.1 server side on asyncio streams: enough to speak an engine's wire, and to break it on purpose.

Requests are read whole (bodies by Content-Length or in chunks, within limits); answers go out with a length,
or in chunks where the body is made piece by piece.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

#: Bytes of a request's head and body that are taken; a test sends far less.
MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024 * 1024


class BadRequest(ValueError):
    """What came in is no HTTP request, or too large a one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeRequest:
    """One request: method, path without its query, query, lower-case header names, body."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Mapping[str, object]:
        """The body as a JSON mapping; an empty one if it is none."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeAnswer:
    """One answer. `stream` is sent in chunks in place of `body`; a piece of None ends the connection without the
    last chunk, as an engine that dies does.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: AsyncGenerator[bytes | None, None] | None = None


def json_answer(value: object, status: int = 200, **headers: str) -> FakeAnswer:
    """An answer with a JSON body."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return FakeAnswer(status=status, body=body, headers={key.replace("_", "-"): text for key, text in headers.items()})


def text_answer(text: str, status: int = 200) -> FakeAnswer:
    """An answer with a plain text body."""
    return FakeAnswer(status=status, body=text.encode(), content_type="text/plain; charset=utf-8")


async def read_request(reader: asyncio.StreamReader) -> FakeRequest | None:
    """The next request of a connection; None at its end. Raises BadRequest."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequest("a head of too many bytes") from error
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequest(f"no request line: {lines[0][:80]!r}")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    url = urlsplit(words[1])
    return FakeRequest(
        method=words[0],
        path=url.path,
        query=dict(parse_qsl(url.query)),
        headers=headers,
        body=await _read_body(reader, headers),
    )


async def write_answer(
    writer: asyncio.StreamWriter, answer: FakeAnswer, *, server: str = "", claim_more: int = 0, head_only: bool = False
) -> bool:
    """Send an answer; False if the connection must end after it.

    `claim_more` promises that many bytes beyond the body, which never come.
    """
    headers = {"Content-Type": answer.content_type, **answer.headers}
    if server:
        headers["Server"] = server
    if answer.stream is None:
        headers["Content-Length"] = str(len(answer.body) + claim_more)
    else:
        headers["Transfer-Encoding"] = "chunked"
    phrase = HTTPStatus(answer.status).phrase if answer.status in HTTPStatus._value2member_map_ else "Unknown"
    head = f"HTTP/1.1 {answer.status} {phrase}\r\n" + "".join(f"{name}: {text}\r\n" for name, text in headers.items())
    writer.write(head.encode("latin-1") + b"\r\n")
    if head_only:
        await writer.drain()
        return True
    if answer.stream is None:
        writer.write(answer.body)
        await writer.drain()
        return claim_more == 0
    return await _write_stream(writer, answer.stream)


async def _write_stream(writer: asyncio.StreamWriter, stream: AsyncGenerator[bytes | None, None]) -> bool:
    async with aclosing(stream):
        async for piece in stream:
            if piece is None:
                return False
            if piece:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunks(reader)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY:
        raise BadRequest(f"a body of {length} bytes")
    try:
        return await reader.readexactly(int(length))
    except asyncio.IncompleteReadError as error:
        raise BadRequest("the body ends early") from error


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    found = bytearray()
    while True:
        line = (await reader.readline()).partition(b";")[0].strip()
        try:
            size = int(line, 16)
        except ValueError as error:
            raise BadRequest("a chunk without a size") from error
        if size < 0 or len(found) + size > MAX_BODY:
            raise BadRequest("a body of too many bytes")
        try:
            found += (await reader.readexactly(size + 2))[:-2]
        except asyncio.IncompleteReadError as error:
            raise BadRequest("the body ends early") from error
        if size == 0:
            return bytes(found)
