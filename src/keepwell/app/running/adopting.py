"""Plan that the gateway takes an engine's address: looked at now, kept as a run that `keepwell apply` carries out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from keepwell.app.applying.runs import KIND
from keepwell.app.operation import Caller
from keepwell.app.repair_report import PlannedRun, PlanReport, RefusedPlan
from keepwell.app.running.case import Case, open_case, report_case
from keepwell.app.serving.doors import ask_planes, find_serving
from keepwell.app.serving.gatekeeping import ready_path
from keepwell.app.serving.offering import USUAL_LISTEN, is_local, parse_listen, render_listen
from keepwell.app.wiring import Wiring
from keepwell.app.word import day_of
from keepwell.config import shapes
from keepwell.config.home import find_home
from keepwell.config.load import FILE_NAME
from keepwell.config.render import render_value
from keepwell.config.toml_edit import set_key
from keepwell.conform.adopting import (
    CHECK,
    Adoption,
    Gateway,
    find_needs,
    plan_adoption,
    restart_gateway,
    start_gateway,
)
from keepwell.conform.desired.look import look as look_at
from keepwell.conform.ledger import plan_items
from keepwell.conform.plan_file import render_plan
from keepwell.conform.protection import find_objection
from keepwell.core.errors import AccessError, ConfigurationError, NotThere, RefusedError
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing
from keepwell.core.ref import node as node_ref
from keepwell.core.run import Run
from keepwell.core.step import Plan, Serving, StartProcess
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.plugins.address_setting import HasAddressSetting
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.running import find_running
from keepwell.store.journal import create_journal, make_run_id
from keepwell.store.keys import load_keys

#: Ports that are tried after the engine's own, for a free one.
PORTS = 50
#: Pages of the web that an engine lets ask; the engine's own programs and any port of this machine come beside.
ORIGINS = "{setting}: {origins} may not ask the gateway: write what should be as `origins` of [gateway]"
#: Seconds for which the gateway waits for the engine's address: somebody may agree to each step by hand.
WAIT_SECONDS = "600"
#: Where the gateway is left to be started at boot.
AT_BOOT = "the gateway runs until this machine ends: keepwell up --print-unit prints a unit that starts it at boot"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptWish:
    """What the owner wants: which engine ("": the one at its usual port), its new port (0: a free one), and whether
    other machines may go on asking without a key.
    """

    engine: str = ""
    port: int = 0
    insecure: bool = False


async def plan_adopting(caller: Caller, wish: AdoptWish) -> PlanReport:
    """The plan, kept under an id; changes nothing. RefusedError where it cannot be."""
    name = wish.engine or _find_usual()
    async with open_case(caller, name, "", level=1) as case:
        run_id = make_run_id(KIND, case.wiring.clock.now())
        adoption, listens = await _make_adoption(case, wish)
        gateway = await _plan_gateway(case, wish, adoption, listens, run_id)
        if not gateway.before:
            adoption = replace(adoption, note="; ".join(filter(None, (adoption.note, AT_BOOT))))
        looked = await look_at([partial(find_needs, adoption)], case.wiring.hands)
        plan = plan_adoption(adoption, gateway, looked, run_id)
        finding = Finding(check=CHECK, subject=plan.subject, status=Status.WARNING, message=plan.why)
        objection = find_objection(plan, case.wiring.config.decisions, day_of(case.wiring.clock.now()))
        if objection is not None:
            refused = RefusedPlan(issue="", finding=finding, plan=plan, decision=objection)
            return PlanReport(planned=(), findings=(finding,), asked_for=name, refused=(refused,))
        _keep(run_id, plan, caller, case.wiring)
    return PlanReport(
        planned=(PlannedRun(id=run_id, issue="", finding=finding, plan=plan),), findings=(finding,), asked_for=name
    )


def _find_usual() -> str:
    """The kind of engine whose clients have one address that they all know."""
    return next(name for name, one in load_engines().items() if isinstance(one, HasAddressSetting))


async def _make_adoption(case: Case, wish: AdoptWish) -> tuple[Adoption, tuple[str, ...]]:
    """What is to move where, and the addresses that the gateway takes."""
    engine, site = case.engine, case.site
    before = await report_case(case)
    if not isinstance(engine, HasAddressSetting):
        raise RefusedError(f"keepwell does not know how to move {engine.title}", where=str(site.ref))
    if before.state != "well" or isinstance(site.process, Missing):
        hint = f"keepwell engine start {site.ref.name}"
        raise RefusedError(f"{engine.title} has to serve before it is moved; it is {before.state}", hint=hint)
    if before.supervisor == "container":
        hint = "publish it at another port (`ports:` of its Compose file, or -p), then: keepwell gateway --listen"
        raise RefusedError("the port of a container is given when it is made", where=before.unit, hint=hint)
    port = _find_port(case, urlsplit(site.url).port or 0, wish.port)
    value = site.process.environment.get(engine.address_setting, "")
    moved = engine.with_port(value, port)
    if isinstance(moved, Missing):
        raise RefusedError(moved.reason, where=str(site.ref))
    listens = _find_listens(case)
    parts = urlsplit(site.url)
    moved_url = f"{parts.scheme}://{render_listen((parts.hostname or '', port))}"
    wished = row_of(row_of(case.seen.value(site.ref, "engine.wished_settings")).get(engine.address_setting))
    path, text = _read_toml(case)
    edited, left_out = await _edit_toml(case, text, listens, moved_url)
    models = Serving(kind=site.engine, url=moved_url, models=before.models, release=before.version)
    return Adoption(
        running=find_running(case.seen, site.ref),
        url=site.url,
        moved_url=moved_url,
        setting=engine.address_setting,
        value=value,
        moved=moved,
        file=text_of(wished, "file"),
        toml=str(path),
        toml_after=edited.encode(),
        listen=f"the gateway listens on {', '.join(listens)}",
        proof=(models, replace(models, url=site.url, release="", fronted=True)),
        note=left_out,
    ), listens


def _find_port(case: Case, old: int, wished: int) -> int:
    """The wished port if it is free, else the first free one after the old. RefusedError where there is none."""
    taken = {
        find_number(row.get("port")) for row in rows_of(case.seen.value(node_ref(case.site.ref.node), "host.sockets"))
    }
    if wished in taken:
        raise RefusedError(f"port {wished} is held already", where=case.site.ref.node, hint="leave out --port")
    free = [wished] * bool(wished) + [
        one for one in range(old + 1, old + 1 + PORTS) if one not in taken and one < 65536
    ]
    if not free:
        raise RefusedError(f"no port after {old} is free", where=case.site.ref.node, hint="--port")
    return free[0]


def _find_listens(case: Case) -> tuple[str, ...]:
    """Where the engine listens now, as the gateway's `listen` writes it."""
    found = texts_of(case.seen.value(case.site.ref, "engine.listening"))
    if not found:
        raise RefusedError("its address cannot be seen", where=str(case.site.ref), hint="run it as root")
    return tuple(render_listen(parse_listen(one)) for one in found)


