"""`keepwell up`: say how this machine stands, then serve its models at one address."""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.app.diagnosing import diagnose_here
from keepwell.app.operation import Caller
from keepwell.app.report import DiagnosisReport
from keepwell.app.serving.gatekeeping import run_gateway
from keepwell.app.serving.offering import GatewayOptions

#: The level of the look: all that reads and wakes nothing.
LEVEL = 2


async def go_up(caller: Caller, options: GatewayOptions) -> None:
    """Diagnose, tell it in a few lines, then run the gateway until Ctrl-C. Trouble does not keep it from serving.

    Raises what the gateway raises: ConfigurationError, Unreachable.
    """
    report = await diagnose_here(caller, level=LEVEL)
    for line in summarise(report):
        caller.tell(line)
    await run_gateway(caller, options)


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
