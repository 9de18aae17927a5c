"""What the gateway counts: requests by how they ended, tokens, and how long each part took; as Prometheus reads it.

Requests are counted in batches, away from the path of any request. Labels are names that the owner chose (routes,
replicas, keys) or that are written here (outcomes): what a client writes is in none of them. The bounds of the buckets
are those that vLLM gives the metrics of the same meaning (vllm/v1/metrics/buckets.py of release 0.33), so that one
panel can show both.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

from keepwell.core.text import escape_controls
from keepwell.gateway.record.facts import Facts
from keepwell.store.requests import COLUMNS, Values

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
#: Kinds of tokens.
TOKENS = ("input", "output", "cached")


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
        """More of them; negative ones are none."""
        there = sorted(values)
        before = start = bisect_left(there, 0.0)
        for place, bound in enumerate(self.bounds):
            after = bisect_right(there, bound, before)
            self.counts[place] += after - before
            before = after
        self.counts[-1] += len(there) - before
        self.total += sum(there[start:])

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

    def count(self, batch: Sequence[Facts], rows: Sequence[Values]) -> None:
        """These requests are over; `rows` are they as the record has them."""
        names = {one.route for one in batch}
        if len(names) == 1:
            self._count(names.pop(), batch, rows)
            return
        pairs = list(zip(batch, rows, strict=True))
        for name in names:
            mine = [(one, row) for one, row in pairs if one.route == name]
            self._count(name, [one for one, _ in mine], [row for _, row in mine])

    def render(self, gauges: Iterable[Gauge] = ()) -> bytes:
        """The text form of Prometheus."""
        return ("\n".join(self._lines(gauges)) + "\n").encode()

    def _count(self, name: str, batch: Sequence[Facts], rows: Sequence[Values]) -> None:
        """All of one route: columns instead of rows, so that loops are the interpreter's own."""
        columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=False))
        for key, number in Counter(zip(columns["replica"], columns["outcome"], strict=True)).items():
            self._outcomes[self._place((name, *key))] += number
        if not name:
            return  # turned away before it had a route
        route = self._get(name)
        waits, firsts, paces, gaps, wholes = route.histograms
        waits.add(columns["queue_seconds"])
        firsts.add(columns["first_byte_seconds"])
        paces.add(columns["output_token_seconds"])
        wholes.add(columns["total_seconds"])
        for one in batch:
            if one.times is not None:
                gaps.add([after - before for before, after in pairwise(one.times)])
        for kind in TOKENS:
            number = sum([one for one in columns[f"{kind}_tokens"] if one > 0])
            if number:
                route.tokens[kind] = route.tokens.get(kind, 0) + number
        route.retries += sum(columns["retries"])
        route.changed_options += sum(columns["changed_options"])
        pairs = Counter(zip(columns["replica"], columns["proof"], strict=True))
        self._proofs.update({pair: number for pair, number in pairs.items() if pair[1]})

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
