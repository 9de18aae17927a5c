"""Looks for something else than a diagnosis: is a node ready for an engine, is what it serves safe from others?"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from keepwell.app.looking import expect
from keepwell.app.operation import Caller
from keepwell.app.replaying import inspect_bundle
from keepwell.app.report import EXIT_CODES
from keepwell.app.targets import find_target
from keepwell.app.wiring import Reached, Wiring, reach, wire
from keepwell.app.word import day_of
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Observation, Value
from keepwell.core.ref import Ref, node
from keepwell.core.values import row_of, text_of
from keepwell.fleet.decisions import Decisions, decide
from keepwell.plugins.bus import load_plugins
from keepwell.plugins.device import GoesIntoContainers
from keepwell.plugins.prerequisites import ANY, HasPrerequisites
from keepwell.plugins.recognise import load_engines
from keepwell.survey.survey import SurveyResult, survey
from keepwell.survey.timetable import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionReport:
    """The answer of `ready` and of `audit`: every finding of that purpose, well ones too, worst first.

    `wanted` is the proper name of the engine that readiness was asked for, "" for none; `engines` are those that serve
    there. `decisions` are what the owner decided on, which is no trouble.
    """

    purpose: str
    at: float
    seconds: float
    node: Ref
    wanted: str
    engines: tuple[str, ...]
    findings: tuple[Finding, ...]
    decisions: Decisions = field(default_factory=Decisions)

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return f"keepwell.{self.purpose}/1"

    @property
    def exit_code(self) -> int:
        """By the worst finding."""
        return EXIT_CODES[max((one.status for one in self.findings), default=Status.OK)]


async def inspect_node(caller: Caller, word: str, purpose: str, *, engine: str = "") -> InspectionReport:
    """Look at one place for this purpose. `engine` is the plug-in that readiness is asked for.

    Raises ConfigurationError for a place or engine that is not known, AccessError for one that cannot be reached.
    """
    async with wire(caller) as wiring:
        target = find_target(word, wiring.config, wiring.hands.name)
        async with reach(wiring, target) as place:
            here = node(place.transport.name)
            wanted = Observation(
                subject=here, name="ready.wanted", value=_wanted(engine), at=place.clock.now(), source="what was asked"
            )
            result = await _look(wiring, caller, place, purpose, wanted)
            word_of_owner = decide(result.findings, wiring.config.decisions, day_of(place.clock.now()))
    return InspectionReport(
        purpose=purpose,
        at=time.time(),
        seconds=result.seconds,
        node=here,
        wanted=text_of(_wanted(engine), "title"),
        engines=tuple(_engine_words(result)),
        findings=tuple(replace(one, evidence=()) for one in word_of_owner.open),
        decisions=word_of_owner.decisions,
    )


async def _look(wiring: Wiring, caller: Caller, place: Reached, purpose: str, wanted: Observation) -> SurveyResult:
    if place.bundle is not None:
        return await inspect_bundle(place.bundle, purpose, (wanted,), caller.progress)
    return await survey(
        place.transport,
        place.clock,
        (*expect(wiring, place.transport.name), wanted),
        level=Purpose(purpose),
        since_seconds=wiring.config.diagnose.since_seconds,
        origins=wiring.config.diagnose.expect_origin,
        progress=caller.progress,
    )


def _wanted(name: str) -> dict[str, Value]:
    """What an engine needs, as an observation tells it; the least of any where none is named."""
    if not name:
        return {"title": "", "gpu": ANY.gpu, "memory_bytes": ANY.memory_bytes, "disk_bytes": ANY.disk_bytes}
    known = {key: one for key, one in load_engines().items() if isinstance(one, HasPrerequisites)}
    engine = load_engines().get(name)
    if engine is None or not isinstance(engine, HasPrerequisites):
        raise ConfigurationError(f"{name!r} is no engine whose needs are known", hint=f"name one of {', '.join(known)}")
    need = engine.prerequisites
    vendors = [one for one in load_plugins().values() if isinstance(one, GoesIntoContainers)]
    toolkits = {one.title: one.container_rights.toolkit for one in vendors}
    return {
        "plug_in": name,
        "title": engine.title,
        "account": need.account,
        "ports": engine.ports[:1],
        "memory_bytes": need.memory_bytes,
        "disk_bytes": need.disk_bytes,
        "gpu": need.gpu,
        "api": {vendor: need.api[kit] for vendor, kit in toolkits.items() if kit in need.api},
    }


def _engine_words(result: SurveyResult) -> list[str]:
    """Those that serve, not those that ought to: one whose process is hidden from this user counts."""
    serving = [one for one in result.sites if not (isinstance(one.process, Missing) and one.process.kind == "absent")]
    titles = (text_of(row_of(result.seen.value(site.ref, "engine.site")), "title") for site in serving)
    return [f"{title} at {site.url}" for title, site in zip(titles, serving, strict=True)]
