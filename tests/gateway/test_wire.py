"""Random clients and random engines: nothing hangs, nothing is smuggled, nobody gets a byte that is not its own."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.gateway.choice.deadlines import Deadlines
from tests.gateway.made import Running, gateway
from tests.gateway.wire import (
    SECONDS,
    Message,
    answer_for,
    body_for,
    no_loose_ends,
    read_answers,
    stub,
    tag_of,
    talk,
)

#: What a body holds that would be a request of its own if its length were misread.
INNER = b"\r\n\r\nPOST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%b"
SMUGGLED = INNER % (len(body_for("smuggled")), body_for("smuggled"))
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
LAST = b"GET /the-last-one HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
#: Headers that say something of the body, right and wrong.
LINES = [
    *(b"transfer-encoding: chunked", b"Transfer-Encoding:chunked", b"transfer-encoding: identity", b"te: trailers"),
    *(b"transfer-encoding: \x0bchunked", b"transfer-encoding\t: chunked", b"content-length: 0", b"content-length: 5"),
    *(b"Content-Length: %d" % len(SMUGGLED), b"connection: keep-alive", b"connection: close, te", b"x: y"),
    *(b"expect: 100-continue", b"x: a\r\n b", b"x:\n", b"content-length: 00", b"connection: content-length"),
]


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request, perhaps with further headers, perhaps with bytes changed."""
    tag = f"t{draw(st.integers(0, 3))}"
    body = body_for(tag, input=SMUGGLED.decode())
    lines = draw(st.lists(st.sampled_from(LINES), max_size=2))
    if draw(st.booleans()):
        place, chunks = 0, []
        for size in draw(st.lists(st.integers(1, 60), max_size=5)):
            chunks.append(body[place : place + size])
            place += size
        rows = [b"%x%b\r\n%b\r\n" % (len(one), draw(st.sampled_from([b"", b";a=b"])), one) for one in chunks if one]
        rest = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body) - place, body[place:]) if place < len(body) else b"0\r\n\r\n"
        data = HEAD + b"\r\n".join([*lines, b"transfer-encoding: chunked"]) + b"\r\n\r\n" + b"".join(rows) + rest
    else:
        data = HEAD + b"\r\n".join([*lines, b"content-length: %d" % len(body)]) + b"\r\n\r\n" + body
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        where = draw(st.integers(0, data.find(b"\r\n\r\n") + 20))
        change = draw(
            st.sampled_from([b"", b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b"0", b"chunked", b"\xff"])
        )
        data = data[:where] + change + data[where + draw(st.integers(0, 2)) :]
    return data


@settings(max_examples=120, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=4), st.lists(st.integers(1, 200), max_size=20))
def test_whatever_a_client_sends_an_engine_gets_whole_requests_that_were_sent(
    sent: list[bytes], cuts: list[int]
) -> None:
    async def check() -> None:
        async with stub() as engine, gateway([engine.port], deadlines=Deadlines(reading_seconds=0.3)) as running:
            with no_loose_ends():
                data = await talk(running.port, b"".join(sent) + LAST, cuts)
            assert engine.wrong == []
            assert "smuggled" not in engine.tags
            assert len(engine.asked) <= len(sent)
            answers = [one for one in read_answers(data) if one.status != 100]
            well = [one.body for one in answers if one.status == 200]
            assert well == [answer_for(tag) for tag in engine.tags]
            assert len(answers) <= len(sent) + 1
            assert not running.gate.exchanges

    asyncio.run(check())


@dataclass(frozen=True)
class Behaviour:
    """How an engine answers one request: `{body}`, `{n}`, `{x}` are the right answer's; then it may close."""

    data: bytes
    closes: bool = False


OK = b"HTTP/1.1 200 OK\r\ncontent-length: {n}\r\n\r\n{body}"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{x}\r\n{body}\r\n0\r\n\r\n"
BEHAVIOURS = [
    Behaviour(OK),
    Behaviour(CHUNKED),
    Behaviour(b"HTTP/1.1 200 OK\r\n\r\n{body}", closes=True),
    Behaviour(b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + OK),
    Behaviour(OK + b"<leak>"),
    Behaviour(CHUNKED + b"<leak>"),
    Behaviour(OK + b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<leak>"),
    Behaviour(OK[:-6] + b"<", closes=True),
    Behaviour(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{body}", closes=True),
    Behaviour(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{x}\r\n{body}\r\n", closes=True),
    Behaviour(b"HTTP/1.1 204 No Content\r\n\r\n"),
    Behaviour(b"HTTP/1.1 204 No Content\r\ncontent-length: 6\r\n\r\n<leak>"),
    Behaviour(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}"),
    Behaviour(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}", closes=True),
    Behaviour(b"<leak>", closes=True),
    Behaviour(b"", closes=True),
]
_TAGS = re.compile(rb"<([a-z0-9-]+)>")


@st.composite
def clients(draw: st.DrawFn) -> list[list[tuple[int, bool]]]:
    """For each client its requests: which behaviour they meet, and whether they ask for a stream."""
    one = st.tuples(st.integers(0, len(BEHAVIOURS) - 1), st.booleans())
    return draw(st.lists(st.lists(one, min_size=1, max_size=5), min_size=1, max_size=5))


@settings(max_examples=60, deadline=None)
@given(clients(), st.lists(st.integers(0, 400), max_size=4), st.integers(1, 50))
def test_whatever_engines_send_no_client_gets_what_is_anothers(
    asked: list[list[tuple[int, bool]]], aborts: list[int], step: int
) -> None:
    async def answer(number: int, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        tag = tag_of(request)
        behaviour = BEHAVIOURS[int(tag.split("-")[2])]
        body = answer_for(tag)
        data = behaviour.data.replace(b"{body}", body).replace(b"{n}", b"%d" % len(body))
        data = data.replace(b"{x}", b"%x" % len(body))
        if b"<leak>" in data:
            writer.write(data)
        else:
            for place in range(0, len(data), step * 10):
                writer.write(data[place : place + step * 10])
                await asyncio.sleep(0)
        return not behaviour.closes

    async def check() -> None:
        async with stub(answer) as engine, gateway([engine.port], deadlines=Deadlines(first_byte_seconds=3)) as running:
            with no_loose_ends():
                talks = [
                    _client(running, number, rows, dict(enumerate(aborts)).get(number))
                    for number, rows in enumerate(asked)
                ]
                async with asyncio.timeout(SECONDS):
                    await asyncio.gather(*talks)
                for _ in range(100):
                    if not running.gate.exchanges:
                        break
                    await asyncio.sleep(0.01)
            assert engine.wrong == []
            assert not running.gate.exchanges
            assert running.running == 0

    asyncio.run(check())


async def _client(running: Running, number: int, rows: Sequence[tuple[int, bool]], abort: int | None) -> None:
    tags = [f"c{number}-{place}-{which}" for place, (which, _) in enumerate(rows)]
    sent = b""
    for tag, (_, stream) in zip(tags, rows, strict=True):
        body = body_for(tag, stream=stream, stream_options={})
        sent += HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body)
    if abort is not None:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(sent)
        with contextlib.suppress(TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            async with asyncio.timeout(0.2):
                data = await reader.readexactly(abort)
                assert set(_TAGS.findall(data)) <= {one.encode() for one in tags}
        writer.transport.abort()
        return
    data = await talk(running.port, sent + LAST)
    for tag, one in zip(tags, read_answers(data), strict=False):
        found = set(_TAGS.findall(one.body))
        assert found <= {tag.encode()}, data
        if one.status == 200 and one.whole and b'"error"' not in one.body:
            assert one.body == answer_for(tag)
