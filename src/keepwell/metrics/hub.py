"""What the hub tells about itself."""

from __future__ import annotations

from keepwell.core.metric import Fact, Metric, Unit

DECLARED: tuple[Fact | Metric, ...] = (
    Metric(
        name="hub.duty_up",
        unit=Unit.COUNT,
        about="node",
        labels=("duty",),
        help="1 while a part of the hub does what it should, 0 while it fails or hangs",
    ),
    Metric(
        name="hub.duty_seconds",
        unit=Unit.SECONDS,
        about="node",
        labels=("duty",),
        help="How long a part of the hub took the last time",
    ),
    Metric(
        name="hub.duty_failures_total",
        unit=Unit.TOTAL,
        kind="counter",
        about="node",
        labels=("duty",),
        help="How often a part of the hub failed",
    ),
    Metric(name="hub.series", unit=Unit.COUNT, about="node", help="Series in the hub's memory"),
    Metric(
        name="hub.readings_refused_total",
        unit=Unit.TOTAL,
        kind="counter",
        about="node",
        help="Readings of series beyond what the hub keeps in memory",
    ),
    Metric(
        name="hub.looks_total",
        unit=Unit.TOTAL,
        kind="counter",
        about="node",
        help="How often the hub looked for engines, at this node or another",
    ),
    Metric(name="hub.node_up", unit=Unit.COUNT, about="node", help="1 while a node's numbers come in, else 0"),
    Metric(
        name="hub.clock_offset_seconds",
        unit=Unit.SECONDS,
        about="node",
        help="How far a node's clock is ahead of the hub's",
    ),
)
