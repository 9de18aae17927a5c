"""One engine on one node as it was found, and what keeps it from starting; nothing is changed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace

from keepwell.app.looking import look
from keepwell.app.operation import Caller
from keepwell.app.running.choosing import choose_site
from keepwell.app.running.proving import find_key
from keepwell.app.running.report import EngineReport
from keepwell.app.targets import find_target
from keepwell.app.wiring import Reached, Wiring, reach, wire
from keepwell.core.errors import AccessError, RefusedError
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.ref import node as node_ref
from keepwell.core.values import row_of, rows_of, text_of
from keepwell.core.words import clean
from keepwell.formats.permissions import find_user
from keepwell.plugins.engine import Engine, ListsModels, ReportsLoaded
from keepwell.plugins.place import Site
from keepwell.plugins.recognise import load_engines
from keepwell.survey.survey import SurveyResult

#: The level of what is looked at before a start: the GPU and the disks count.
LEVEL = 2
#: Checks whose CRITICAL findings keep an engine from starting: its own, or about its whole node.
NEEDED = ("settings.valid", "store.readable", "address.port_free", "disk.", "gpu.", "limits.memory")
_ACCOUNTS = ("/etc/passwd", "/etc/group")
#: What systemd says of a unit whose file it cannot use.
_BROKEN_UNITS = frozenset({"bad-setting", "error", "masked"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The engine, its plug-in, and the survey that found it."""

    wiring: Wiring
    caller: Caller
    place: Reached
    result: SurveyResult
    site: Site
    engine: Engine

    @property
    def seen(self) -> Seen:
        """All that was seen."""
        return self.result.seen


@contextlib.asynccontextmanager
async def open_case(caller: Caller, name: str, node: str, level: int = LEVEL) -> AsyncIterator[Case]:
    """Look, and find the engine of this name. Raises ConfigurationError for none, and for several."""
    async with wire(caller) as wiring:
        target = find_target(node, wiring.config, wiring.hands.name)
        async with reach(wiring, target) as place:
            result = await look(wiring, caller, level=level, at=place)
            site = choose_site(name, result.sites, wiring.config.engines)
            engine = load_engines()[site.engine]
            yield Case(wiring=wiring, caller=caller, place=place, result=result, site=site, engine=engine)


async def report_case(case: Case) -> EngineReport:
    """As the engine itself tells now."""
    seen, ref, transport = case.seen, case.site.ref, case.place.transport
    row, supervisor = row_of(seen.value(ref, "engine.site")), row_of(seen.value(ref, "engine.supervisor"))
    made = EngineReport(
        engine=str(ref),
        title=text_of(row, "title"),
        kind=case.site.engine,
        url=case.site.url,
        state="stopped",
        supervisor=text_of(supervisor, "kind"),
        unit=text_of(supervisor, "unit"),
        findings=tuple(_about(case)),
    )
    if not isinstance(case.site.process, Missing):
        made = replace(made, pid=case.site.process.pid)
    health = await case.engine.health(case.site, transport)
    if health.state in ("refused", "silent") and isinstance(case.site.process, Missing):
        return made
    return await _with_models(replace(made, state=health.state), case)


async def _with_models(made: EngineReport, case: Case) -> EngineReport:
    transport = case.place.transport
    site = replace(case.site, api_key=case.site.api_key or find_key(case.wiring.config, case.site.url))
    identity = await case.engine.detect(site.url, transport, api_key=site.api_key)
    if not isinstance(identity, Missing):
        made = replace(made, version=identity.version)
    if isinstance(case.engine, ListsModels):
        offered = await case.engine.models(site, transport)
        if not isinstance(offered, Missing):
            made = replace(made, models=tuple(sorted(one.name for one in offered)))
    if isinstance(case.engine, ReportsLoaded):
        loaded = await case.engine.loaded(site, transport)
        if not isinstance(loaded, Missing):
            made = replace(made, loaded=tuple(sorted(one.name for one in loaded)))
    return made


def _about(case: Case) -> Iterator[Finding]:
    """What is bad about it, or about the whole node that it needs."""
    for one in case.result.findings:
        wide = one.subject.kind in ("node", "device", "mount") and one.check.startswith(NEEDED)
        if one.bad and (one.subject.within(case.site.ref) or wide):
            yield one


def require_fit(case: Case, before: EngineReport, *, force: bool) -> None:
    """Refuses what would not come up: a broken unit file, a malformed setting, a port that another holds."""
    broken = [
        row
        for row in rows_of(case.seen.value(node_ref(case.site.ref.node), "host.units"))
        if _is_broken(row, before.unit)
    ]
    faults = [one for one in before.findings if one.status is Status.CRITICAL and one.check.startswith(NEEDED)]
    if force or not (faults or broken):
        return
    said = [f"systemd says of {text_of(row, 'unit')}: {text_of(row, 'load')}" for row in broken]
    said += [clean(one.message) for one in faults]
    hint = "put it right (keepwell diagnose), or --force"
    raise RefusedError(f"it would not come up: {'; '.join(said)}", where=before.engine, hint=hint)


def _is_broken(row: Mapping[str, Value], unit: str) -> bool:
    return bool(unit) and text_of(row, "unit") == unit and text_of(row, "load") in _BROKEN_UNITS


async def find_ids(case: Case) -> tuple[int, int]:
    """User and group that a stopped engine is started as; -1 for whoever applies the plan."""
    if not case.site.user:
        return -1, -1
    try:
        texts = [(await case.place.transport.read(path)).decode("utf-8", "replace") for path in _ACCOUNTS]
    except AccessError:
        return -1, -1
    found = find_user(case.site.user, *texts)
    if found is None:
        raise RefusedError(f"it ran as {case.site.user}, and nobody is called so", where=str(case.site.ref))
    return found.uid, found.gid
