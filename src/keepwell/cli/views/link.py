"""`keepwell link` on a screen: one line for each way between two nodes."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.linking import LinkReport, Measured
from keepwell.cli.words import clean, sign, size
from keepwell.core.finding import Status


def render(report: LinkReport) -> RenderableType:
    """Who sends to whom, then the ways."""
    heading = Text.assemble((clean(report.sender), "bold"), " -> ", (clean(report.receiver), "bold"))
    return Group(heading, *(_way(one) for one in report.ways))


def _way(one: Measured) -> Text:
    role = f" ({one.way.role})" * bool(one.way.role)
    name = f"{clean(one.way.address)}{role}"
    if one.problem:
        return Text.assemble(sign(Status.CRITICAL), f" {name}  {clean(one.problem)}")
    loss = "loss not told"
    if one.loss_ratio is not None:
        loss = f"{one.loss_ratio:.2%} sent again"
    wished = f" of {one.way.wished_mbit_per_s:g} declared" * bool(one.way.wished_mbit_per_s)
    words = (
        f" {name}  {one.mbit_per_s:.0f} Mbit/s{wished}, {one.rtt_seconds * 1000:.2f} ms there and back, {loss}"
        f"  ({size(one.received_bytes)} in {one.seconds:.1f} s)"
    )
    return Text.assemble(sign({True: Status.WARNING}.get(one.slow, Status.OK)), words)
