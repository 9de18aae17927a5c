"""Start, end and restart one engine: looked at before, without requests meanwhile, proved afterwards, undoable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from keepwell.app.applying.carrying import apply_run
from keepwell.app.applying.runs import KIND
from keepwell.app.operation import Caller
from keepwell.app.running.case import Case, find_ids, open_case, report_case, require_fit
from keepwell.app.running.report import EngineReport
from keepwell.app.running.traffic import keep_away
from keepwell.app.word import day_of
from keepwell.conform.ledger import plan_items
from keepwell.conform.plan_file import render_plan
from keepwell.conform.protection import require_consent
from keepwell.conform.running import plan_restart, plan_start, plan_stop
from keepwell.core.errors import AccessError, RefusedError
from keepwell.core.observation import Missing
from keepwell.core.run import Run
from keepwell.core.step import Plan, Serving
from keepwell.plugins.engine import ReportsLoaded
from keepwell.plugins.residency import LoadsModels, Stay
from keepwell.plugins.running import find_running
from keepwell.store.journal import create_journal, make_run_id

#: Seconds for a model to be loaded: a large one comes from a slow disk.
LOAD_SECONDS = 600.0
#: Seconds from which a stay in memory is meant for ever; an engine writes a year far away.
FOR_EVER = 366 * 86_400.0
#: How a run ended as it should.
_WELL = "well"


async def tell_status(caller: Caller, name: str, node: str) -> EngineReport:
    """How it is; changes nothing."""
    async with open_case(caller, name, node, level=1) as case:
        return await report_case(case)


async def start(caller: Caller, name: str, node: str, *, force: bool) -> EngineReport:
    """Start it, if nothing speaks against it."""
    async with open_case(caller, name, node) as case:
        before = await report_case(case)
        if before.state not in ("stopped", "refused"):
            return replace(before, done=f"{before.title} runs already: it is {before.state}")
        require_fit(case, before, force=force)
        run_id = _make_id(case)
        running = find_running(case.seen, case.site.ref, await find_ids(case))
        plan = plan_start(running, _promise(case, ()), run_id)
        return await _carry_out(case, before, plan, run_id)


async def stop(caller: Caller, name: str, node: str) -> EngineReport:
    """End it, when its requests have ended."""
    async with open_case(caller, name, node, level=1) as case:
        before = await report_case(case)
        if before.state == "stopped":
            return replace(before, done=f"{before.title} does not run")
        run_id = _make_id(case)
        promise = replace(_promise(case, ()), answers=False)
        plan = plan_stop(find_running(case.seen, case.site.ref), promise, run_id)
        async with keep_away(case.wiring, case.caller, case.site.ref):
            return await _carry_out(case, before, plan, run_id)


async def restart(caller: Caller, name: str, node: str, *, force: bool, load: bool) -> EngineReport:
    """End and start it; with `load` what was in its memory comes back."""
    async with open_case(caller, name, node) as case:
        before = await report_case(case)
        if before.state == "stopped":
            hint = f"keepwell engine start {name}"
            raise RefusedError(f"{before.title} does not run", where=before.engine, hint=hint)
        require_fit(case, before, force=force)
        run_id = _make_id(case)
        promise = replace(_promise(case, before.models), release=before.version)
        plan = plan_restart(find_running(case.seen, case.site.ref), promise, run_id)
        stays = await _find_stays(case)
        after = await _carry_out(case, before, plan, run_id)
        if load and not after.failed:
            return await _load(case, after, stays)
        return after


def _promise(case: Case, models: tuple[str, ...]) -> Serving:
    return Serving(kind=case.site.engine, url=case.site.url, models=models)


def _make_id(case: Case) -> str:
    return make_run_id(KIND, case.wiring.clock.now())


async def _carry_out(case: Case, before: EngineReport, plan: Plan, run_id: str) -> EngineReport:
    """Keep the plan as a run, apply it, and tell how the engine is then."""
    now = case.wiring.clock.now()
    require_consent(plan, case.wiring.config.decisions, day_of(now))
    run = Run(id=run_id, kind=KIND, asked_by=case.caller.asked_by, created_at=now, items=plan_items(plan))
    create_journal(case.wiring.state, run, render_plan(plan), case.wiring.clock).close()
    applied = await apply_run(case.caller, run_id)
    failed = applied.outcome.state != _WELL
    after = replace(before, run=run_id, plan=plan, done=applied.outcome.detail, failed=failed)
    state = await _ask_state(case)
    if state == "stopped":
        after = replace(after, version="", models=())
    return replace(after, state=state, pid=0, loaded=())


async def _ask_state(case: Case) -> str:
    health = await case.engine.health(case.site, case.place.transport)
    return {"refused": "stopped"}.get(health.state, health.state)


async def _find_stays(case: Case) -> dict[str, float]:
    """What is in memory, and for how many more seconds; negative for ever."""
    if not isinstance(case.engine, ReportsLoaded):
        return {}
    loaded = await case.engine.loaded(case.site, case.place.transport)
    if isinstance(loaded, Missing):
        return {}
    now = case.wiring.clock.now()
    left = {one.name: one.expires_at - now for one in loaded}
    return {name: {True: seconds, False: -1.0}[0 < seconds < FOR_EVER] for name, seconds in left.items()}


async def _load(case: Case, after: EngineReport, stays: Mapping[str, float]) -> EngineReport:
    """What was in memory before, for as long as it would have stayed; what cannot be loaded is told."""
    loaded: list[str] = []
    said = [after.done]
    for model, seconds in stays.items():
        problem = await _load_one(case, model, seconds)
        if problem:
            said.append(f"{model} was not loaded: {problem}")
        else:
            loaded.append(model)
    return replace(after, loaded=tuple(loaded), done="; ".join(said))


async def _load_one(case: Case, model: str, seconds: float) -> str:
    """Why it could not be, "" if it was; a model that refuses to be loaded for text is loaded for embedding."""
    if not isinstance(case.engine, LoadsModels):
        return f"{case.engine.title} loads models by itself"
    headers = {"content-type": "application/json"}
    if case.site.api_key:
        headers["authorization"] = f"Bearer {case.site.api_key}"
    status = 0
    for embeds in (False, True):
        call = case.engine.load(model, Stay(seconds=seconds, embeds=embeds))
        try:
            reply = await case.place.transport.http(
                call.method,
                f"{case.site.url}{call.path}",
                headers=headers,
                body=call.body,
                timeout_seconds=LOAD_SECONDS,
            )
        except AccessError as error:
            return str(error)
        status = reply.status
        if status < 300:
            return ""
    return f"HTTP {status}"
