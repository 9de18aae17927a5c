"""Spans of recorded requests, as a collector reads them from the wire."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from keepwell.app.operation import Caller
from keepwell.app.serving.spans import RETRY_SECONDS, SpanSender, make_span, parse_headers
from keepwell.app.wiring import wire
from keepwell.formats.otlp import Span, render_traces
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.record.recorder import Recorder
from keepwell.plugins.dialect import Usage
from keepwell.store.requests import RECORD_FILE, read_rows

Fields = dict[int, list[object]]


def read_fields(data: bytes) -> Fields:
    """A protobuf message by field number; AssertionError for what is none."""
    found: Fields = {}
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while place < len(data):
        tag = varint()
        if tag & 7 == 0:
            value: object = varint()
        elif tag & 7 == 1:
            value = data[place : place + 8]
            place += 8
        else:
            assert tag & 7 == 2, tag
            length = varint()
            value = data[place : place + length]
            assert len(value) == length
            place += length
        found.setdefault(tag >> 3, []).append(value)
    return found


def part(found: Fields, number: int) -> bytes:
    (value,) = found[number]
    assert isinstance(value, bytes)
    return value


def read_attributes(rows: list[object]) -> dict[str, object]:
    made: dict[str, object] = {}
    for row in rows:
        assert isinstance(row, bytes)
        fields = read_fields(row)
        (number, (value,)) = next(iter(read_fields(part(fields, 2)).items()))
        if number == 1 and isinstance(value, bytes):
            value = value.decode()
        elif number == 4 and isinstance(value, bytes):
            (value,) = struct.unpack("<d", value)
        made[part(fields, 1).decode()] = value
    return made


def read_spans(content: bytes) -> Iterator[tuple[Fields, dict[str, object]]]:
    resource = read_fields(part(read_fields(content), 1))
    for scope in resource[2]:
        assert isinstance(scope, bytes)
        for span in read_fields(scope).get(2, []):
            assert isinstance(span, bytes)
            fields = read_fields(span)
            yield fields, read_attributes(fields.get(9, []))


def facts(number: int, **more: object) -> Facts:
    made = Facts(number, 100.0)
    made.started, made.first, made.last, made.ended = 100.5, 101.0, 103.0, 103.5
    made.key, made.asked, made.answered, made.replica = "ada", "m", "m", "box/vllm:8001"
    made.path, made.status, made.stream, made.usage = "/v1/chat/completions", 200, True, Usage(7, 5)
    for name, value in more.items():
        setattr(made, name, value)
    return made


@dataclass
class Collector:
    """A collector that takes traces, or answers with another status."""

    port: int = 0
    status: int = 200
    got: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)


@contextlib.asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    made = Collector()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            made.heads.append(head)
            if made.status == 200:
                made.got.append(body)
            writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % made.status)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


async def test_new_requests_arrive_as_spans_and_none_twice(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / RECORD_FILE)
    recorder.put(facts(1))
    recorder.write()
    async with collecting() as collector, wire(Caller(state=tmp_path)) as wiring:
        sender = make_sender(collector, OTEL_EXPORTER_OTLP_HEADERS="authorization=Basic%20abc,x-y=1")
        await sender.look(wiring, 0.0)
        assert collector.got == [], "what was there before is not sent"
        recorder.put(facts(2))
        recorder.put(facts(3, error="replica_cut", path="/api/embed", usage=Usage(), stream=False))
        recorder.write()
        await sender.look(wiring, 0.0)
        await sender.look(wiring, 0.0)
    recorder.close()
    (content,) = collector.got
    assert b"post /v1/traces " in collector.heads[0]
    assert b"authorization: basic abc\r\n" in collector.heads[0]
    assert b"content-type: application/x-protobuf\r\n" in collector.heads[0]
    (one, said), (other, told) = read_spans(content)
    assert part(one, 5) == b"chat m"
    assert (len(part(one, 1)), len(part(one, 2)), one[6]) == (16, 8, [3])
    begin, end = (struct.unpack("<Q", part(one, number))[0] for number in (7, 8))
    assert end - begin == 3_500_000_000
    assert said["gen_ai.request.model"] == said["gen_ai.response.model"] == "m"
    assert (said["gen_ai.provider.name"], said["gen_ai.operation.name"]) == ("vllm", "chat")
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (7, 5)
    assert said["gen_ai.response.time_to_first_chunk"] == 1.0
    assert "error.type" not in said
    assert part(other, 5) == b"embeddings m"
    assert told["error.type"] == "replica_cut"
    assert read_fields(part(other, 15)) == {2: [b"replica_cut"], 3: [2]}
    assert not [name for name in told if name.startswith("gen_ai.usage")]


def make_sender(collector: Collector, **more: str) -> SpanSender:
    return SpanSender({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}/", **more})


async def test_a_collector_that_is_away_gets_them_later(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / RECORD_FILE)
    async with collecting() as collector, wire(Caller(state=tmp_path)) as wiring:
        sender = make_sender(collector)
        await sender.look(wiring, 0.0)
        for number in range(1200):
            recorder.put(facts(number))
        recorder.write()
        collector.status = 503
        await sender.look(wiring, 0.0)
        assert "503" in sender.unsent
        sender.tend(wiring, RETRY_SECONDS / 2)
        assert sender._looking is None, "not yet"
        collector.status = 200
        await sender.look(wiring, 10.0)
        assert (sender.unsent, sender.sent) == ("", 1200)
        assert sum(len(list(read_spans(one))) for one in collector.got) == 1200
        collector.status = 400
        recorder.put(facts(5000))
        recorder.write()
        await sender.look(wiring, 20.0)
        assert "400" in sender.unsent
        await sender.look(wiring, 30.0)
        assert sender.unsent == "", "what it refuses for good is not sent again"
    recorder.close()


async def test_nobody_is_told_anything_unless_asked(tmp_path: Path) -> None:
    async with wire(Caller(state=tmp_path)) as wiring:
        sender = SpanSender({})
        sender.tend(wiring, 1000.0)
        assert sender._looking is None


def test_the_same_row_is_the_same_span(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / RECORD_FILE)
    recorder.put(facts(1))
    recorder.close()
    ((_, row),) = read_rows(tmp_path / RECORD_FILE)
    assert make_span(row, "box") == make_span(row, "box")
    assert make_span(row, "box").trace_id != make_span(replace(row, id=2), "box").trace_id


@given(
    st.dictionaries(
        st.text(max_size=10),
        st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=200),
        max_size=6,
    )
)
def test_any_attribute_comes_back(attributes: dict[str, bool | int | float | str]) -> None:
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="n", begin=1, end=2, attributes=attributes)
    ((_, found),) = read_spans(render_traces([span], {"a": "b"}, scope="s", version="1"))
    for name, value in attributes.items():
        wanted: object = value
        if isinstance(value, int) and not isinstance(value, bool):
            wanted = value & 0xFFFFFFFFFFFFFFFF
        if isinstance(value, str):
            wanted = value.encode("utf-8", "replace").decode()
        assert found[name.encode("utf-8", "replace").decode()] == wanted


def test_headers_as_the_standard_variable_holds_them() -> None:
    assert parse_headers("") == {}
    assert parse_headers("Authorization=Basic%20YQ%3D%3D, x = y ,nothing,=z") == {
        "authorization": "Basic YQ==",
        "x": "y",
    }
