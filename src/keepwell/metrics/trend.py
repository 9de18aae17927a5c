"""What the hub works out of series: what fills up, and what stepped to another level."""

from __future__ import annotations

from keepwell.core.metric import Fact, Metric

DECLARED: tuple[Fact | Metric, ...] = (
    Fact(
        name="trend.rooms",
        about="node",
        help="File systems, pools and device memory, and when they are full if they grow as they did",
        shape="tuple of mappings subject (text of a Ref) kind (disk, memory) used_bytes total_bytes used_ratio "
        "growth_bytes_per_day days soonest_days latest_days (left out where it is never full) sure (it surely grows) "
        "since (seconds since the epoch); or problem (why nothing can be said) instead of the growth",
    ),
    Fact(
        name="trend.steps",
        about="node",
        help="Latencies and throughputs that went to another level and stayed, newest last",
        shape="tuple of mappings subject (text of a Ref) name (what was measured) at earliest (it happened between the "
        "two, seconds since the epoch) before after chance worse (bool) standing (it is still so) events (tuple of "
        "texts: what changed shortly before)",
    ),
)
