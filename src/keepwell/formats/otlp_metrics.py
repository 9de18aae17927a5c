"""Metrics as OpenTelemetry's collectors take them: OTLP over HTTP, protobuf (opentelemetry-proto 1.x, metrics/v1)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from keepwell.formats.otlp import Attribute, render_attributes, render_scope
from keepwell.formats.protobuf import write_double, write_fixed, write_number, write_part, write_text

#: Where a collector takes metrics, below its address.
METRICS_PATH = "/v1/metrics"
#: AGGREGATION_TEMPORALITY_CUMULATIVE.
_CUMULATIVE = 2
#: Fields of the attributes of a NumberDataPoint and of a HistogramDataPoint.
NUMBER_LABELS, SPREAD_LABELS = 7, 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Numbers of one name: `unit` as UCUM writes it, `rising` for counters; each row is an instant in nanoseconds since
    the epoch, the number, and its attributes as `render_labels` gives them.
    """

    name: str
    help: str
    unit: str
    rising: bool = False
    rows: Sequence[tuple[int, float, bytes]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One state of a histogram at an instant: the sum of all, upper edges that rise, and how many lie below each of
    them and above the one before; one number more than edges. `labels` are attributes of SPREAD_LABELS.
    """

    at: int
    total: float
    edges: Sequence[float]
    counts: Sequence[int]
    labels: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Spreads:
    """Histograms of one name."""

    name: str
    help: str
    unit: str
    rows: Sequence[Spread] = ()


#: What was measured of one resource, after the resource's attributes.
OfResource: TypeAlias = tuple[Mapping[str, Attribute], Iterable[Measured | Spreads]]


def render_metrics(measured: Iterable[OfResource], *, scope: str, version: str) -> bytes:
    """An ExportMetricsServiceRequest."""
    named = render_scope(scope, version)
    made = []
    for resource, metrics in measured:
        scoped = named + b"".join(write_part(2, _metric(one)) for one in metrics)
        made.append(write_part(1, write_part(1, render_attributes(1, resource)) + write_part(2, scoped)))
    return b"".join(made)


def render_labels(labels: Mapping[str, str], place: int = NUMBER_LABELS) -> bytes:
    """Attributes of one number: the same bytes each time, worth keeping."""
    return render_attributes(place, labels)


def _metric(one: Measured | Spreads) -> bytes:
    """When a counter or histogram began nobody told: its start stays 0, unknown."""
    return write_text(1, one.name) + write_text(2, one.help) + write_text(3, one.unit) + _data(one)


def _data(one: Measured | Spreads) -> bytes:
    """A Gauge is field 5 of a Metric, a Sum field 7, a Histogram field 9."""
    if isinstance(one, Spreads):
        return write_part(9, b"".join(write_part(1, _spread(row)) for row in one.rows) + write_number(2, _CUMULATIVE))
    points = b"".join(write_part(1, _point(*row)) for row in one.rows)
    if one.rising:
        return write_part(7, points + write_number(2, _CUMULATIVE) + write_number(3, 1))
    return write_part(5, points)


def _point(at: int, value: float, labels: bytes) -> bytes:
    return write_fixed(3, at) + write_double(4, value) + labels


def _spread(one: Spread) -> bytes:
    counts = struct.pack(f"<{len(one.counts)}Q", *one.counts)
    edges = struct.pack(f"<{len(one.edges)}d", *one.edges)
    head = write_fixed(3, one.at) + write_fixed(4, sum(one.counts)) + write_double(5, one.total)
    return head + write_part(6, counts) + write_part(7, edges) + one.labels
