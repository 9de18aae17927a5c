"""Metric and Fact: what a name of an observation means, declared once.

A metric is a number with a unit; its name ends in the unit, so that no reader has to guess. A fact is
anything else: text, a list, a mapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias


class Unit(Enum):
    """Base units only; the value is the suffix that a metric's name must end in ("" for a plain count)."""

    SECONDS = "_seconds"
    BYTES = "_bytes"
    RATIO = "_ratio"
    CELSIUS = "_celsius"
    WATTS = "_watts"
    HERTZ = "_hertz"
    TOTAL = "_total"
    COUNT = ""


MetricKind: TypeAlias = Literal["gauge", "counter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number that probes can observe.

    `about` is the kind of Ref that it is about. Raises ValueError when the name does not end in the unit's
    suffix, or when a counter is not a `_total`.
    """

    name: str
    unit: Unit
    help: str
    about: str
    kind: MetricKind = "gauge"

    def __post_init__(self) -> None:
        if not self.name.endswith(self.unit.value):
            raise ValueError(f"{self.name} is in {self.unit.name}: its name must end in {self.unit.value}")
        if self.kind == "counter" and self.unit is not Unit.TOTAL:
            raise ValueError(f"{self.name} is a counter: its name must end in _total")
        if self.unit is Unit.COUNT and any(u.value and self.name.endswith(u.value) for u in Unit):
            raise ValueError(f"{self.name} is a plain count, but its name ends in a unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something other than a number that probes can observe; `shape` says in words what the value looks like."""

    name: str
    help: str
    about: str
    shape: str = "text"
