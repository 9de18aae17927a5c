"""OpenTelemetry's metrics over HTTP: any collector, and what takes OTLP by itself.

Names are keepwell's own with `keepwell.` before them, and units as UCUM writes them: a collector that hands on to
Prometheus makes the same names of them as the hub's page has. The three counters of a distribution are one histogram.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from keepwell import __version__
from keepwell.core.metric import Metric, Unit
from keepwell.core.observation import Missing
from keepwell.core.series import Batch, Reading, SeriesKey
from keepwell.formats.otlp import Attribute
from keepwell.formats.otlp_metrics import (
    METRICS_PATH,
    NUMBER_LABELS,
    SPREAD_LABELS,
    Measured,
    Spread,
    Spreads,
    render_labels,
    render_metrics,
)
from keepwell.formats.prometheus import find_labels
from keepwell.formats.protobuf import CONTENT_TYPE
from keepwell.metrics import declared
from keepwell.metrics.pages.names import outside_names
from keepwell.metrics.pages.spreads import Distribution, split
from keepwell.plugins.sink import Message, Verdict

#: https://ucum.org; a ratio is "1", a plain number has none.
UNITS: Mapping[Unit, str] = {
    Unit.SECONDS: "s",
    Unit.BYTES: "By",
    Unit.RATIO: "1",
    Unit.CELSIUS: "Cel",
    Unit.WATTS: "W",
    Unit.JOULES: "J",
    Unit.HERTZ: "Hz",
    Unit.PER_SECOND: "1/s",
    Unit.TOTAL: "",
    Unit.COUNT: "",
}
_NANO = 1_000_000_000
#: Series whose labels are kept as bytes, some 200 each: they cost more than a number.
SERIES = 50_000


class Otlp:
    """A resource for each node."""

    title = "OpenTelemetry (OTLP over HTTP)"

    def render(self, batches: Sequence[Batch]) -> Message | None:
        """All numbers of these batches; readings without a number are left out."""
        by_node: dict[str, list[Batch]] = {}
        for batch in batches:
            by_node.setdefault(batch.node, []).append(batch)
        made = [(_resource(node), found) for node, mine in by_node.items() if (found := list(_measured(mine)))]
        if not made:
            return None
        body = render_metrics(made, scope="keepwell", version=__version__)
        return Message(body=body, headers={"content-type": CONTENT_TYPE}, path=METRICS_PATH)

    def judge(self, status: int) -> Verdict:
        """By the specification: 429, 502, 503 and 504 are tried again; a collector that starts answers 500, too."""
        if 200 <= status < 300:
            return "taken"
        if status >= 500 or status in (408, 429):
            return "later"
        return "refused"


def _resource(node: str) -> dict[str, Attribute]:
    named: dict[str, Attribute] = {"service.name": "keepwell"}
    if node:
        named["host.name"] = node
    return named


def _measured(batches: Sequence[Batch]) -> Iterator[Measured | Spreads]:
    rows: dict[str, list[tuple[int, float, bytes]]] = {}
    spreads: dict[str, list[Spread]] = {}
    for batch in batches:
        at = round(batch.at * 1000) * (_NANO // 1000)
        alone, together = split(batch.readings)
        for reading in alone:
            rows.setdefault(reading[0].metric, []).extend(_row(reading, at))
        for one in together:
            spreads.setdefault(one.key.metric, []).extend(_spread(one, at))
    for name, found in rows.items():
        metric = declared().get(name)
        if found and isinstance(metric, Metric):
            rising = metric.kind == "counter"
            unit = UNITS[metric.unit]
            yield Measured(name=f"keepwell.{name}", help=metric.help, unit=unit, rising=rising, rows=found)
    told = {one.dotted: one.help for one in outside_names().values()}
    for name, states in spreads.items():
        if states:
            yield Spreads(name=f"keepwell.{name}", help=told[name], unit=UNITS[Unit.SECONDS], rows=states)


def _row(reading: Reading, at: int) -> Iterator[tuple[int, float, bytes]]:
    key, value = reading
    if not isinstance(value, Missing) and math.isfinite(value):
        labels = _labels(key, NUMBER_LABELS)
        if labels is not None:
            yield at, float(value), labels


def _spread(one: Distribution, at: int) -> Iterator[Spread]:
    labels = _labels(one.key, SPREAD_LABELS)
    if labels is not None:
        yield Spread(at=at, total=one.total, edges=one.edges, counts=one.counts, labels=labels)


@lru_cache(SERIES)
def _labels(key: SeriesKey, place: int) -> bytes | None:
    """Its labels as they are sent; None where it is not."""
    labels = find_labels(key)
    if labels is None:
        return None
    return render_labels(labels, place)


SINK = Otlp()
