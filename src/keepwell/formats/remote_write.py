"""Prometheus' remote-write 1.0, before compression: a WriteRequest of prometheus/prompb (remote.proto, types.proto)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from keepwell.formats.protobuf import write_double, write_number, write_part, write_text

#: The label that holds a series' name.
NAME = "__name__"
#: Headers that the specification asks for, beside the content type.
HEADERS: Mapping[str, str] = {"content-encoding": "snappy", "x-prometheus-remote-write-version": "0.1.0"}

#: A series' labels as `render_labels` gives them, and its samples: rising instants in milliseconds since the epoch, and
#: numbers.
Series: TypeAlias = tuple[bytes, Iterable[tuple[int, float]]]


def render_write(series: Iterable[Series]) -> bytes:
    """The request. Labels are sorted by name, and none is empty, as receivers demand."""
    return b"".join(write_part(1, labels + b"".join(map(_sample, samples))) for labels, samples in series)


def render_labels(name: str, labels: Mapping[str, str]) -> bytes:
    """The labels of one series, name included: the same bytes each time, worth keeping."""
    rows = sorted([(NAME, name), *((label, value) for label, value in labels.items() if value)])
    return b"".join(write_part(1, write_text(1, label) + write_text(2, value)) for label, value in rows)


def _sample(one: tuple[int, float]) -> bytes:
    at, value = one
    return write_part(2, write_double(1, value) + write_number(2, at))
