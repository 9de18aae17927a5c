"""A survey: node probes, discovery, engine probes, checks. Every probe within a time limit, all that can at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from keepwell.config.model import NetworkEntry
from keepwell.core.clock import Clock
from keepwell.core.finding import Check, Finding
from keepwell.core.observation import Observation, Seen, failed, unknown
from keepwell.core.ref import node as node_ref
from keepwell.core.text import escape_controls
from keepwell.plugins.place import Place, Site
from keepwell.plugins.probe import Probe
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.services import ServiceWish
from keepwell.survey.discover import Discovery, discover, logs_found
from keepwell.survey.expected import Expected
from keepwell.survey.judge import checks_for, judge, load_checks
from keepwell.survey.timetable import (
    HINTS,
    Beside,
    Consent,
    Purpose,
    Scope,
    givers,
    is_agreed,
    is_early,
    order_probes,
    probes_for,
)
from keepwell.transport.base import Transport

#: Seconds for one probe, or ten times what it usually takes if that is more: a person waits, and a probe that
#: hangs must cost its own answer only.
PROBE_SECONDS = 6.0
PATIENCE = 10.0
#: Why there is nothing of a probe that needs a yes and has none.
NOT_ASKED_FOR = "not asked for"

#: Told while a survey runs: a sentence, how many parts are done, and of how many.
Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyResult:
    """What was seen, what the checks say (worst first), the engines, how long it took, and what
    discovery asked.

    The sites name the log files that were found, so that whoever remembers them can read on after a crash.
    """

    seen: Seen
    findings: tuple[Finding, ...]
    sites: tuple[Site, ...]
    seconds: float
    discovery: Discovery


def no_progress(text: str, done: int, total: int) -> None:
    """Shows nothing."""


async def survey(
    transport: Transport,
    clock: Clock,
    expected: Iterable[Expected | ServiceWish | NetworkEntry | Observation] = (),
    *,
    level: Scope = 1,
    since_seconds: float = 3600.0,
    origins: Iterable[str] = (),
    consent: Consent = False,
    progress: Progress = no_progress,
) -> SurveyResult:
    """Look at one node: which engines it has, and everything that the probes of this level see and checks say.

    Changes nothing and loads no model at levels 1 and 2. Costs one to three seconds; a part that hangs costs
    its own time limit. `expected` are engines, services and networks that ought to be there, and what earlier runs
    saw of engines and of the node, for probes and checks; `origins` are those of web pages that every engine must take
    requests from. Levels 3 and 4 load models and cost minutes: what needs a yes (`timetable.ask_first` lists it) and
    has none in `consent` is Missing("not asked for"). A `Purpose` instead of a level asks its own checks.
    Raises only for bugs: what cannot be seen is Missing.
    """
    began = clock.monotonic()
    wanted = tuple(expected)
    place = Place(
        node=node_ref(transport.name),
        transport=transport,
        clock=clock,
        since_seconds=since_seconds,
        origins=tuple(origins),
        services=tuple(one for one in wanted if isinstance(one, ServiceWish)),
        networks=tuple(one for one in wanted if isinstance(one, NetworkEntry)),
    )
    run = _Run(place, probes_for(level), consent, progress)
    await run.early()
    discovery = await run.discover(tuple(one for one in wanted if isinstance(one, Expected)))
    here = {place.node, *(site.ref for site in discovery.sites)}
    run.observations += [one for one in wanted if isinstance(one, Observation) and one.subject in here]
    await run.late(discovery.sites)
    progress("judging what was seen", run.done, run.total)
    seen = Seen(run.observations)
    return SurveyResult(
        seen=seen,
        findings=judge(seen, _checks(level)),
        sites=tuple(_with_logs(site, seen) for site in discovery.sites),
        seconds=clock.monotonic() - began,
        discovery=discovery,
    )


def _checks(scope: Scope) -> tuple[Check, ...]:
    if isinstance(scope, Purpose):
        return checks_for(scope.name)
    if isinstance(scope, Beside):
        return load_checks(scope.level)
    return load_checks(scope)


def _with_logs(site: Site, seen: Seen) -> Site:
    found = seen.find(site.ref, "engine.log")
    if found is None:
        return site
    return replace(site, logs=tuple(dict.fromkeys([*logs_found(found), *site.logs])))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looking:
    """A probe under way, at an engine's site or (None) at the node."""

    site: Site | None
    task: asyncio.Task[None]


