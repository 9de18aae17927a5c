"""From rows to counts by bucket, by minute and label; and from minutes to hours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from keepwell.store.request_log import MEASURES
from keepwell.store.requestlog.columns import MICRO
from keepwell.store.requestlog.sketch import decode, encode, tally

MINUTE, HOUR = 60, 3600
#: What a sketch is of: a route, a replica, and "warm" or "cold"; of all replicas and both together both are "".
Label: TypeAlias = tuple[str, str, str]
#: Counts by bucket of each of MEASURES, by the second in which a span begins and label.
Tallies: TypeAlias = dict[tuple[int, Label], tuple[Counter[int], ...]]
_CLASSES = ("warm", "cold")


def make_label(route: str, replica: str, cold: int) -> Label:
    """What a request that went well counts for; `cold` is 1 where its model had to be loaded."""
    return route, replica, _CLASSES[cold == 1]


def tally_minutes(rows: Iterable[tuple[Label, int, Sequence[int | None]]]) -> Tallies:
    """By minute: each row is what it counts for, when it came and its measures, both in microseconds."""
    groups: dict[tuple[int, Label], list[Sequence[int | None]]] = {}
    for label, at, measured in rows:
        groups.setdefault((at // (MINUTE * MICRO) * MINUTE, label), []).append(measured)
    return {key: tuple(map(tally, zip(*found, strict=True))) for key, found in groups.items()}


def roll_up(minutes: Tallies) -> tuple[Tallies, Tallies]:
    """The same by hour, and by hour of all replicas and classes of a route together."""
    hours = _sum(((at - at % HOUR, label), counters) for (at, label), counters in minutes.items())
    routes = _sum(((at, (label[0], "", "")), counters) for (at, label), counters in hours.items())
    return hours, routes


def merge(sketch: bytes | None, more: Counter[int]) -> bytes:
    """The sketch with these in it too; None is an empty one."""
    if not sketch:
        return encode(more)
    total = Counter(decode(sketch))
    total.update(more)
    return encode(total)


def _sum(parts: Iterable[tuple[tuple[int, Label], tuple[Counter[int], ...]]]) -> Tallies:
    found: Tallies = {}
    for key, counters in parts:
        into = found.get(key)
        if into is None:
            into = found[key] = tuple(Counter[int]() for _ in MEASURES)
        for one, more in zip(into, counters, strict=True):
            one.update(more)
    return found