def _read_toml(case: Case) -> tuple[Path, str]:
    """keepwell.toml, or where it will lie."""
    path = case.wiring.config.path or case.caller.config
    if path is None:
        folder = {True: Path("/etc/keepwell")}.get(os.geteuid() == 0, find_home() / ".config" / "keepwell")
        path = folder / FILE_NAME
    try:
        return path.absolute(), path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return path.absolute(), ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot be read: {error}", where=str(path)) from error


async def _edit_toml(case: Case, text: str, listens: Sequence[str], moved_url: str) -> tuple[str, str]:
    """The text with the gateway's new addresses and the engine's; and what the reader has to know."""
    config = case.wiring.config
    serving = find_serving(await ask_planes(case.wiring.state, case.wiring.hands))
    usual = (USUAL_LISTEN,) * (serving is not None)
    wanted = tuple(dict.fromkeys([*(config.gateway.listen or usual), *listens]))
    origins, left_out = _find_origins(case)
    try:
        text = set_key(text, ("gateway", "listen"), render_value(wanted))
        if set(origins) - set(config.gateway.origins):
            both = tuple(dict.fromkeys([*config.gateway.origins, *origins]))
            text = set_key(text, ("gateway", "origins"), render_value(both))
        for number, one in enumerate(config.engines):
            if one.url == case.site.url:
                text = set_key(text, ("engine", number, "url"), render_value(moved_url))
    except ValueError as error:
        hint = f"write listen = {render_value(wanted)} below [gateway] yourself"
        raise RefusedError(f"keepwell.toml cannot be changed: {error}", where=str(config.path), hint=hint) from error
    return text, left_out


