"""What the gateway counts: requests by how they ended, tokens, and how long each part took; as Prometheus reads it.

Requests are counted in batches, away from the path of any request. Labels are names that the owner chose (routes,
replicas, keys) or that are written here (outcomes): what a client writes is in none of them. The bounds of the buckets
are those that vLLM gives the metrics of the same meaning (vllm/v1/metrics/buckets.py of release 0.33), so that one
panel can show both.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, repeat
from operator import attrgetter
from typing import TypeAlias

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
PREFIX = "keepwell_gateway_"
#: Histograms of each route: name, bounds, help.
HISTOGRAMS = (
    ("request_queue_time_seconds", WHOLE, "Time until a replica was free"),
    ("time_to_first_token_seconds", FIRST, "Time from the request to the first byte of its answer"),
    ("request_time_per_output_token_seconds", TOKEN, "Mean time for each output token after the first, by stream"),
    ("inter_token_latency_seconds", TOKEN, "Time between two parts of a stream"),
    ("e2e_request_latency_seconds", WHOLE, "Time from the request to the end of its answer"),
)
#: Routes, replicas and outcomes that get lines of their own; a fleet has a few hundred. More are counted as `OTHER`.
SERIES, ROUTES, OTHER = 4096, 1024, "other"
_OUTCOME = attrgetter("route", "replica", "error")


#: Numbers by labels.
Rows: TypeAlias = Sequence[tuple[Mapping[str, str], float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A number of now, by labels. `kind` is "gauge" or "counter"."""

    name: str
    help: str
    rows: Rows
    kind: str = "gauge"


