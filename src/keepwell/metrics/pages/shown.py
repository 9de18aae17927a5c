"""Shown: one name on a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.core.metric import Unit

ShownKind: TypeAlias = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A name without the prefix `keepwell_`, what it counts, and its labels (a histogram's `le` is none of them)."""

    name: str
    help: str
    kind: ShownKind = "gauge"
    unit: Unit = Unit.COUNT
    labels: tuple[str, ...] = ()
