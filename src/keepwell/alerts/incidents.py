"""Conditions put together to incidents: one root with all that depends on it is one incident. Pure."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from keepwell.alerts.inputs import Inputs
from keepwell.alerts.rules import KEYS
from keepwell.alerts.tree import Tree
from keepwell.core.finding import Status
from keepwell.store.alert_state import Condition, Incident

Conditions = dict[str, Condition]
Incidents = dict[str, Incident]


def arrange(
    conditions: Mapping[str, Condition], incidents: Mapping[str, Incident], inputs: Inputs
) -> tuple[Conditions, Incidents]:
    """Every condition that counts is in an incident, incidents with one cause are one, each has its root, and those
    without a condition are ended.
    """
    tables = _Tables(dict(conditions), dict(incidents))
    _place(tables, inputs)
    _fold(tables, inputs)
    members: dict[str, Conditions] = {}
    for key, one in tables.conditions.items():
        members.setdefault(one.incident, {})[key] = one
    for name, incident in list(tables.incidents.items()):
        if name in members:
            tables.incidents[name] = _with_root(incident, members[name], inputs)
        elif not incident.ended_at:
            tables.incidents[name] = replace(incident, ended_at=inputs.now, worst=Status.OK)
    return tables.conditions, tables.incidents


@dataclass(frozen=True, slots=True)
class _Tables:
    """What is being arranged; the only things here that change."""

    conditions: Conditions
    incidents: Incidents

    def members(self, incident: str) -> Conditions:
        """Those of one incident."""
        return {key: one for key, one in self.conditions.items() if one.incident == incident}

    def counting(self) -> Iterator[tuple[str, Condition]]:
        """Those that are part of an incident that lasts."""
        for key, one in self.conditions.items():
            if one.incident in self.incidents and not self.incidents[one.incident].ended_at:
                yield key, one

    def put(self, keys: Iterable[str], incident: Incident) -> None:
        """Make these part of an incident."""
        for key in keys:
            self.conditions[key] = replace(self.conditions[key], incident=incident.id)
        known = dict.fromkeys((*incident.keys, *keys))
        self.incidents[incident.id] = replace(incident, keys=tuple(known)[:KEYS], ended_at=0.0)


def _place(tables: _Tables, inputs: Inputs) -> None:
    """Conditions that began to count: what others depend on first."""
    fresh = [
        key
        for key, one in tables.conditions.items()
        if one.severity is not Status.OK and one.incident not in tables.incidents
    ]
    if not fresh:
        return
    depth = {key: len(inputs.tree.above(tables.conditions[key].subject)) for key in fresh}
    homes = _Homes(tables)
    for key in sorted(fresh, key=_by(depth)):
        one = tables.conditions[key]
        home = homes.find(key, one, inputs.tree) or _new_incident(key, one, inputs)
        tables.put((key,), home)
        homes.add(tables.conditions[key])


class _Homes:
    """Where a condition belongs, by subject: looked up for each that begins, without going through all others."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self._same: dict[str, str] = {}
        self._critical: dict[str, str] = {}
        self._ended = {one.root: name for name, one in tables.incidents.items() if one.ended_at}
        for _, one in tables.counting():
            self.add(one)

    def add(self, one: Condition) -> None:
        """A condition that is part of an incident."""
        self._same.setdefault(one.subject, one.incident)
        if one.severity is Status.CRITICAL:
            self._critical.setdefault(one.subject, one.incident)

    def find(self, key: str, one: Condition, tree: Tree) -> Incident | None:
        """The incident of what it depends on, if that is critical; of the same subject; or its own that has ended, but
        of whose end nobody was told yet.
        """
        above = [self._critical[upper] for upper in tree.above(one.subject) if upper in self._critical]
        name = self._same.get(one.subject, "") or self._ended.get(key, "")
        if above:
            name = min(above, key=self._began)
        return self._tables.incidents.get(name)

    def _began(self, name: str) -> tuple[float, str]:
        return self._tables.incidents[name].began_at, name


