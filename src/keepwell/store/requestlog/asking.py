"""Quantiles from sketches: which of them answer a question, and what they say together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from keepwell.store.request_log import MEASURES, QuantileRow, Quantiles
from keepwell.store.requestlog.folding import Rest
from keepwell.store.requestlog.schema import get_about
from keepwell.store.requestlog.sketch import add_up, encode, quantiles
from keepwell.store.requestlog.tallies import HOUR, MINUTE, Label, tally_minutes

#: A sketch, when its span begins, and what it is of.
Piece: TypeAlias = tuple[int, Label, bytes]
#: One group of an answer: when, route, replica, class.
Group: TypeAlias = tuple[int, str, str, str]
#: A table and the seconds from and before which its spans begin.
Span: TypeAlias = tuple[str, int, int]
#: Far after every span, in seconds.
_END = 2.0**40


def find_pieces(connection: sqlite3.Connection, question: Quantiles) -> Iterator[Piece]:
    """All sketches of one file that the answer is made of, of those rows too that none counted yet."""
    connection.execute("BEGIN")  # rows and sketches of one moment
    try:
        measure = MEASURES.index(question.measure)
        for table, since, until in find_spans(question, get_about(connection, "minutes")):
            sketch, narrowed = "sketch", "measure = :measure AND "
            if table == "minute":
                sketch, narrowed = question.measure, ""
            query = f"SELECT at, route, replica, class, {sketch} FROM {table} CROSS JOIN label USING (label)"
            bounds = {"measure": measure, "since": since, "until": until}
            found = connection.execute(f"{query} WHERE {narrowed}at >= :since AND at < :until", bounds)
            yield from ((at, (route, replica, name), one) for at, route, replica, name, one in found if one)
        since, until = find_minutes(question)
        for (at, label), counters in tally_minutes(Rest(connection)).items():
            if since <= at < until and counters[measure]:
                yield at, label, encode(counters[measure])
    finally:
        connection.execute("COMMIT")


def answer(question: Quantiles, pieces: Iterable[Piece]) -> list[QuantileRow]:
    """Put together what belongs to one group, sorted by group. Pieces may come in any order."""
    groups: dict[Group, list[bytes]] = {}
    group_of = _Grouping(question)
    for at, label, sketch in pieces:
        group = group_of(at, label)
        if group is not None:
            groups.setdefault(group, []).append(sketch)
    return [_row(group, sketches, question.shares) for group, sketches in sorted(groups.items())]


def find_spans(question: Quantiles, minutes: int) -> Iterator[Span]:
    """Of which spans of which tables ("minute", "hour", "route_hour") the answer is made: whole hours, minutes before
    and after them; the whole hour where minutes before the second `minutes` are gone.
    """
    since, until = find_minutes(question)
    if "minute" in question.by:
        yield "minute", since, until
        return
    first, last = -(-since // HOUR) * HOUR, until // HOUR * HOUR
    edges = [(since, first), (last, until)]
    if first > last:
        edges = [(since, until)]
    elif first < last:
        yield _table(question), first, last
    for begin, end in edges:
        if begin < end and begin >= minutes:
            yield "minute", begin, end
        elif begin < end:
            yield _table(question), begin - begin % HOUR, end


def find_minutes(question: Quantiles) -> tuple[int, int]:
    """The seconds in which the first of its minutes begins and the last one ends."""
    since, until = (min(max(0.0, one), _END) for one in (question.since, question.until))
    return int(since // MINUTE * MINUTE), int(-(-until // MINUTE) * MINUTE)


class _Grouping:
    """Which group a piece belongs to."""

    def __init__(self, question: Quantiles) -> None:
        self._question = question
        self._route = "route" in question.by
        self._replica = "replica" in question.by
        self._class = "class" in question.by
        # Where it is grouped by no time all times are one.
        self._seconds = (HOUR * ("hour" in question.by), MINUTE)["minute" in question.by]
        self._wanted: dict[Label, tuple[str, str, str] | None] = {}

    def __call__(self, at: int, label: Label) -> Group | None:
        """The group, or None where it is not asked for."""
        if label not in self._wanted:
            self._wanted[label] = self._words(label)
        words = self._wanted[label]
        if words is None:
            return None
        if not self._seconds:
            return (0, *words)
        return (at - at % self._seconds, *words)

    def _words(self, label: Label) -> tuple[str, str, str] | None:
        route, replica, name = label
        question = self._question
        if question.route not in ("", route) or question.replica not in ("", replica):
            return None
        if name == "cold" and not question.cold:
            return None
        return route * self._route, replica * self._replica, name * self._class


def _row(group: Group, sketches: Sequence[bytes], shares: Sequence[float]) -> QuantileRow:
    sketch = sketches[0]
    if len(sketches) > 1:
        sketch = encode(add_up(sketches))
    at, route, replica, name = group
    count, values = quantiles(sketch, shares)
    return QuantileRow(at=float(at), route=route, replica=replica, count=count, values=values, class_name=name)


def _table(question: Quantiles) -> str:
    """Sums over replicas and classes are ready for who asks for neither."""
    if question.replica or not question.cold or {"replica", "class"} & set(question.by):
        return "hour"
    return "route_hour"
