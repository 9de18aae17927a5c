"""Which probes run in a survey and what each waits for, told by what they give and need. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from keepwell.plugins import registry
from keepwell.plugins.probe import Probe

#: What discovery itself observes.
DISCOVERED = frozenset({"engine.site", "engine.supervisor"})


def load_probes(level: int) -> dict[str, Probe]:
    """The probes of this level and below by name; at levels 1 and 2 only those that change nothing."""
    found = {name: one for name, one in registry.load_all("probes").items() if isinstance(one, Probe)}
    return {name: one for name, one in found.items() if one.level <= level and (level > 2 or one.effect == "none")}


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
