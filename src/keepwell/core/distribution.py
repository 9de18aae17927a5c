"""Histograms as series: three counters whose names follow from one stem, and a label for the edges."""

from __future__ import annotations

from typing import NamedTuple

#: The label that holds the upper edge of a bucket in seconds, as Prometheus writes it ("0.5", "+Inf").
EDGE = "le"


class Distribution(NamedTuple):
    """The counters of a histogram of seconds: their sum, how many there were, and how many up to each edge."""

    total: str
    number: str
    bucket: str


def name_distribution(stem: str) -> Distribution:
    """The names of the counters of `engine.queue`, for one."""
    return Distribution(f"{stem}_seconds_total", f"{stem}_total", f"{stem}_bucket_total")