class Histogram:
    """Counts by bound, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, values: Sequence[float]) -> None:
        """More of them."""
        counts = self.counts
        for place in map(bisect_left, repeat(self.bounds), values):
            counts[place] += 1
        self.total += sum(values)

    def render(self, name: str, labels: str) -> Iterator[str]:
        """Its lines."""
        so_far = 0
        for bound, count in zip((*map(repr, self.bounds), "+Inf"), tuple(self.counts), strict=True):
            so_far += count
            yield f'{name}_bucket{{{labels},le="{bound}"}} {so_far}'
        yield f"{name}_sum{{{labels}}} {_number(self.total)}"
        yield f"{name}_count{{{labels}}} {so_far}"


@dataclass(slots=True)
class _Route:
    """What is counted of one route."""

    histograms: tuple[Histogram, ...]
    tokens: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    changed_options: int = 0


class Measures:
    """By route: histograms and tokens; by route, replica and outcome: requests. `lost` are requests that are not in
    the record, `unwritten` rows that wait for it.
    """

    def __init__(self) -> None:
        self.lost = self.unwritten = 0
        self._outcomes: Counter[tuple[str, str, str]] = Counter()
        self._proofs: Counter[tuple[str, str]] = Counter()
        self._routes: dict[str, _Route] = {}

    def count(self, batch: Iterable[Facts]) -> None:
        """These requests are over."""
        by_route: dict[str, list[Facts]] = {}
        for one in batch:
            by_route.setdefault(one.route, []).append(one)
        for route, rows in by_route.items():
            for key, number in Counter(map(_OUTCOME, rows)).items():
                self._outcomes[self._place(key)] += number
            self._add(self._get(route), rows)

    def render(self, gauges: Iterable[Gauge] = ()) -> bytes:
        """The text form of Prometheus."""
        return ("\n".join(self._lines(gauges)) + "\n").encode()

    def _add(self, route: _Route, rows: list[Facts]) -> None:
        waits, firsts, paces, gaps, wholes = route.histograms
        wholes.add([one.ended - one.began for one in rows])
        waits.add([one.started - one.began for one in rows if one.started])
        firsts.add([one.first - one.began for one in rows if one.first])
        streams = [one for one in rows if one.stream]
        counted = [(one, one.usage.output_tokens) for one in streams]
        paces.add([(one.last - one.first) / (made - 1) for one, made in counted if made > 1 and one.first])
        for one in streams:
            times = one.times
            if times:
                gaps.add([after - before for before, after in pairwise(times)])
        self._add_tokens(route, rows)

    def _add_tokens(self, route: _Route, rows: list[Facts]) -> None:
        usages = [one.usage for one in rows]
        found = {
            "input": sum([one.input_tokens for one in usages if one.input_tokens > 0]),
            "output": sum([one.output_tokens for one in usages if one.output_tokens > 0]),
            "cached": sum([one.cached_tokens for one in usages if one.cached_tokens > 0]),
        }
        for kind, number in found.items():
            if number:
                route.tokens[kind] = route.tokens.get(kind, 0) + number
        route.retries += sum([one.retries for one in rows])
        route.changed_options += sum([one.changed_options for one in rows])
        self._proofs.update([(one.replica, one.proof) for one in rows if one.proof])

    def _lines(self, gauges: Iterable[Gauge]) -> Iterator[str]:
        yield from _gauge(self._requests())
        yield from _gauge(self._tokens())
        retried: Rows = [({"route": name}, float(one.retries)) for name, one in list(self._routes.items())]
        yield from _gauge(Gauge(name="retries_total", help="Further tries", rows=retried, kind="counter"))
        changed: Rows = [({"route": name}, float(one.changed_options)) for name, one in list(self._routes.items())]
        words = "Options of requests that would have loaded a model anew, set right"
        yield from _gauge(Gauge(name="options_changed_total", help=words, rows=changed, kind="counter"))
        yield from _gauge(self._answers())
        lost: Rows = [({}, float(self.lost))]
        yield from _gauge(Gauge(name="record_lost_total", help="Requests not recorded", rows=lost, kind="counter"))
        unwritten: Rows = [({}, float(self.unwritten))]
        yield from _gauge(Gauge(name="record_unwritten", help="Rows that wait to be written", rows=unwritten))
        for one in gauges:
            yield from _gauge(one)
        yield from self._histograms()

    def _requests(self) -> Gauge:
        rows = [
            ({"route": route, "replica": replica, "outcome": outcome or "well"}, float(number))
            for (route, replica, outcome), number in list(self._outcomes.items())
        ]
        return Gauge(name="requests_total", help="Requests that are over", rows=rows, kind="counter")

    def _answers(self) -> Gauge:
        rows = [
            ({"replica": replica, "proof": proof}, float(number))
            for (replica, proof), number in list(self._proofs.items())
        ]
        words = "Answers that name a model, by how well it is known who gave them"
        return Gauge(name="answers_total", help=words, rows=rows, kind="counter")

    def _tokens(self) -> Gauge:
        rows = [
            ({"route": name, "kind": kind}, float(number))
            for name, route in list(self._routes.items())
            for kind, number in list(route.tokens.items())
        ]
        return Gauge(name="tokens_total", help="Tokens as engines counted them", rows=rows, kind="counter")

    def _histograms(self) -> Iterator[str]:
        routes = list(self._routes.items())
        for place, (name, _, words) in enumerate(HISTOGRAMS):
            yield f"# HELP {PREFIX}{name} {words}"
            yield f"# TYPE {PREFIX}{name} histogram"
            for route, found in routes:
                yield from found.histograms[place].render(PREFIX + name, _labels({"route": route}))

    def _place(self, key: tuple[str, str, str]) -> tuple[str, str, str]:
        if key in self._outcomes or len(self._outcomes) < SERIES:
            return key
        return OTHER, OTHER, OTHER

    def _get(self, name: str) -> _Route:
        found = self._routes.get(name)
        if found is None:
            if len(self._routes) >= ROUTES and name != OTHER:
                return self._get(OTHER)
            found = self._routes[name] = _Route(tuple(Histogram(bounds) for _, bounds, _ in HISTOGRAMS))
        return found


def _gauge(one: Gauge) -> Iterator[str]:
    name = PREFIX + one.name
    yield f"# HELP {name} {one.help}"
    yield f"# TYPE {name} {one.kind}"
    for labels, value in one.rows:
        yield f"{name}{f'{{{_labels(labels)}}}' * bool(labels)} {_number(value)}"


def _labels(pairs: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in pairs.items())


def _escape(value: str) -> str:
    """Names come from engines and owners: nothing in them may end a line."""
    return escape_controls(value).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    """Whole numbers are written out: a counter must not stand still once it is large."""
    if value == int(value):
        return str(int(value))
    return f"{value:.10g}"