def _find_origins(case: Case) -> tuple[tuple[str, ...], str]:
    """The pages that the engine was told to let ask: those that the gateway can be told, and words about the others."""
    setting = next((one.name for one in case.engine.settings if "ORIGIN" in one.name.upper()), "")
    value = ""
    if not isinstance(case.site.process, Missing):
        value = case.site.process.environment.get(setting, "")
    written = [one.strip() for one in value.strip("\"'").split(",") if one.strip()]
    taken = tuple(one for one in written if _is_origin(one))
    rest = [one for one in written if one not in taken]
    return taken, ORIGINS.format(setting=setting, origins=", ".join(rest)) * bool(rest)


def _is_origin(text: str) -> bool:
    try:
        shapes.origin(text)
    except ValueError:
        return False
    return True


async def _plan_gateway(
    case: Case, wish: AdoptWish, adoption: Adoption, listens: tuple[str, ...], mark: str
) -> Gateway:
    """One that runs starts again; else one is started."""
    wiring = case.wiring
    _require_safe(wiring, wish, listens)
    own = (sys.executable, "-m", "keepwell", "gateway")
    place = ("--config", adoption.toml)
    state = f"KEEPWELL_STATE={wiring.state.absolute()}"
    shown = ", ".join(listens)
    serving = find_serving(await ask_planes(wiring.state, wiring.hands))
    if serving is None:
        start = StartProcess(
            argv=("env", state, *own, *place, "--wait", WAIT_SECONDS, *("--insecure",) * wish.insecure),
            output=str(wiring.state.absolute() / "gateway.log"),
            mark=f"{mark}-gateway",
            ready=str(ready_path(wiring.state.absolute())),
        )
        return start_gateway(adoption.running, start, shown)
    await _require_by_file(wiring, serving.plane.keeper)
    beside = adoption.running.start is not None
    return restart_gateway(adoption.running, ("env", state, *own, "--restart", *place), shown, patient=beside)


def _require_safe(wiring: Wiring, wish: AdoptWish, listens: Iterable[str]) -> None:
    """Whoever reaches the engine from elsewhere has no key: that has to be wished, or keys have to be there."""
    open_to_all = [one for one in listens if not is_local(parse_listen(one)[0])]
    if open_to_all and not wish.insecure and not load_keys(wiring.state):
        hint = "keepwell key add NAME gives clients keys; --insecure lets them go on without"
        raise RefusedError("other machines may ask it, and the gateway has no key for them", hint=hint)


async def _require_by_file(wiring: Wiring, keeper: int) -> None:
    """A gateway whose addresses were given when it was started does not go by keepwell.toml."""
    try:
        argv = (await wiring.hands.read(f"/proc/{keeper}/cmdline")).decode("utf-8", "replace").split("\0")
    except NotThere as error:
        raise RefusedError("the gateway has just ended", hint="try again") from error
    except AccessError:
        return
    if any(one.partition("=")[0] == "--listen" for one in argv):
        hint = "start it without --listen: its addresses then stand in keepwell.toml"
        raise RefusedError("the gateway that runs was started with --listen", where=f"process {keeper}", hint=hint)


def _keep(run_id: str, plan: Plan, caller: Caller, wiring: Wiring) -> None:
    now = wiring.clock.now()
    run = Run(id=run_id, kind=KIND, asked_by=caller.asked_by, created_at=now, items=plan_items(plan))
    create_journal(wiring.state, run, render_plan(plan), wiring.clock).close()
