"""What keepwell.toml declares as objectives: what users are promised, and how often it may be missed."""

from __future__ import annotations

from dataclasses import dataclass

#: Days of a month, as objectives count them.
MONTH_SECONDS = 30 * 86400.0
#: Indicators that are about the time of a request, each within `within_seconds`.
TIMED = ("ttft", "tpot", "queue", "total")
#: Indicators of which each request is one event, and those of which each minute is one.
OF_REQUESTS = ("availability", "first_try", *TIMED, "throughput")
OF_MINUTES = ("utilisation", "series", "freshness")
#: The metric of the indicator `utilisation`.
UTILISATION = "device.utilisation_ratio"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveEntry:
    """One objective: this share (`target`, 0..1) of events has to be good, over `over_seconds` that roll.

    Of requests: `availability` (it was answered), `first_try` (at once, by the first replica that was asked), `ttft`,
    `tpot`, `queue` and `total` (within `within_seconds`), `throughput` (`at_least` output tokens per second). `route`,
    `replica` (node/engine) and `key` narrow which, "" is all. Requests that waited for their model to be loaded are
    counted apart in times, unless `cold`.

    Of minutes: `utilisation` (a device was busy between `low` and `high`, 0..1), `series` (a metric's mean of the
    minute was between them), `freshness` (the newest file in `path`, or `path` itself, is younger than
    `within_seconds`). `about` is the text of the Ref that it is about, "" all of them. A minute in which nothing is
    known counts neither way. -1 is no bound.

    `page` False: it is told, and wakes nobody. `probes` is how many short questions a minute may be asked beside users'
    requests while there are some; 0 is none.
    """

    name: str
    indicator: str
    target: float
    over_seconds: float = MONTH_SECONDS
    route: str = ""
    replica: str = ""
    key: str = ""
    within_seconds: float = 0.0
    at_least: float = 0.0
    cold: bool = False
    metric: str = ""
    about: str = ""
    low: float = -1.0
    high: float = -1.0
    path: str = ""
    page: bool = True
    probes: int = 0
    why: str = ""

    @property
    def allowed(self) -> float:
        """The share of events that may be bad."""
        return 1.0 - self.target

    @property
    def measured(self) -> str:
        """The metric whose minutes are counted."""
        return self.metric or UTILISATION
