"""Spans as OpenTelemetry's collectors take them: OTLP over HTTP, protobuf (opentelemetry-proto 1.x, trace/v1).

Written here and not by the SDK: a span is a few fields, and nothing else of it is needed. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from keepwell.formats.protobuf import (
    CONTENT_TYPE,
    write_double,
    write_fixed,
    write_number,
    write_part,
    write_text,
)

__all__ = ["CONTENT_TYPE", "TRACES_PATH", "Attribute", "Span", "render_attributes", "render_scope", "render_traces"]

#: Where a collector takes traces, below its address.
TRACES_PATH = "/v1/traces"
#: SPAN_KIND_CLIENT, STATUS_CODE_ERROR.
_CLIENT, _ERROR = 3, 2

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
    """An ExportTraceServiceRequest (trace/v1) with these spans of one resource."""
    scoped = render_scope(scope, version) + b"".join(write_part(2, _span(one)) for one in spans)
    return write_part(1, write_part(1, render_attributes(1, resource)) + write_part(2, scoped))


def render_scope(name: str, version: str) -> bytes:
    """Field 1 of what is sent together: an InstrumentationScope (common/v1)."""
    return write_part(1, write_text(1, name) + write_text(2, version))


def _span(one: Span) -> bytes:
    status = b""
    if one.error:
        status = write_part(15, write_text(2, one.error) + write_number(3, _ERROR))
    return b"".join(
        (
            write_part(1, one.trace_id),
            write_part(2, one.span_id),
            write_text(5, one.name),
            write_number(6, _CLIENT),
            write_fixed(7, one.begin),
            write_fixed(8, one.end),
            render_attributes(9, one.attributes),
            status,
        )
    )


def render_attributes(place: int, attributes: Mapping[str, Attribute]) -> bytes:
    """KeyValues (common/v1), each in the field of this number."""
    return b"".join(
        write_part(place, write_text(1, name) + write_part(2, _value(value))) for name, value in attributes.items()
    )


def _value(value: Attribute) -> bytes:
    """An AnyValue."""
    if isinstance(value, bool):
        return write_number(2, int(value))
    if isinstance(value, int):
        return write_number(3, value)
    if isinstance(value, float):
        return write_double(4, value)
    return write_text(1, value)
