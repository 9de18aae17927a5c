"""Rows and columns as a pane draws them. Frozen data, no terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.core.finding import Status

#: How a cell is meant; `styles` gives each its colour. No meaning rests on the colour alone.
Tone: TypeAlias = Literal["", "good", "warn", "bad", "dim", "bold", "unsure"]
#: What rows are sorted by: numbers before texts.
SortKey: TypeAlias = tuple[float, str]
#: Tone of each status.
TONES: dict[Status, Tone] = {
    Status.OK: "good",
    Status.UNKNOWN: "unsure",
    Status.WARNING: "warn",
    Status.CRITICAL: "bad",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A text without control characters, how it is meant, and what its column is sorted by."""

    text: str
    tone: Tone = ""
    order: SortKey = (0.0, "")


BLANK = Cell("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """`width` in characters; the one with `grows` takes what is left. Where there is no room for all, those of the
    highest `rank` go first; rank 0 stays.
    """

    title: str
    width: int
    right: bool = False
    grows: bool = False
    rank: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`key` tells it apart from others, over time too; `subject` is what a detail is about; `words` are what a filter
    looks into beside the cells. `depth` 0 begins a group that stays together when rows are sorted as a tree.
    """

    key: str
    cells: tuple[Cell, ...]
    subject: str = ""
    words: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`empty` is what a person reads where there are no rows: why, and what to do. `count` counts what the title
    names, where that are not all rows.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = ()
    empty: str = ""
    count: int = -1
