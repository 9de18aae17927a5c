"""Thresholds over series: from the table of numbers to findings, with one value to raise and a lower one to clear.

The thresholds are data, in `thresholds.toml` beside this; keepwell.toml changes them and adds others.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from keepwell.config.alert_model import ThresholdEntry
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing
from keepwell.core.ref import Ref
from keepwell.core.series import SeriesKey
from keepwell.core.words import figure, share, size

FILE = Path(__file__).with_name("thresholds.toml")
#: A number that is older says nothing of now: five minutes, or ten times what lies between two of it.
STALE_SECONDS = 300.0
#: Longest span of a mean: the table holds a quarter of an hour.
LONGEST_SECONDS = 600.0
#: At least this share of the span must be there: a mean of the first seconds after a start is none.
SPAN_RATIO = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """From `warning` on it is a warning, and stays one down to `warning_clear`; the same for critical. None is never.

    What is looked at is the mean of `metric` over `over_seconds` (0: its newest number); with `grows`, by how much a
    counter grew in that time; with `per`, divided by the same of another number of the same subject, which has to be
    `least` at least. With `below` low is bad. Only series with these `labels` count. `source` says where the values
    come from.
    """

    name: str
    metric: str
    say: str
    warning: float | None = None
    warning_clear: float | None = None
    critical: float | None = None
    critical_clear: float | None = None
    over_seconds: float = 60.0
    grows: bool = False
    per: str = ""
    least: float = 0.0
    below: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


class Series(Protocol):
    """One series of the last minutes: its newest number or why there is none, when, and the samples before."""

    @property
    def value(self) -> float | Missing:
        """The newest."""
        ...

    @property
    def at(self) -> float:
        """When, in seconds since the epoch."""
        ...

    @property
    def times(self) -> Sequence[float]:
        """Instants of the samples, in order."""
        ...

    @property
    def values(self) -> Sequence[float]:
        """Their numbers."""
        ...


class Numbers(Protocol):
    """The table of series that thresholds are held against."""

    def tracks(self) -> Iterator[tuple[SeriesKey, Series]]:
        """All of them."""
        ...

    def find(self, key: SeriesKey) -> Series | None:
        """One of them, or None."""
        ...


@cache
def own_thresholds() -> tuple[Threshold, ...]:
    """Those that keepwell ships."""
    rows = tomllib.loads(FILE.read_text("utf-8"))["threshold"]
    return tuple(Threshold(**row) for row in rows)


def choose_thresholds(entries: Iterable[ThresholdEntry]) -> tuple[Threshold, ...]:
    """Keepwell's own as the owner changed them, and the owner's. Raises ConfigurationError for one without a metric."""
    chosen = {one.name: one for one in own_thresholds()}
    for entry in entries:
        if entry.off:
            chosen.pop(entry.name, None)
        elif entry.name in chosen:
            chosen[entry.name] = replace(chosen[entry.name], **_said(entry))
        elif entry.metric:
            say = entry.say or f"{{subject}}: {entry.metric} is {{value}}"
            chosen[entry.name] = Threshold(**{"say": say, **_said(entry)})
        else:
            raise ConfigurationError(
                f"the threshold {entry.name!r} names no metric", hint=f"keepwell has: {', '.join(chosen)}"
            )
    return tuple(chosen.values())


def _said(entry: ThresholdEntry) -> dict[str, Any]:
    """What an entry says; a new value to raise takes the clear value that went with the old one away."""
    words = {one.name: getattr(entry, one.name) for one in fields(ThresholdEntry) if one.name != "off"}
    said = {name: value for name, value in words.items() if value is not None and value not in ("", {})}
    for level in ("warning", "critical"):
        if level in said:
            said.setdefault(f"{level}_clear", None)
    return said


def judge_thresholds(
    thresholds: Iterable[Threshold], table: Numbers, now: float, raised: Mapping[str, Status]
) -> Iterator[tuple[str, Finding]]:
    """A finding for every series that a threshold is about, by its key; OK ones too, so that an end is seen.

    `raised` is the status that each key had before, for the clear values. What has no fresh number yields nothing.
    """
    by_metric: dict[str, list[Threshold]] = {}
    for one in thresholds:
        by_metric.setdefault(one.metric, []).append(one)
    for key, track in table.tracks():
        for threshold in by_metric.get(key.metric, ()):
            if threshold.labels.items() <= dict(key.labels).items():
                value = find_value(threshold, key, track, table, now)
                if value is not None:
                    name = series_key(threshold, key)
                    yield name, _finding(threshold, key, value, find_status(threshold, value, raised.get(name)))


def series_key(threshold: Threshold, key: SeriesKey) -> str:
    """The key of the condition of one series; see `keepwell.alerts.conditions.key_of`."""
    return " ".join(one for one in (threshold.name, key.subject, _labels(key)) if one)


def find_value(threshold: Threshold, key: SeriesKey, track: Series, table: Numbers, now: float) -> float | None:
    """What is held against the values; None where the numbers are missing, old, or too few."""
    value = _measure(threshold, track, now)
    if value is None or not threshold.per:
        return value
    other = table.find(SeriesKey(threshold.per, key.subject, key.labels))
    whole = other and _measure(threshold, other, now)
    if not whole or whole < threshold.least:
        return None
    return value / whole


def find_status(threshold: Threshold, value: float, before: Status | None) -> Status:
    """How bad a value is for who was in this status before."""
    before = before or Status.OK
    levels = (
        (Status.CRITICAL, threshold.critical, threshold.critical_clear),
        (Status.WARNING, threshold.warning, threshold.warning_clear),
    )
    for status, raised, clear in levels:
        if raised is not None and _reaches(value, raised, below=threshold.below):
            return status
        if clear is not None and before >= status and _reaches(value, clear, below=threshold.below):
            return status
    return Status.OK


def _reaches(value: float, limit: float, *, below: bool) -> bool:
    if below:
        return value <= limit
    return value >= limit


def _measure(threshold: Threshold, track: Series, now: float) -> float | None:
    if isinstance(track.value, Missing) or now - track.at > STALE_SECONDS:
        return None
    span = min(threshold.over_seconds, LONGEST_SECONDS)
    if not span:
        return track.value
    first = bisect_left(track.times, track.at - span)
    if track.at - track.times[0] < span * SPAN_RATIO and len(track.times) > 1:
        return None
    values = track.values[first:]
    if threshold.grows:
        return sum(max(after - before, 0.0) for before, after in pairwise(values))
    return sum(values) / len(values)


def _finding(threshold: Threshold, key: SeriesKey, value: float, status: Status) -> Finding:
    labels = _labels(key)
    words = {"subject": f"{key.subject} {labels}".strip(), "value": _shown(threshold, value)}
    message = threshold.say
    for name, text in (words | dict(key.labels)).items():
        message = message.replace(f"{{{name}}}", text)
    facts = {"metric": key.metric, "value": f"{value:.6g}", "series": labels}
    return Finding(
        check=threshold.name,
        subject=Ref.parse(key.subject),
        status=status,
        message=message,
        facts={name: text for name, text in facts.items() if text},
    )


def _shown(threshold: Threshold, value: float) -> str:
    """The value in the unit that the metric's name ends in; a quotient is a share."""
    if threshold.metric.endswith("_ratio") or threshold.per:
        return share(value)
    if threshold.metric.endswith("_bytes"):
        return size(value)
    return figure(value) + " °C" * threshold.metric.endswith("_celsius")


def _labels(key: SeriesKey) -> str:
    return " ".join(f"{name}={value}" for name, value in key.labels)