def _new_incident(key: str, one: Condition, inputs: Inputs) -> Incident:
    day = time.strftime("%Y%m%d", time.gmtime(inputs.now))
    digest = hashlib.sha256(f"{key} {inputs.now!r}".encode()).hexdigest()
    return Incident(
        id=f"a{day}-{digest[:8]}",
        root=key,
        check=one.check,
        subject=one.subject,
        message=one.message,
        began_at=one.since,
        due_at=inputs.now + inputs.rules.group,
        worst=one.severity,
        most=one.severity,
    )


def _fold(tables: _Tables, inputs: Inputs) -> None:
    """An incident whose root depends on something critical of another one is part of that."""
    critical: dict[str, str] = {}
    for _, one in tables.counting():
        if one.severity is Status.CRITICAL:
            critical.setdefault(one.subject, one.incident)
    moved: dict[str, str] = {}
    for name in sorted(tables.incidents):
        incident = tables.incidents.get(name)
        if incident is None or incident.ended_at:
            continue
        above = [one for one in inputs.tree.above(incident.subject) if one in critical]
        uppers = sorted({_final(critical[one], moved) for one in above})
        for upper in [one for one in uppers if one != name][:1]:
            kept, gone = _merge(incident, tables.incidents[upper])
            moved[gone.id] = kept.id
            members = [*tables.members(gone.id), *tables.members(kept.id)]
            del tables.incidents[gone.id]
            tables.put(members, kept)


def _final(name: str, moved: Mapping[str, str]) -> str:
    while name in moved:
        name = moved[name]
    return name


def _merge(lower: Incident, upper: Incident) -> tuple[Incident, Incident]:
    """What is left of two, and what is gone. People keep the one that they know of; of two, that of the cause."""
    kept, gone = upper, lower
    if lower.told is not Status.OK and upper.told is Status.OK:
        kept, gone = lower, upper
    due_at = upper.due_at
    if lower.told is upper.told is Status.OK:
        due_at = min(lower.due_at, upper.due_at)
    return replace(
        kept,
        root=upper.root,
        check=upper.check,
        subject=upper.subject,
        message=upper.message,
        began_at=min(lower.began_at, upper.began_at),
        due_at=due_at,
        most=max(lower.most, upper.most),
        keys=tuple(dict.fromkeys((*upper.keys, *lower.keys))),
        folded=tuple(dict.fromkeys((*kept.folded, *gone.folded, gone.id))),
        explanation=upper.explanation or lower.explanation,
    ), gone


def _with_root(incident: Incident, members: Mapping[str, Condition], inputs: Inputs) -> Incident:
    """With the severity of now, and the root: the worst of those that depend on no other, the known one if it is that.

    Where the root is gone, what is left gets time to follow it.
    """
    worst = max(one.severity for one in members.values())
    subjects = {one.subject for one in members.values()}
    top = {key: one for key, one in members.items() if inputs.tree.above(one.subject).isdisjoint(subjects)} or members
    high = max(one.severity for one in top.values())
    high_keys = {key: one for key, one in top.items() if one.severity is high}
    key = incident.root
    due_at = incident.due_at
    if key not in high_keys:
        key = min(high_keys, key=_by({name: one.since for name, one in high_keys.items()}))
        if incident.told is not Status.OK:
            due_at = inputs.now + {True: inputs.rules.group, False: inputs.rules.settle}[incident.root in members]
    one = members[key]
    return replace(
        incident,
        root=key,
        check=one.check,
        subject=one.subject,
        message=one.message,
        due_at=due_at,
        worst=worst,
        most=max(incident.most, worst),
    )


def _by(order: Mapping[str, float]) -> _Order:
    return _Order(order)


@dataclass(frozen=True, slots=True)
class _Order:
    """A sorting key: by these numbers, then by name."""

    numbers: Mapping[str, float]

    def __call__(self, name: str) -> tuple[float, str]:
        return self.numbers[name], name