class _Run:
    """The probes of one survey and what they have seen so far."""

    def __init__(self, place: Place, probes: Mapping[str, Probe], consent: Consent, progress: Progress) -> None:
        self.observations: list[Observation] = []
        self.done = 0
        self.total = len(probes) + 1
        self._place = place
        self._probes = probes
        self._order = order_probes(probes)
        self._tasks: dict[str, list[_Looking]] = {}
        self._consent = consent
        self._progress = progress

    async def early(self) -> None:
        """What discovery stands on. Other early probes go on while it asks."""
        hints = [name for name in self._order if not set(HINTS).isdisjoint(self._probes[name].gives)]
        async with asyncio.TaskGroup() as group:
            for name in self._order:
                if name in hints:
                    self._start(group, name, self._place)

    async def discover(self, expected: tuple[Expected, ...]) -> Discovery:
        """Find the engines, with the node's own probes beside."""
        async with asyncio.TaskGroup() as group:
            for name in self._order:
                if name not in self._tasks and is_early(name, self._probes):
                    self._start(group, name, self._place)
            place = replace(self._place, seen=Seen(self.observations))
            discovery = await discover(place, expected)
            self.observations += discovery.observations
            self.done += 1
            self._progress(f"found {len(discovery.sites)} engine(s)", self.done, self.total)
        return discovery

    async def late(self, sites: tuple[Site, ...]) -> None:
        """Everything else: each engine's probes, and those of the node that need to know the engines.

        Those that load a model or wake a device come last, one after the other: each would spoil what another sees.
        """
        engines = load_engines()
        places = [replace(self._place, site=site, engine=engines.get(site.engine)) for site in sites]
        at: dict[str, list[Place]] = {"node": [self._place], "engine": places}
        left = [
            (name, place) for name in self._order if name not in self._tasks for place in at[self._probes[name].about]
        ]
        left.sort(key=self._disturbs)
        self.total = self.done + len(left)
        async with asyncio.TaskGroup() as group:
            for name, place in left:
                self._start(group, name, place)

    def _start(self, group: asyncio.TaskGroup, name: str, place: Place) -> None:
        started = [one for giver in givers(name, self._probes) for one in self._tasks.get(giver, [])]
        before = [one.task for one in started if place.site is None or one.site in (None, place.site)]
        if self._disturbs((name, place)):
            before = [one.task for looking in self._tasks.values() for one in looking]
        task = group.create_task(self._look(name, place, before))
        self._tasks.setdefault(name, []).append(_Looking(site=place.site, task=task))

    def _disturbs(self, one: tuple[str, Place]) -> bool:
        return self._probes[one[0]].effect != "none"

    async def _look(self, name: str, place: Place, before: list[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        probe = self._probes[name]
        clock = place.clock
        began = clock.monotonic()
        limit = max(PROBE_SECONDS, PATIENCE * probe.cost_seconds)
        here = replace(place, seen=Seen(self.observations))
        try:
            async with asyncio.timeout(limit):
                found = await self._observe(name, probe, here)
        except TimeoutError:
            reason = failed(f"the probe {name} was not done within {limit:g} s")
            found = [here.saw(one, reason, f"probe {name}") for one in probe.gives]
        except ValueError as error:  # what every parser raises for text that it cannot read
            reason = failed(f"what the probe {name} read cannot be understood: {escape_controls(str(error)[:200])}")
            found = [here.saw(one, reason, f"probe {name}") for one in probe.gives]
        seconds = round(clock.monotonic() - began, 4)
        self.observations += [replace(one, seconds=seconds) for one in found]
        self.done += 1
        self._progress(f"looked at {name.replace('_', ' ')}", self.done, self.total)

    async def _observe(self, name: str, probe: Probe, here: Place) -> list[Observation]:
        if is_agreed(name, probe, self._consent):
            return list(await probe.observe(here))
        return [here.saw(one, unknown(NOT_ASKED_FOR), f"probe {name}") for one in probe.gives]
