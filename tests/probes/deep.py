"""Probes of level 3 at one real server: each sees what those before it saw."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from keepwell.core.finding import Finding
from keepwell.core.observation import Missing, Observation, Seen, Value, absent
from keepwell.core.ref import engine, node
from keepwell.core.values import row_of, rows_of
from keepwell.plugins import registry
from keepwell.plugins.engine import KnowsSettings
from keepwell.plugins.place import Place, ServingProcess, Site
from keepwell.plugins.probe import Probe
from keepwell.probes.engine_api import PROBE as ENGINE_API
from keepwell.survey.judge import judge, load_checks
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from tests.machines import about

CHAIN = ("engine_key", "engine_answer", "engine_promises", "engine_stream", "engine_crowd")


@dataclass(slots=True)
class Deep:
    """A look at one server with the probes of level 3."""

    place: Place
    seen: list[Observation] = field(default_factory=list)

    async def look(self, *names: str) -> None:
        """What is known at level 1, then these probes."""
        assert self.place.site is not None
        if not self.seen:
            self.see("engine.site", {"title": "it", "url": self.place.site.url})
        await self._run(ENGINE_API)
        for name in names or CHAIN:
            probe = registry.load("probes", name)
            assert isinstance(probe, Probe)
            await self._run(probe)

    def see(self, name: str, value: Value | Missing, site: Site | None = None) -> None:
        """Something that another probe would have seen, about the engine or another one."""
        subject = (site or self.place.site or Site(ref=engine("n", "e"), engine="", url="", process=absent(""))).ref
        self.seen.append(about(name, value, subject=subject))

    async def _run(self, probe: Probe) -> None:
        self.seen += await probe.observe(replace(self.place, seen=Seen(self.seen)))

    def rows(self, name: str) -> tuple[Mapping[str, Value], ...]:
        """The rows of an observation about the engine."""
        return rows_of(self.value(name))

    def row(self, name: str) -> Mapping[str, Value]:
        """An observation about the engine that is one row."""
        return row_of(self.value(name))

    def value(self, name: str) -> Value | Missing:
        """An observation about the engine."""
        assert self.place.site is not None
        return Seen(self.seen).value(self.place.site.ref, name)

    def findings(self) -> dict[str, Finding]:
        """What the checks of level 3 say about the engine, by id."""
        assert self.place.site is not None
        checks = [one for one in load_checks(3) if one.level == 3]
        return {one.check: one for one in judge(Seen(self.seen), checks) if one.subject == self.place.site.ref}

    def bad(self) -> dict[str, str]:
        """The kinds of the bad findings by check."""
        return {name: one.facts.get("kind", "") for name, one in self.findings().items() if one.bad}


@asynccontextmanager
async def deep(kind: str, url: str, *, api_key: str = "", argv: Sequence[str] = ()) -> AsyncIterator[Deep]:
    """A server of this kind at this address."""
    process: ServingProcess | Missing = absent("not of interest")
    if argv:
        process = ServingProcess(pid=1, argv=tuple(argv), environment={}, user="", uid=0, gid=0)
    transport = LocalTransport("node")
    site = Site(ref=engine("node", kind), engine=kind, url=url, process=process, api_key=api_key)
    plug_in = registry.load("engines", kind)
    made = Deep(Place(node=node("node"), transport=transport, clock=SystemClock(), site=site, engine=plug_in))
    if isinstance(plug_in, KnowsSettings) and argv:
        found = plug_in.effective(process, (), "", {})
        made.see("engine.settings", {one.name: {"value": one.value} for one in found})
    try:
        yield made
    finally:
        await transport.close()
