"""What an alert decision goes by: findings without those that the owner wants no word of, needs, maintenance. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from keepwell.alerts.inputs import Inputs, Pin
from keepwell.alerts.outbox import MUTE_SECONDS, failing_for
from keepwell.alerts.quiet import find_quiet
from keepwell.alerts.rules import Rules
from keepwell.alerts.tree import Tree
from keepwell.config.alert_model import AlertsEntry, NotifyEntry
from keepwell.config.model import Config
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import Ref, engine, node, service
from keepwell.core.words import span
from keepwell.fleet.decisions import decide as hear_decisions
from keepwell.gateway.choice.cordons import Cordon
from keepwell.plugins.place import Site
from keepwell.store.alert_desk import Desk
from keepwell.store.alert_state import AlertFile, Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """All that there is beside the state: configuration, engines that were found, what people said, causes found."""

    config: Config
    here: str
    sites: tuple[Site, ...] = ()
    desk: Desk = field(default_factory=Desk)
    cordons: tuple[Cordon, ...] = ()
    pins: tuple[Pin, ...] = ()
    explained: Mapping[str, Explanation]
    tree: Tree = field(default_factory=Tree)


def make_inputs(circumstances: Circumstances, now: float) -> Inputs:
    """For one decision."""
    config = circumstances.config
    zone = find_zone(config.alerts)
    return Inputs(
        now=now,
        pins=tuple(_without_ignored(circumstances, now)),
        acks=circumstances.desk.acks,
        maintained=find_maintained(circumstances.desk, circumstances.cordons, now),
        quiet=find_quiet(config.quiet, now, zone) | _NOBODY[bool(config.notify)],
        explained=circumstances.explained,
        tree=circumstances.tree,
        rules=make_rules(config.alerts),
        zone=zone,
    )


#: Where nobody is to be told, nothing counts as told: who is declared later hears of what lasts then.
_NOBODY: dict[bool, frozenset[Status]] = {True: frozenset(), False: frozenset((Status.WARNING, Status.CRITICAL))}


def make_rules(entry: AlertsEntry) -> Rules:
    """As the owner wants them."""
    return Rules(
        hold_critical=entry.hold_critical_seconds,
        hold_warning=entry.hold_warning_seconds,
        clear=entry.clear_seconds,
        group=entry.group_seconds,
        repeat_critical=entry.repeat_critical_seconds,
        repeat_warning=entry.repeat_warning_seconds,
        settle=entry.settle_seconds,
    )


def find_zone(entry: AlertsEntry) -> tzinfo | None:
    """That of the owner; None is this machine's."""
    if not entry.zone:
        return None
    return ZoneInfo(entry.zone)


def find_maintained(desk: Desk, cordons: Iterable[Cordon], now: float) -> frozenset[str]:
    """What is worked on: what people said, and what was drained (it ends with `keepwell uncordon`)."""
    said = {one.subject for one in desk.maintenance if one.holds(now)}
    return frozenset(said | {drained_subject(one.subject) for one in cordons})


def drained_subject(subject: str) -> str:
    """A node's name, or a replica's id, as the text of a Ref."""
    name, slash, rest = subject.partition("/")
    if slash:
        return str(engine(name, rest))
    return str(node(name))


def find_needs(config: Config, sites: Iterable[Site], here: str) -> dict[str, tuple[str, ...]]:
    """What was declared to depend on what: services on what they need, a route on its engine where it has only one."""
    names = dict(_names(config, sites, here))
    needs: dict[str, tuple[str, ...]] = {}
    for entry in config.services:
        subject = str(service(entry.node or here, entry.name))
        found = (names.get((entry.node or here, one)) or names.get(("", one)) for one in entry.needs)
        needs[subject] = tuple(one for one in found if one)
    for route in config.routes:
        if len(route.engines) == 1 and not route.fallback and ("", route.engines[0]) in names:
            needs[str(Ref("route", (route.name,)))] = (names["", route.engines[0]],)
    return needs


def find_mute_outlets(file: AlertFile, entries: Iterable[NotifyEntry], here: str, now: float) -> Iterator[Finding]:
    """A warning for each outlet that has taken nothing for long: who is told by another one hears of it."""
    for entry in entries:
        seconds = failing_for(file.outlets, entry.name, now)
        if seconds >= MUTE_SECONDS:
            said = file.outlets[entry.name].problem
            yield Finding(
                check="alerts.outlet",
                subject=service(here, f"alerts/{entry.name}"),
                status=Status.WARNING,
                message=f"the outlet {entry.name} takes no messages since {span(seconds)}: {said}",
                facts={"outlet": entry.name, "said": said},
            )


def _names(config: Config, sites: Iterable[Site], here: str) -> Iterator[tuple[tuple[str, str], str]]:
    """Refs by what the owner may call them, on a node and anywhere ("")."""
    refs: list[tuple[Ref, tuple[str, ...]]] = [(node(name), (name,)) for name in (here, *_node_names(config))]
    refs += [(service(one.node or here, one.name), (one.name,)) for one in config.services]
    labels = {one.url: one.name for one in config.engines if one.name}
    refs += [(one.ref, (one.ref.name, one.engine, one.unit, labels.get(one.url, ""))) for one in sites]
    for ref, words in reversed(refs):
        for word in (*words, str(ref), str(ref).partition(":")[2]):
            if word:
                yield ("", word), str(ref)
                yield (ref.node, word), str(ref)


def _node_names(config: Config) -> tuple[str, ...]:
    return tuple(one.name for one in config.nodes)


def _without_ignored(circumstances: Circumstances, now: float) -> Iterator[Pin]:
    """The findings that people are told of: not those that the owner decided on or wants no word of."""
    config = circumstances.config
    today = datetime.fromtimestamp(now).date()
    for pin in circumstances.pins:
        found = tuple(one for one in pin.findings if not _is_ignored(one, config.alerts.ignore))
        if config.decisions:
            found = hear_decisions(found, config.decisions, today).open
        yield pin._replace(findings=found)


def _is_ignored(finding: Finding, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(finding.check, pattern) for pattern in patterns)
