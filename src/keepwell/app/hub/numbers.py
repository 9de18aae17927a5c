"""Series as rows for people and programs: the newest number with its unit, or why there is none; and kept points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keepwell.core.metric import Metric
from keepwell.core.observation import Missing
from keepwell.core.series import Point, SeriesKey
from keepwell.metrics import declared
from keepwell.store.series_files import is_within
from keepwell.store.series_log import SeriesLog
from keepwell.telemetry.table import KEPT, Table, Track

#: Rows of one answer: what 30 nodes with four GPUs have is 5,000.
ROWS = 10_000
#: Series whose points are given at once, and points of each: two weeks of minutes.
SERIES, POINTS = 50, 20_160


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One series now: `value`, or `missing` says why there is none ("absent: ..."). `at` is when it was read, seconds
    since the epoch.
    """

    metric: str
    about: str
    labels: dict[str, str]
    unit: str
    at: float
    value: float | None = None
    missing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One series over time: each point is [begin, mean, low, high, last, samples]."""

    metric: str
    about: str
    labels: dict[str, str]
    unit: str
    points: Sequence[Point]


def find_numbers(table: Table, *, metric: str = "", about: str = "") -> list[Number]:
    """The newest of each series that fits, sorted; `metric` may end in * and `about` holds what lies in it."""
    found = [(key, track) for key, track in table.tracks() if fits(key, metric, about)]
    current = sorted(_leave_out_overcome(found), key=_key)
    return [make_number(key, track.value, track.at) for key, track in current[:ROWS]]


def _leave_out_overcome(found: list[tuple[SeriesKey, Track]]) -> Iterator[tuple[SeriesKey, Track]]:
    """All but those that were absent without labels before the same was told with labels."""
    labelled: dict[tuple[str, str], float] = {}
    for key, track in found:
        if key.labels:
            told = key.metric, key.subject
            labelled[told] = max(track.at, labelled.get(told, track.at))
    for key, track in found:
        overcome = not key.labels and labelled.get((key.metric, key.subject), -1.0) >= track.at
        if not (overcome and isinstance(track.value, Missing)):
            yield key, track


def make_number(key: SeriesKey, value: float | Missing, at: float) -> Number:
    """The row of one series."""
    number, missing = None, ""
    if isinstance(value, Missing):
        missing = str(value)
    else:
        number = value
    return Number(
        metric=key.metric,
        about=key.subject,
        labels=dict(key.labels),
        unit=find_unit(key.metric),
        at=round(at, 3),
        value=number,
        missing=missing,
    )


def find_points(
    log: SeriesLog, metric: str, about: str, since: float, until: float, step_seconds: float
) -> list[Course]:
    """Kept points of what fits, of SERIES series at most. ValueError where the span is too long."""
    if not 0 <= until - since <= POINTS * step_seconds:
        raise ValueError("a span of that many points is not given at once")
    known = log.keys()
    keys = [one for one in known if fits(one, metric, about)][:SERIES]
    return list(_courses(log, keys, since, until, step_seconds))


def find_recent(table: Table, metric: str, about: str) -> list[Course]:
    """The last quarter of an hour from memory, each sample a point, of what fits; of SERIES series at most."""
    found = sorted((one for one in table.tracks() if fits(one[0], metric, about)), key=_key)
    return [
        Course(
            metric=key.metric,
            about=key.subject,
            labels=dict(key.labels),
            unit=find_unit(key.metric),
            points=[
                Point(at, value, value, value, value, 1)
                for at, value in zip(track.times[-KEPT:], track.values[-KEPT:], strict=True)
            ],
        )
        for key, track in found[:SERIES]
    ]


def fits(key: SeriesKey, metric: str, about: str) -> bool:
    """Whether a series is meant by a name ("" all; `host` or `host.*` all that begin so) and a Ref's text ("" all)."""
    if metric and "." not in metric:
        metric = f"{metric}.*"
    if metric.endswith("*"):
        if not key.metric.startswith(metric[:-1]):
            return False
    elif metric and key.metric != metric:
        return False
    return not about or is_within(key.subject, about, about.partition(":")[2] + "/")


def find_unit(metric: str) -> str:
    """The unit in words, "" for a plain count or a name that nobody declared."""
    found = declared().get(metric)
    if not isinstance(found, Metric) or not found.unit.value or found.unit.value == "_total":
        return ""
    return found.unit.value.strip("_").replace("_", " ")


def _courses(
    log: SeriesLog, keys: Sequence[SeriesKey], since: float, until: float, step_seconds: float
) -> Iterator[Course]:
    for key in keys:
        points = log.points(key, since, until, step_seconds)
        unit = find_unit(key.metric)
        yield Course(metric=key.metric, about=key.subject, labels=dict(key.labels), unit=unit, points=points)


def _key(row: tuple[SeriesKey, object]) -> SeriesKey:
    return row[0]
