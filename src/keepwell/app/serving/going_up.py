"""`keepwell up`: say how this machine stands, then keep gateway, hub and desk running, each a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from keepwell.app.desk.keeping import DeskKeeper
from keepwell.app.diagnosing import diagnose_here
from keepwell.app.hub.keeping import HubKeeper
from keepwell.app.operation import Caller
from keepwell.app.report import DiagnosisReport
from keepwell.app.serving.doors import ask_planes, find_serving
from keepwell.app.serving.gatekeeping import run_gateway
from keepwell.app.serving.offering import GatewayOptions
from keepwell.app.serving.planes import Planes, Stage
from keepwell.app.serving.supervised import make_notifier
from keepwell.app.wiring import Wiring

#: The level of the look: all that reads and wakes nothing.
LEVEL = 2


async def go_up(caller: Caller, options: GatewayOptions) -> None:
    """Diagnose, tell it in a few lines, then run gateway and hub until Ctrl-C. Trouble does not keep it from serving.

    Raises what the gateway raises: ConfigurationError, Unreachable.
    """
    report = await diagnose_here(caller, level=LEVEL)
    for line in summarise(report):
        caller.tell(line)

    @contextlib.asynccontextmanager
    async def beside(wiring: Wiring, planes: Planes) -> AsyncIterator[None]:
        hub = HubKeeper(wiring.state, caller.config, caller.tell)
        desk = DeskKeeper(wiring.state, caller.tell)
        async with _watched(wiring, planes), hub.keep(), desk.keep():
            yield

    await run_gateway(caller, options, beside)


@contextlib.asynccontextmanager
async def _watched(wiring: Wiring, planes: Planes) -> AsyncIterator[None]:
    """systemd, where it started us, knows how we are: beats come while the gateway answers, whatever the hub does."""
    notifier = make_notifier()

    def announce(stage: Stage) -> None:
        {"ready": notifier.ready, "restart": notifier.reloading, "end": notifier.stopping}[stage]()

    async def is_well() -> bool:
        return find_serving(await ask_planes(wiring.state, wiring.hands)) is not None

    planes.announce = announce
    beating = asyncio.create_task(notifier.keep_beating(is_well))
    try:
        yield
    finally:
        beating.cancel()


def summarise(report: DiagnosisReport) -> Iterator[str]:
    """For a person: each engine, each likely cause, and where more of it is told."""
    if report.node is not None:
        for engine in report.node.engines:
            yield f"{engine.title}  {engine.url}  {engine.state}"
    for cause in report.causes:
        yield f"{cause.title}  {cause.confidence:.0%} sure"
    if report.exit_code:
        yield "not all is well: `keepwell diagnose` tells why and what to do"
    else:
        yield f"all well: {report.checks_made} checks in {report.seconds:.1f} s"
