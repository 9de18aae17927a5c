"""What a dashboard is made of: panels with questions, in rows. Data; `grafana` writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

PanelKind: TypeAlias = Literal["lines", "number", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question in PromQL and how each of its lines is called ({{label}}). `$__rate_interval` is Grafana's."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: `unit` as Grafana names it; `width` of 24; `high` shows 0..1 or the like up to there."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: PanelKind = "lines"
    width: int = 12
    help: str = ""
    highest: float | None = None
    stacked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A heading and the panels below it; `folded` ones are asked only when somebody opens them."""

    title: str
    panels: tuple[Panel, ...]
    folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A choice above the panels: the values of a label, with all of them at first."""

    name: str
    label: str
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard. `uid` never changes: it is the end of its address, and what others link to."""

    uid: str
    title: str
    help: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()


def line(title: str, expression: str, legend: str, unit: str = "short", *, highest: float | None = None) -> Panel:
    """A panel of lines with one question."""
    return Panel(title=title, queries=(Query(expression=expression, legend=legend),), unit=unit, highest=highest)


def tile(title: str, expression: str, unit: str = "short") -> Panel:
    """A panel with one number of now."""
    return Panel(title=title, queries=(Query(expression=expression),), unit=unit, kind="number", width=4)
