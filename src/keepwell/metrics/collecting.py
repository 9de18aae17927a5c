"""What collectors tell of themselves."""

from __future__ import annotations

from keepwell.core.metric import Metric, Unit

_WHICH = ("collector",)

DECLARED: tuple[Metric, ...] = (
    Metric(
        name="collector.up",
        unit=Unit.COUNT,
        about="node",
        help="1 where a collector's last look came to its end, 0 where it failed on a bug or hangs",
        labels=_WHICH,
    ),
    Metric(
        name="collector.duration_seconds",
        unit=Unit.SECONDS,
        about="node",
        help="How long a collector's last look took",
        labels=_WHICH,
    ),
)
