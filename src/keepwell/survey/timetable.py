"""Which probes run in a survey and what each waits for, told by what they give and need. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from keepwell.plugins import registry
from keepwell.plugins.probe import Asked, Probe, needs_consent, purpose_of, what_it_asks
from keepwell.survey.judge import checks_for

#: What discovery itself observes.
DISCOVERED = frozenset({"engine.site", "engine.supervisor", "gateway.mismatches", "gateway.canaries"})
#: The owner's yes to probes that do more than read: to all (True), to none (False), or to these by name.
Consent: TypeAlias = bool | Collection[str]
#: What discovery must have seen: it reads the table of processes and sockets that these probes made.
HINTS = ("host.processes", "host.sockets", "host.units", "host.containers")


@dataclass(frozen=True, slots=True)
class Purpose:
    """A look for something else than a diagnosis: the checks of this purpose, and what they need, whatever its level,
    as long as looking changes nothing.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Beside:
    """A diagnosis of this level, and beside it all that these purposes look at, of which nothing is judged."""

    level: int
    purposes: tuple[str, ...]


#: What a survey is made for: a diagnosis of a level, a purpose, or both.
Scope: TypeAlias = int | Purpose | Beside


def load_probes(level: int) -> Mapping[str, Probe]:
    """The probes of this level and below by name; at levels 1 and 2 only those that change nothing."""
    found = {name: one for name, one in _all().items() if not purpose_of(one)}
    return {name: one for name, one in found.items() if one.level <= level and (level > 2 or one.effect == "none")}


def probes_for(scope: Scope) -> Mapping[str, Probe]:
    """The probes that look in a survey of this scope, by name."""
    if isinstance(scope, int):
        return load_probes(scope)
    if isinstance(scope, Purpose):
        return _serving(scope.name)
    found = dict(load_probes(scope.level))
    for purpose in scope.purposes:
        found |= _serving(purpose)
    return found


@cache
def _all() -> Mapping[str, Probe]:
    return {name: one for name, one in registry.load_all("probes").items() if isinstance(one, Probe)}


@cache
def _serving(purpose: str) -> Mapping[str, Probe]:
    """Those that give what the checks of a purpose need, and what those need in turn; none that does more than read."""
    harmless = {name: one for name, one in _all().items() if one.effect == "none"}
    harmless = {name: one for name, one in harmless.items() if purpose_of(one) in ("", purpose)}
    wanted = {need for check in checks_for(purpose) for need in check.needs} | set(HINTS)
    chosen: dict[str, Probe] = {}
    while True:
        more = {name: one for name, one in harmless.items() if name not in chosen and not wanted.isdisjoint(one.gives)}
        if not more:
            return chosen
        chosen |= more
        wanted |= {need for one in more.values() for need in one.needs}


def ask_first(level: int) -> tuple[Asked, ...]:
    """What to ask the owner before a survey of this level: one question for each probe that needs a yes, in the
    order in which they look; () where nothing does more than read.
    """
    probes = load_probes(level)
    return tuple(what_it_asks(name, probes[name]) for name in order_probes(probes) if needs_consent(probes[name]))


def is_agreed(name: str, probe: Probe, consent: Consent) -> bool:
    """Whether this probe may look: it only reads, or the owner said yes to it."""
    if not needs_consent(probe) or isinstance(consent, bool):
        return consent is True or not needs_consent(probe)
    return name in consent


def order_probes(probes: Mapping[str, Probe]) -> tuple[str, ...]:
    """Their names, each after those that give what it needs. ValueError names the probes that wait for each other."""
    done: list[str] = []
    waiting = dict(probes)
    while waiting:
        ready = [name for name, one in waiting.items() if not _awaited(name, one, waiting)]
        if not ready:
            raise ValueError(f"these probes wait for each other: {', '.join(sorted(waiting))}")
        done += ready
        for name in ready:
            del waiting[name]
    return tuple(done)


def givers(name: str, probes: Mapping[str, Probe]) -> tuple[str, ...]:
    """The probes that must have looked before this one."""
    return tuple(_awaited(name, probes[name], probes))


def _awaited(name: str, probe: Probe, others: Mapping[str, Probe]) -> Iterable[str]:
    needs = set(probe.needs)
    return [other for other, one in others.items() if other != name and not needs.isdisjoint(one.gives)]


def is_early(name: str, probes: Mapping[str, Probe]) -> bool:
    """True for a probe of the node that needs nothing of an engine, so that it can look before discovery."""
    probe = probes[name]
    if probe.about != "node" or not DISCOVERED.isdisjoint(probe.needs):
        return False
    return all(is_early(one, probes) for one in givers(name, probes))
