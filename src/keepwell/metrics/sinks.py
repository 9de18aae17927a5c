"""What the hub tells of where it sends numbers."""

from __future__ import annotations

from keepwell.core.metric import Metric, Unit

_WHICH = ("sink",)

DECLARED: tuple[Metric, ...] = (
    Metric(
        name="hub.sink_up",
        unit=Unit.COUNT,
        about="node",
        labels=_WHICH,
        help="1 while a receiver takes what it is sent, else 0",
    ),
    Metric(
        name="hub.sink_messages_total",
        unit=Unit.TOTAL,
        kind="counter",
        about="node",
        labels=("outcome", *_WHICH),
        help="Messages to a receiver: taken, refused by it for good, or lost for want of room while it did not answer",
    ),
    Metric(
        name="hub.sink_waiting",
        unit=Unit.COUNT,
        about="node",
        labels=_WHICH,
        help="Messages that wait until a receiver answers again",
    ),
    Metric(name="hub.sink_waiting_bytes", unit=Unit.BYTES, about="node", labels=_WHICH, help="Bytes of those messages"),
)
