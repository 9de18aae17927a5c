"""What the gateway counts: requests by how they ended, tokens, and how long each part took. A few microseconds each.

The bounds of the buckets are those that vLLM gives the metrics of the same meaning (vllm/v1/metrics/loggers.py of
release 0.32), so that one panel can show both.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

from keepwell.core.text import escape_controls
from keepwell.gateway.facts import Facts

EXPOSITION = b"text/plain; version=0.0.4; charset=utf-8"
#: Seconds to the first token, for each token after it, and for whole requests and their wait.
FIRST = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0),
    *(160.0, 640.0, 2560.0),
)
TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0)
WHOLE = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0),
    *(1920.0, 7680.0),
)


class Histogram:
    """Counts by bound, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def render(self, name: str, labels: str) -> Iterator[str]:
        """Its lines."""
        so_far = 0
        for bound, count in zip((*map(_number, self.bounds), "+Inf"), self.counts, strict=True):
            so_far += count
            yield f'{name}_bucket{{{labels},le="{bound}"}} {so_far}'
        yield f"{name}_sum{{{labels}}} {_number(self.total)}"
        yield f"{name}_count{{{labels}}} {so_far}"


class Measures:
    """By route: histograms and tokens; by route, replica and outcome: requests."""

    def __init__(self) -> None:
        self._outcomes: dict[tuple[str, str, str], int] = {}
        self._tokens: dict[tuple[str, str], int] = {}
        self._routes: dict[str, dict[str, Histogram]] = {}

    def count(self, facts: Facts) -> None:
        """A request is over."""
        key = (facts.route, facts.replica, facts.error or "well")
        self._outcomes[key] = self._outcomes.get(key, 0) + 1
        found = self._routes.get(facts.route) or self._make(facts.route)
        found["e2e_request_latency_seconds"].add(facts.ended - facts.began)
        if facts.started:
            found["request_queue_time_seconds"].add(facts.started - facts.began)
        if facts.first:
            found["time_to_first_token_seconds"].add(facts.first - facts.began)
        made = facts.usage.output_tokens
        if facts.stream and made > 1:
            found["request_time_per_output_token_seconds"].add((facts.last - facts.first) / (made - 1))
        for kind, number in (("input", facts.usage.input_tokens), ("output", made)):
            if number > 0:
                self._tokens[facts.route, kind] = self._tokens.get((facts.route, kind), 0) + number

    def render(self, gauges: Mapping[str, Mapping[str, float]], *, waiting: int) -> bytes:
        """The text form of Prometheus."""
        return ("\n".join(self._lines(gauges, waiting)) + "\n").encode()

    def _lines(self, gauges: Mapping[str, Mapping[str, float]], waiting: int) -> Iterator[str]:
        yield "# TYPE keepwell_gateway_requests_total counter"
        for (route, replica, outcome), number in self._outcomes.items():
            labels = _labels(route=route, replica=replica, outcome=outcome)
            yield f"keepwell_gateway_requests_total{{{labels}}} {number}"
        yield "# TYPE keepwell_gateway_tokens_total counter"
        for (route, kind), number in self._tokens.items():
            yield f"keepwell_gateway_tokens_total{{{_labels(route=route, kind=kind)}}} {number}"
        yield from _gauges({**gauges, "keepwell_gateway_requests_waiting": {"": float(waiting)}})
        yield from self._histograms(sorted({name for one in self._routes.values() for name in one}))

    def _histograms(self, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            yield f"# TYPE keepwell_gateway_{name} histogram"
            for route, found in self._routes.items():
                yield from found[name].render(f"keepwell_gateway_{name}", _labels(route=route))

    def _make(self, route: str) -> dict[str, Histogram]:
        made = self._routes[route] = {
            "request_queue_time_seconds": Histogram(WHOLE),
            "time_to_first_token_seconds": Histogram(FIRST),
            "request_time_per_output_token_seconds": Histogram(TOKEN),
            "e2e_request_latency_seconds": Histogram(WHOLE),
        }
        return made


def _gauges(gauges: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    for name, rows in gauges.items():
        yield f"# TYPE {name} gauge"
        for replica, value in rows.items():
            labels = f"{{{_labels(replica=replica)}}}" * bool(replica)
            yield f"{name}{labels} {_number(value)}"


def _labels(**pairs: str) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in pairs.items())


def _escape(value: str) -> str:
    """Names come from engines and clients: nothing in them may end a line."""
    shown = escape_controls(value)
    return shown.replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    return f"{value:.10g}"
