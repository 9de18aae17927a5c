"""What the hub tells about its log of requests."""

from __future__ import annotations

from keepwell.core.metric import Fact, Metric, Unit

DECLARED: tuple[Fact | Metric, ...] = (
    Metric(
        name="hub.requests_logged_total",
        unit=Unit.TOTAL,
        kind="counter",
        about="node",
        help="Requests that were moved from the gateway's record into the log",
    ),
    Metric(
        name="hub.requests_missed_total",
        unit=Unit.TOTAL,
        kind="counter",
        about="node",
        help="Requests that had gone from the gateway's record before they could be moved",
    ),
    Metric(
        name="hub.requests_unfit_total",
        unit=Unit.TOTAL,
        kind="counter",
        about="node",
        help="Rows of the gateway's record that are no requests",
    ),
    Metric(
        name="hub.request_log_wal_bytes",
        unit=Unit.BYTES,
        about="node",
        help="Write-ahead log of the log of requests; it grows while a reader does not let go",
    ),
)
