#!/usr/bin/env python3
"""What it costs to hand on the numbers of a fleet: the page for Prometheus, remote-write, OTLP, and a CSV of requests.

python benchmarks/leaving.py [--seconds 1.0] [--json FILE] [--client FOLDER]

The fleet has 30 nodes with four GPUs each: 4,800 series. prometheus_client renders a page of as many gauges with the
same labels in the same run, all of its numbers set before each; it is no dependency: FOLDER is a site-packages that has
it (`pip install --target FOLDER prometheus_client`), without it that line is left out. Milliseconds are of processor
time; a page is asked for every 15 s as a rule, and a receiver gets a message as often.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from keepwell.core.metric import Metric
from keepwell.core.series import Batch, SeriesKey
from keepwell.export.page import Page
from keepwell.export.tables import REQUEST_COLUMNS, render_csv, request_lines
from keepwell.formats.prometheus import find_labels
from keepwell.metrics import declared
from keepwell.sinks.otlp import SINK as OTLP
from keepwell.sinks.remote_write import SINK as REMOTE_WRITE
from keepwell.store.requests import RequestRow
from keepwell.telemetry.table import Table

NODES, DEVICES, OF_DEVICE, OF_NODE = 30, 4, 20, 80
#: Requests in the CSV.
REQUESTS = 20_000
NOW = 1_800_000_000.0


@dataclass(frozen=True)
class Row:
    """`milliseconds` is the median of all repetitions, `first` the first one, `size` bytes that are handed on."""

    what: str
    by: str
    milliseconds: float
    first: float
    size: int


def main() -> int:
    """Measure and print."""
    asked = parse_arguments()
    rows = list(measure(asked.seconds, asked.client))
    print(f"{NODES * (DEVICES * OF_DEVICE + OF_NODE)} series; {REQUESTS} requests\n")
    print("| what | by | ms | first | KB | of a core, every 15 s |\n|---|---|---|---|---|---|")
    for one in rows:
        share = f"{one.milliseconds / 150:.2f} %"
        print(f"| {one.what} | {one.by} | {one.milliseconds:.1f} | {one.first:.1f} | {one.size / 1000:.0f} | {share} |")
    if asked.json:
        Path(asked.json).write_text(json.dumps([asdict(one) for one in rows], indent=2) + "\n", encoding="utf-8")
    return 0


def parse_arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="for each line")
    parser.add_argument("--json", default="", help="also write the rows to this file")
    parser.add_argument("--client", default="", help="a site-packages with prometheus_client")
    return parser.parse_args()


def measure(seconds: float, client: str) -> Iterator[Row]:
    """All lines."""
    batches = list(make_batches())
    table, page = Table(), Page()
    for step in (0.0, 1.0):
        for one in batches:
            table.put(Batch(node=one.node, at=NOW + step, readings=one.readings))
    yield time_it("page", "keepwell", seconds, lambda: len(page.render(table, NOW + 1)))
    if client:
        yield from measure_client(seconds, client, batches)
    yield time_it("remote-write", "keepwell", seconds, lambda: size_of(REMOTE_WRITE.render(batches)))
    yield time_it("OTLP", "keepwell", seconds, lambda: size_of(OTLP.render(batches)))
    rows = [make_row(number) for number in range(REQUESTS)]
    yield time_it("CSV of requests", "keepwell", seconds, lambda: csv_size(rows))


def measure_client(seconds: float, folder: str, batches: list[Batch]) -> Iterator[Row]:
    """The same numbers by prometheus_client."""
    sys.path.insert(0, folder)
    client: Any = importlib.import_module("prometheus_client")
    registry = client.CollectorRegistry()
    gauges: dict[str, Any] = {}
    children = []
    for key, value in (reading for batch in batches for reading in batch.readings):
        labels = find_labels(key) or {}
        if key.metric not in gauges:
            name = "keepwell_" + key.metric.replace(".", "_")
            gauges[key.metric] = client.Gauge(name, key.metric, tuple(labels), registry=registry)
        children.append((gauges[key.metric].labels(**labels), value))

    def render() -> int:
        for child, value in children:
            child.set(value)
        return len(client.generate_latest(registry))

    yield time_it("page", "prometheus_client", seconds, render)


def time_it(what: str, by: str, seconds: float, work: Callable[[], int]) -> Row:
    """Again and again for so long."""
    times: list[float] = []
    deadline = time.monotonic() + seconds
    size = 0
    while len(times) < 3 or time.monotonic() < deadline:
        begin = time.process_time()
        size = work()
        times.append((time.process_time() - begin) * 1000)
    return Row(what, by, statistics.median(times), times[0], size)


def make_batches() -> Iterator[Batch]:
    """One look at the fleet."""
    names = [name for name, one in sorted(declared().items()) if isinstance(one, Metric) and one.about == "device"]
    plain = [name for name in names if not named(name).labels][:OF_DEVICE]
    for node in range(NODES):
        where = f"gpu{node:02}"
        readings = [
            (SeriesKey(name, f"device:{where}/{device}"), 1000.25 * node + device)
            for device in range(DEVICES)
            for name in plain
        ]
        readings += [
            (
                SeriesKey("host.network_sent_bytes_total", f"node:{where}", (("interface", f"eth{number}"),)),
                1e9 + number,
            )
            for number in range(OF_NODE)
        ]
        yield Batch(node=where, at=NOW, readings=readings)


def named(name: str) -> Metric:
    """The declaration."""
    found = declared()[name]
    assert isinstance(found, Metric)
    return found


def make_row(number: int) -> RequestRow:
    """A request."""
    texts: dict[str, Any] = dict.fromkeys(("key", "path", "dialect", "proof", "digest", "device", "outcome"), "")
    counts: dict[str, Any] = dict.fromkeys(("retries", "cached_tokens", "changed_options", "bytes_in", "bytes_out"), 0)
    return RequestRow(
        **{**texts, **counts},
        id=number,
        route="chat",
        asked="chat",
        answered="llama3.2:3b",
        replica="gpu01/one",
        status=200,
        stream=True,
        input_tokens=100,
        output_tokens=50,
        at=NOW + number,
        queue_seconds=0.0,
        first_byte_seconds=0.2,
        total_seconds=2.0,
        output_token_seconds=0.04,
    )


def size_of(message: Any) -> int:
    """Bytes of a message."""
    return len(message.body)


def csv_size(rows: list[RequestRow]) -> int:
    """Bytes of the whole CSV."""
    return sum(len(piece) for piece in render_csv(REQUEST_COLUMNS, request_lines(rows)))


if __name__ == "__main__":
    sys.exit(main())
