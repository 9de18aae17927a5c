"""What was sent, read back from its bytes."""

from __future__ import annotations

import struct

import cramjam

from keepwell.plugins.sink import Message
from keepwell.testing.protobuf import double, fixed, parts, read_fields, text

#: Numbers by name, labels and instant (milliseconds for remote-write, nanoseconds for OTLP).
Numbers = dict[tuple[str, tuple[tuple[str, str], ...], int], float]


def read_write(message: Message) -> Numbers:
    """Of a remote-write request; AssertionError for labels that a receiver refuses."""
    found: Numbers = {}
    request = read_fields(bytes(cramjam.snappy.decompress_raw(message.body)))
    for series in map(read_fields, parts(request, 1)):
        pairs = [(text(one, 1), text(one, 2)) for one in map(read_fields, parts(series, 1))]
        assert pairs == sorted(pairs)
        assert len(dict(pairs)) == len(pairs)
        assert all(value for _, value in pairs)
        name = dict(pairs)["__name__"]
        labels = tuple(one for one in pairs if one[0] != "__name__")
        last = -1
        for sample in map(read_fields, parts(series, 2)):
            (at,) = sample[2]
            assert isinstance(at, int)
            assert at > last
            last = at
            found[name, labels, at] = double(sample, 1)
    return found


def read_metrics(body: bytes) -> tuple[Numbers, dict[str, tuple[str, bool]], list[dict[str, str]]]:
    """Of an OTLP request: numbers, by name the unit and whether it rises, and the resources' attributes."""
    found: Numbers = {}
    kinds: dict[str, tuple[str, bool]] = {}
    resources = []
    for resource in map(read_fields, parts(read_fields(body), 1)):
        (about,) = parts(resource, 1)
        resources.append(_attributes(about, 1))
        for scope in map(read_fields, parts(resource, 2)):
            for metric in map(read_fields, parts(scope, 2)):
                name = text(metric, 1)
                kinds[name] = text(metric, 3), 7 in metric
                if 9 in metric:
                    continue
                (data,) = [*parts(metric, 5), *parts(metric, 7)]
                fields = read_fields(data)
                if 7 in metric:
                    assert (fields[2], fields[3]) == ([2], [1])
                for row in parts(fields, 1):
                    point = read_fields(row)
                    labels = tuple(sorted(_attributes(row, 7).items()))
                    found[name, labels, fixed(point, 3)] = double(point, 4)
    return found, kinds, resources


def _attributes(content: bytes, place: int) -> dict[str, str]:
    rows = map(read_fields, parts(read_fields(content), place))
    return {text(row, 1): text(read_fields(next(parts(row, 2))), 1) for row in rows}


def read_spreads(body: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], tuple[float, list[float], list[int]]]:
    """Histograms of an OTLP request by name and attributes: sum, edges and counts."""
    found = {}
    for resource in map(read_fields, parts(read_fields(body), 1)):
        for scope in map(read_fields, parts(resource, 2)):
            for metric in map(read_fields, parts(scope, 2)):
                for data in map(read_fields, parts(metric, 9)):
                    assert data[2] == [2]
                    for row in parts(data, 1):
                        point = read_fields(row)
                        counts = [count for (count,) in struct.iter_unpack("<Q", next(parts(point, 6)))]
                        edges = [edge for (edge,) in struct.iter_unpack("<d", next(parts(point, 7)))]
                        assert sum(counts) == fixed(point, 4)
                        assert len(counts) == len(edges) + 1
                        key = text(metric, 1), tuple(sorted(_attributes(row, 9).items()))
                        found[key] = double(point, 5), edges, counts
    return found
