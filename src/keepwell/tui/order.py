"""Which rows are shown and in which order: a filter, a column, trees kept together. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keepwell.tui.cells import Row, SortKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """`column` is the number of the one that is sorted by, -1 as they come; `needle` is what rows must hold."""

    column: int = -1
    reverse: bool = False
    needle: str = ""


def arrange(rows: Sequence[Row], order: Order) -> tuple[Row, ...]:
    """The rows that are left, in order. Of a tree a group stays together, its first row with any that fits."""
    groups = list(_group(rows))
    needle = order.needle.lower()
    if needle:
        groups = [kept for kept in (_fitting(one, needle) for one in groups) if kept]
    if order.column >= 0:
        groups = [[one[0], *_sorted(one[1:], order)] for one in groups]
        groups.sort(key=_Key(order.column).of_group, reverse=order.reverse)
    return tuple(row for one in groups for row in one)


@dataclass(frozen=True, slots=True)
class _Key:
    column: int

    def of_row(self, row: Row) -> SortKey:
        return row.cells[self.column].order

    def of_group(self, group: list[Row]) -> SortKey:
        return max(map(self.of_row, group))


def _sorted(rows: list[Row], order: Order) -> list[Row]:
    return sorted(rows, key=_Key(order.column).of_row, reverse=order.reverse)


def _group(rows: Sequence[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        if row.depth == 0 and group:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _fitting(group: list[Row], needle: str) -> list[Row]:
    if _holds(group[0], needle):
        return group
    kept = [row for row in group[1:] if _holds(row, needle)]
    return [group[0]] * bool(kept) + kept


def _holds(row: Row, needle: str) -> bool:
    return needle in row.words.lower() or any(needle in cell.text.lower() for cell in row.cells)
