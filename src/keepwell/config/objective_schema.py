"""The section of keepwell.toml for objectives; see `schema`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keepwell.config import gateway_shapes, shapes
from keepwell.config.gateway_rules import Disagreement
from keepwell.config.objective_model import OF_MINUTES, OF_REQUESTS, TIMED, ObjectiveEntry
from keepwell.config.sections import Key, Section
from keepwell.core.ref import Ref

_PERCENT = re.compile(r"(\d{1,2}(?:\.\d{1,6})?)\s*%")
#: Days that a period may have: tallies of minutes are kept a little longer than the longest.
LEAST_DAYS, MOST_DAYS = 1, 92
#: Short questions a minute that keepwell may ask for one objective: twelve take one slot for some seconds of each.
MOST_PROBES = 12
_DAY = 86400.0


def target(value: object) -> float:
    """A share below all: "99.5 %", or 0.995; gives 0..1."""
    expected = 'a share of less than all: "99.5 %", or 0.995'
    if isinstance(value, str):
        found = _PERCENT.fullmatch(value.strip())
        if found is None:
            raise ValueError(expected)
        value = round(float(found[1]) / 100, 8)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise ValueError(expected)
    return float(value)


def bound(value: object) -> float:
    """A number, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ValueError("a number, 0 or more")
    return float(value)


def subject(value: object) -> str:
    """The text of a Ref."""
    found = shapes.text(value)
    try:
        return str(Ref.parse(found))
    except ValueError:
        raise ValueError('what it is about, like "device:gpu01/0" or "node:gpu01"') from None


def replica(value: object) -> str:
    """An engine, as it stands in a Ref."""
    try:
        return str(Ref.parse(f"engine:{shapes.text(value)}")).partition(":")[2]
    except ValueError:
        raise ValueError('an engine on its node, like "gpu01/ollama"') from None


def period(value: object) -> float:
    """How long a period is, in whole days."""
    expected = f'whole days, {LEAST_DAYS} to {MOST_DAYS}, like "30d"'
    try:
        seconds = shapes.duration(value)
    except ValueError:
        raise ValueError(expected) from None
    if seconds % _DAY or not LEAST_DAYS <= seconds / _DAY <= MOST_DAYS:
        raise ValueError(expected)
    return seconds


def probes(value: object) -> int:
    """How many questions a minute."""
    found = gateway_shapes.count_or_none(value)
    if found > MOST_PROBES:
        raise ValueError(f"a whole number, 0 to {MOST_PROBES}")
    return found


def find_objective_disagreements(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Disagreement]:
    """What an objective's indicator needs and has not, or has and does not need."""
    for index, one in enumerate(tables.get("objective", ())):
        indicator = str(one.get("indicator", ""))
        for key, field, wanted in _NEEDS:
            if indicator in wanted and field not in one:
                yield Disagreement(("objective", index, key), "missing", f"it, as the indicator is {indicator}")
            if indicator and indicator not in wanted and field in one:
                said = f"the indicator {indicator} has none"
                yield Disagreement(("objective", index, key), said, f"it with {', '.join(wanted)} only")
        if indicator in ("utilisation", "series") and not {"low", "high"} & set(one):
            yield Disagreement(("objective", index, "high"), "no bound", "low, high or both")
        if one.get("low", 0.0) > one.get("high", float("inf")):
            yield Disagreement(("objective", index, "high"), "below low", "a number above low")


_NEEDS = (
    ("within", "within_seconds", (*TIMED, "freshness")),
    ("at_least", "at_least", ("throughput",)),
    ("metric", "metric", ("series",)),
    ("path", "path", ("freshness",)),
)

_OBJECTIVE = (
    Key(name="name", shape=shapes.label, required=True, help="label, used in every report and alert"),
    Key(
        name="indicator",
        shape=shapes.one_of(*OF_REQUESTS, *OF_MINUTES),
        required=True,
        help="what is counted: requests answered, their times, or minutes of a series; see docs/objectives.md",
    ),
    Key(name="target", shape=target, required=True, help='the share that has to be good: "99.5 %", or 0.995'),
    Key(name="over", shape=period, field="over_seconds", help="the period, which rolls, in days"),
    Key(name="route", shape=shapes.text, help="only requests of this route, or that ask for this model"),
    Key(name="replica", shape=replica, help="only requests that this replica answered: node/engine"),
    Key(name="key", shape=shapes.text, help="only requests of this key"),
    Key(name="within", shape=shapes.duration, field="within_seconds", help="the longest time that is good"),
    Key(name="at_least", shape=shapes.positive, help="the fewest output tokens per second that are good"),
    Key(name="cold", shape=shapes.flag, help="times count requests that waited for their model to be loaded, too"),
    Key(name="metric", shape=shapes.text, help="the series' metric, as keepwell series lists it"),
    Key(name="about", shape=subject, help="only of this: device:gpu01/0, node:gpu01; left out, of all"),
    Key(name="low", shape=bound, help="the lowest number that is good"),
    Key(name="high", shape=bound, help="the highest number that is good"),
    Key(name="path", shape=shapes.path, help="the file, or the folder whose newest file has to be young enough"),
    Key(name="page", shape=shapes.flag, help="false: what goes wrong with it is told and wakes nobody"),
    Key(
        name="probes",
        shape=probes,
        help="short questions a minute that may be asked beside users' requests, only while there are some",
    ),
    Key(name="why", shape=shapes.text, help="what it is good for"),
)

OBJECTIVE_SECTIONS: tuple[Section, ...] = (
    Section(
        name="objective",
        several=True,
        help="What users are promised, and how often it may be missed.",
        entry=ObjectiveEntry,
        field="objectives",
        keys=_OBJECTIVE,
        distinct=("name",),
    ),
)
