"""What fills up and what stepped: out of the logs of series and of requests, as rows that checks judge."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from keepwell.core.event import Event
from keepwell.core.metric import Metric, Unit
from keepwell.core.observation import Observation, Value
from keepwell.core.ref import Ref, node
from keepwell.core.series import SeriesKey
from keepwell.metrics import declared
from keepwell.series.forecast import Forecast, make_forecast
from keepwell.series.sample import Series, make_series, median
from keepwell.series.steps import LEAST_SAMPLES, Step, find_steps
from keepwell.store.request_log import Group, Measure, Quantiles, RequestLog
from keepwell.store.series_log import HOUR, MINUTE, SeriesLog
from keepwell.timeline.relate import shortly_before

DAY = 86400.0
#: Days of the past that growth and steps are looked for in, and hours below which minutes are looked at.
ROOM_DAYS, STEP_DAYS, FEW_HOURS = 14.0, 7.0, 48.0
#: Steps older than this are history.
RECENT_SECONDS = 3 * DAY
#: Requests of an hour or minute from which on its quantile is a sample, and series that are looked at in one go.
LEAST_REQUESTS, SERIES = 3, 500
#: A level that went back by this share of a step no longer stands.
BACK = 0.5
#: Rooms: the metric of the whole, of what is free or else used, and what kind of thing it is.
ROOMS: tuple[tuple[str, str, str, str], ...] = (
    ("mount.total_bytes", "mount.free_bytes", "", "disk"),
    ("host.pool_total_bytes", "host.pool_free_bytes", "", "disk"),
    ("device.memory_total_bytes", "", "device.memory_used_bytes", "memory"),
)
#: Of requests: the measure, what it is called, and the share that is looked at.
MEASURED: tuple[tuple[Measure, str], ...] = (
    ("ttft", "median seconds to the first token"),
    ("tpot", "median seconds a token"),
)
#: Rates of which less is better, by their names' words.
_LESS_IS_BETTER = ("waiting", "preempt", "evict", "error", "fail", "retr", "fault")
#: What requests are put together by, and the kind of Ref of each; and by which spans, with how far back.
_KINDS: tuple[tuple[Group, str], ...] = (("route", "route"), ("replica", "engine"))
_STEPS: tuple[tuple[Group, float], ...] = (("hour", STEP_DAYS * DAY), ("minute", FEW_HOURS * HOUR))
#: What changed on a node, oldest first.
Changes = Callable[[Ref], Iterable[Event]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """A step of one series: what it is about and called; `worse` and `standing` as `trend.steps` has them."""

    subject: str
    name: str
    step: Step
    worse: bool
    standing: bool
    events: tuple[str, ...] = ()


def look_rooms(log: SeriesLog, now: float) -> Iterator[tuple[str, Value]]:
    """Each room with the node that it is on, as a row of `trend.rooms`. Raises AccessError."""
    for total, free, used, kind in ROOMS:
        for key in log.keys(total)[:SERIES]:
            sizes = log.points(key, now - 2 * HOUR, now + MINUTE, MINUTE)
            if not sizes:
                continue  # it is gone
            limit = sizes[-1].last
            other = SeriesKey(free or used, key.subject, key.labels)
            samples = read_samples(log, other, now, ROOM_DAYS)
            if free:
                samples = [(at, limit - value) for at, value in samples]
            if samples and limit > 0:
                about = subject_of(key)
                yield about.node, _room_row(str(about), kind, samples, limit, now)


def subject_of(key: SeriesKey) -> Ref:
    """What a room is about; a pool, which is a number of its node, is told as what is mounted there by that name."""
    about, pool = Ref.parse(key.subject), dict(key.labels).get("pool", "")
    if pool:
        return Ref("mount", (about.node, pool))
    return about


def read_samples(log: SeriesLog, key: SeriesKey, now: float, days: float) -> list[tuple[float, float]]:
    """The last value of each hour, or of each minute where hours are few."""
    hours = log.points(key, now - days * DAY, now + HOUR, HOUR)
    if len(hours) >= FEW_HOURS:
        return [(one.at + HOUR, one.last) for one in hours if one.at + HOUR <= now + MINUTE]
    return [(one.at, one.last) for one in log.points(key, now - FEW_HOURS * HOUR, now + MINUTE, MINUTE)]


def look_steps(requests: RequestLog, log: SeriesLog, now: float, changes: Changes) -> list[Stepped]:
    """Steps of the last days in what requests took, and in latencies and throughputs that engines tell; the oldest
    first. Raises AccessError.
    """
    found: list[Stepped] = []
    for subject, name, series, lower in _every_series(requests, log, now):
        for step in find_steps(series):
            if step.at >= now - RECENT_SECONDS:
                found.append(_stepped(subject, name, series, step, lower))
    told: dict[str, tuple[Event, ...]] = {}
    return sorted((_with_events(one, changes, told) for one in found), key=attrgetter("step.at"))


def make_observations(
    rooms: Iterable[tuple[str, Value]], steps: Iterable[Stepped], home: str, now: float
) -> Iterator[Observation]:
    """`trend.rooms` and `trend.steps` of each node; what lies above nodes is told of the one that the hub runs on."""
    by_node: dict[tuple[str, str], list[Value]] = {}
    for name, row in rooms:
        by_node.setdefault((name, "trend.rooms"), []).append(row)
    for one in steps:
        place = Ref.parse(one.subject).node or home
        by_node.setdefault((place, "trend.steps"), []).append(step_row(one))
    for (name, what), rows in by_node.items():
        yield Observation(subject=node(name), name=what, value=tuple(rows), at=now, source="the hub's series")


def step_row(one: Stepped) -> Mapping[str, Value]:
    """As a row of `trend.steps`."""
    return {
        "subject": one.subject,
        "name": one.name,
        "at": one.step.at,
        "earliest": one.step.earliest,
        "before": one.step.before,
        "after": one.step.after,
        "chance": one.step.chance,
        "worse": one.worse,
        "standing": one.standing,
        "events": one.events,
    }


def _room_row(
    subject: str, kind: str, samples: Sequence[tuple[float, float]], limit: float, now: float
) -> Mapping[str, Value]:
    level = samples[-1][1]
    row: dict[str, Value] = {"subject": subject, "kind": kind, "used_bytes": level, "total_bytes": limit}
    row["used_ratio"] = level / limit
    found = make_forecast(make_series(subject, samples), limit, now)
    if not isinstance(found, Forecast):
        return {**row, "problem": found}
    row |= {"growth_bytes_per_day": found.growth * DAY, "sure": found.grows, "since": found.since}
    days = {"days": found.seconds, "soonest_days": found.soonest, "latest_days": found.latest}
    return {**row, **{name: seconds / DAY for name, seconds in days.items() if math.isfinite(seconds)}}


def _every_series(requests: RequestLog, log: SeriesLog, now: float) -> Iterator[tuple[str, str, Series, bool]]:
    """What it is about, what it is called, its samples, and whether less is better."""
    for measure, words in MEASURED:
        for by, kind in _KINDS:
            for name, samples in _by_group(requests, measure, by, now).items():
                yield f"{kind}:{name}", words, make_series(words, samples), True
    for metric in declared().values():
        if isinstance(metric, Metric) and metric.about in ("engine", "model") and is_speed(metric):
            for key in log.keys(metric.name)[:SERIES]:
                points = log.points(key, now - STEP_DAYS * DAY, now + HOUR, HOUR)
                samples = [(one.at, one.mean) for one in points if one.samples]
                lower = metric.unit is Unit.SECONDS or any(word in metric.name for word in _LESS_IS_BETTER)
                yield key.subject, metric.name, make_series("", samples), lower


def is_speed(metric: Metric) -> bool:
    """Whether it is a latency or a throughput."""
    return metric.unit in (Unit.SECONDS, Unit.PER_SECOND) and metric.kind == "gauge"


def _by_group(requests: RequestLog, measure: Measure, by: Group, now: float) -> dict[str, list[tuple[float, float]]]:
    """Medians by hour of a week where there are enough hours, else by minute of two days; warm requests only."""
    found: dict[str, list[tuple[float, float]]] = {}
    for step, seconds in _STEPS:
        found.clear()
        question = Quantiles(measure=measure, since=now - seconds, until=now, by=(by, step), shares=(0.5,), cold=False)
        for row in requests.quantiles(question):
            name = getattr(row, by)
            if name and row.count >= LEAST_REQUESTS:
                found.setdefault(name, []).append((row.at, row.values[0]))
        if any(len(samples) >= 4 * LEAST_SAMPLES for samples in found.values()):
            return found
    return found


def _stepped(subject: str, name: str, series: Series, step: Step, lower: bool) -> Stepped:
    newest = median(series.values[-LEAST_SAMPLES:])
    way = step.after - step.before
    standing = (newest - step.before) / way > BACK
    return Stepped(subject=subject, name=name, step=step, worse=(way > 0) == lower, standing=standing)


def _with_events(one: Stepped, changes: Changes, told: dict[str, tuple[Event, ...]]) -> Stepped:
    place = Ref.parse(one.subject).node
    if place not in told:
        told[place] = ()
        if place:
            told[place] = tuple(changes(node(place)))
    events = tuple(event.what for event in shortly_before(told[place], one.step.at))
    return Stepped(
        subject=one.subject, name=one.name, step=one.step, worse=one.worse, standing=one.standing, events=events
    )
