"""The numbers of one page of metrics as series, by a table of names. Pure: bytes in, readings out."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from keepwell.core.distribution import EDGE
from keepwell.core.observation import Missing, absent
from keepwell.core.ref import Ref
from keepwell.core.series import Reading, SeriesKey
from keepwell.formats.metric_page import PageReader
from keepwell.plugins.alias_table import AliasTable, Row
from keepwell.plugins.readings import READINGS

_FIELD = re.compile(r"\{(\w+)\}")
#: Series that one page may give: a router of 16 models with all histograms has 3,000.
MAX_SERIES = 5_000
#: Characters of a label's value that are kept: names of models are paths at times.
LABEL_CHARACTERS = 200


@dataclass(slots=True)
class _Slot:
    """One series while a page is read: its sum (or highest) and the number of lines, valid in this look only."""

    key: SeriesKey
    row: Row
    rank: int
    look: int = 0
    value: float = 0.0
    lines: int = 0


class PageNumbers:
    """Reads the same page again and again. `subject` is the Ref's text that the page is about, `node` where it lies,
    `labels` are those that every series of it gets beside the page's own.
    """

    def __init__(self, table: AliasTable, subject: str, node: str, labels: Mapping[str, str] | None = None) -> None:
        self._table = table
        self._subject = subject
        self._node = node
        self._labels = dict(labels or {})
        self._slots: dict[tuple[int, int, SeriesKey], _Slot] = {}
        self._reader = PageReader(self._find_slots)
        self._look = 0
        self._lacking: dict[int, Reading] = {}

    def read(self, body: bytes) -> list[Reading]:
        """Every series of the table: its number, or absent with the names that were looked for."""
        touched = self._collect(body)
        best: dict[int, int] = {}
        for slot in touched:
            best[id(slot.row)] = min(slot.rank, best.get(id(slot.row), slot.rank))
        found: list[Reading] = [(slot.key, _value_of(slot)) for slot in touched if slot.rank == best[id(slot.row)]]
        found += [self._lack(row) for row in self._table.rows if not row.subject and id(row) not in best]
        return found

    def without(self, reason: Missing) -> list[Reading]:
        """Every series that the pages had so far, and those of the table that none had, all without a number."""
        seen = {id(slot.row) for slot in self._slots.values()}
        lacking = (self._lack(row)[0] for row in self._table.rows if not row.subject and id(row) not in seen)
        return [(key, reason) for key in dict.fromkeys([*(slot.key for slot in self._slots.values()), *lacking])]

    def _collect(self, body: bytes) -> list[_Slot]:
        self._look += 1
        look, refused = self._look, self._table.refuse_from
        touched: list[_Slot] = []
        for slots, value in self._reader.read(body):
            if value >= refused:
                continue
            for slot in slots:
                if slot.look != look:
                    slot.look, slot.value, slot.lines = look, value, 1
                    touched.append(slot)
                elif slot.row.combine == "highest":
                    slot.value = max(slot.value, value)
                else:
                    slot.value += value
                    slot.lines += 1
        return touched

    def _find_slots(self, name: str, labels: Mapping[str, str]) -> tuple[_Slot, ...] | None:
        found = [
            self._slot(place.row, place.rank, key)
            for place in self._table.find(name)
            if place.row.where.items() <= labels.items()
            for key in [self._key(place.row, labels)]
            if key is not None and len(self._slots) < MAX_SERIES
        ]
        return tuple(found) or None

    def _slot(self, row: Row, rank: int, key: SeriesKey) -> _Slot:
        return self._slots.setdefault((id(row), rank, key), _Slot(key, row, rank))

    def _key(self, row: Row, labels: Mapping[str, str]) -> SeriesKey | None:
        subject = self._find_subject(row.subject, labels)
        if subject is None:
            return None
        told = {ours: labels.get(theirs, "")[:LABEL_CHARACTERS] for ours, theirs in row.labels.items()}
        own = {**row.fixed, **{ours: row.values.get(value, value) for ours, value in told.items()}}
        if EDGE in own:
            edge = _edge(own[EDGE], row.factor)
            if not edge:
                return None
            own[EDGE] = edge
        every = {**self._labels, **{name: value for name, value in own.items() if value}}
        return SeriesKey(row.name, subject, tuple(sorted(every.items())))

    def _find_subject(self, template: str, labels: Mapping[str, str]) -> str | None:
        """The Ref's text that a line is about; None where it makes none."""
        if not template:
            return self._subject
        words = {**labels, "node": self._node}
        if any(name not in words for name in _FIELD.findall(template)):
            return None
        text = _FIELD.sub(_Fill(words), template)
        try:
            return str(Ref.parse(text))
        except ValueError:
            return None

    def _lack(self, row: Row) -> Reading:
        known = self._lacking.get(id(row))
        if known is None:
            labels = tuple(sorted(self._labels.items()))
            reason = absent(f"the page has none of: {', '.join(row.told_as)} (or nothing to count happened yet)")
            known = self._lacking[id(row)] = SeriesKey(row.name, self._subject, labels), reason
        return known


@dataclass(frozen=True, slots=True)
class _Fill:
    """Puts labels into the fields of a template."""

    words: Mapping[str, str]

    def __call__(self, found: re.Match[str]) -> str:
        return self.words[found[1]]


def read_totals(table: AliasTable, body: bytes, subject: Ref) -> dict[str, float]:
    """A page that is read once, as `ExposesMetrics.metrics` gives it: all models together; what is absent is left out.

    A ratio of several models is their mean.
    """
    found: dict[str, list[float]] = {}
    for key, value in PageNumbers(table, str(subject), subject.node).read(body):
        name = key.metric.removeprefix("engine.")
        if name in READINGS and not isinstance(value, Missing):
            found.setdefault(name, []).append(value)
    totals = {name: math.fsum(values) for name, values in found.items()}
    return totals | {name: totals[name] / len(found[name]) for name in found if name.endswith("_ratio")}


def _value_of(slot: _Slot) -> float | Missing:
    value = slot.value
    if slot.row.combine == "mean":
        value /= slot.lines
    if slot.row.labels.get(EDGE):
        return value
    return value * slot.row.factor


def _edge(text: str, factor: float) -> str:
    """The upper edge of a bucket in seconds as Prometheus writes it; "" if it is none."""
    try:
        value = float(text)
    except ValueError:
        return ""
    if math.isnan(value) or value == -math.inf:
        return ""
    if value == math.inf:
        return "+Inf"
    return str(float(f"{value * factor:.9g}"))
