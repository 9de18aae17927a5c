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
    JOULES = "_joules"
    HERTZ = "_hertz"
    PER_SECOND = "_per_second"
    TOTAL = "_total"
    COUNT = ""


MetricKind: TypeAlias = Literal["gauge", "counter"]
_COUNTED = "_total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number that probes and collectors can observe.

    `about` is the kind of Ref that it is about; `labels` are the names of what tells its series apart beside that
    (a CPU mode, an interface). A counter only grows, until what counts begins again at 0; its name ends in `_total`
    after the unit (`_seconds_total`, `_bytes_total`). Raises ValueError when the name does not end as it must.
    """

    name: str
    unit: Unit
    help: str
    about: str
    kind: MetricKind = "gauge"
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        stem = self.name
        if self.kind == "counter":
            if not stem.endswith(_COUNTED):
                raise ValueError(f"{self.name} is a counter: its name must end in {_COUNTED}")
            if self.unit is Unit.COUNT:
                raise ValueError(f"{self.name} is a counter: of plain things its unit is TOTAL")
            if self.unit is not Unit.TOTAL:
                stem = stem.removesuffix(_COUNTED)
        if not stem.endswith(self.unit.value):
            raise ValueError(f"{self.name} is in {self.unit.name}: its name must end in {self.unit.value}")
        if self.unit is Unit.COUNT and any(u.value and stem.endswith(u.value) for u in Unit):
            raise ValueError(f"{self.name} is a plain count, but its name ends in a unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something other than a number that probes can observe; `shape` says in words what the value looks like."""

    name: str
    help: str
    about: str
    shape: str = "text"
