"""Spans as OpenTelemetry's collectors take them: OTLP over HTTP, protobuf (opentelemetry-proto 1.x, trace/v1).

Written here and not by the SDK: a span is a few fields, and nothing else of it is needed. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

#: Where a collector takes traces, below its address, and as what they are sent.
TRACES_PATH, CONTENT_TYPE = "/v1/traces", "application/x-protobuf"
#: SPAN_KIND_CLIENT, STATUS_CODE_ERROR.
_CLIENT, _ERROR = 3, 2
#: Wire types of protobuf: a number of variable length, eight bytes, and bytes with their length.
_VARINT, _FIXED64, _BYTES = 0, 1, 2

Attribute: TypeAlias = str | bool | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One operation: instants in nanoseconds since the epoch; `error` is "" for one that went well."""

    trace_id: bytes
    span_id: bytes
    name: str
    begin: int
    end: int
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    error: str = ""


def render_traces(spans: Iterable[Span], resource: Mapping[str, Attribute], *, scope: str, version: str) -> bytes:
    """An ExportTraceServiceRequest with these spans of one resource."""
    named = _text(1, scope) + _text(2, version)
    scoped = _part(1, named) + b"".join(_part(2, _span(one)) for one in spans)
    return _part(1, _part(1, _attributes(1, resource)) + _part(2, scoped))


def _span(one: Span) -> bytes:
    status = b""
    if one.error:
        status = _part(15, _text(2, one.error) + _number(3, _ERROR))
    return b"".join(
        (
            _part(1, one.trace_id),
            _part(2, one.span_id),
            _text(5, one.name),
            _number(6, _CLIENT),
            _tag(7, _FIXED64) + struct.pack("<Q", one.begin),
            _tag(8, _FIXED64) + struct.pack("<Q", one.end),
            _attributes(9, one.attributes),
            status,
        )
    )


def _attributes(place: int, attributes: Mapping[str, Attribute]) -> bytes:
    return b"".join(_part(place, _text(1, name) + _part(2, _value(value))) for name, value in attributes.items())


def _value(value: Attribute) -> bytes:
    """An AnyValue."""
    if isinstance(value, bool):
        return _number(2, int(value))
    if isinstance(value, int):
        return _number(3, value & 0xFFFFFFFFFFFFFFFF)
    if isinstance(value, float):
        return _tag(4, _FIXED64) + struct.pack("<d", value)
    return _text(1, value)


def _text(place: int, text: str) -> bytes:
    return _part(place, text.encode("utf-8", "replace"))


def _part(place: int, content: bytes) -> bytes:
    return _tag(place, _BYTES) + _varint(len(content)) + content


def _number(place: int, value: int) -> bytes:
    return _tag(place, _VARINT) + _varint(value)


def _tag(place: int, kind: int) -> bytes:
    return _varint(place << 3 | kind)


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
