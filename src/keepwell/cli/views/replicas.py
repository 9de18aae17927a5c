"""`keepwell replicas`, `drain`, `cordon` and `uncordon` on a screen: a line for each replica, and what runs there."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from keepwell.app.serving.replicas import ReplicasReport
from keepwell.cli.words import clean
from keepwell.gateway.record.state import ReplicaState

#: Requests and errors of one replica that are shown; `--json` has all.
SHOWN = 5
_COLUMNS = ("replica", "state", "at work", "usual", "in memory")


def render(report: ReplicasReport) -> RenderableType:
    """What was done, where the gateway listens, the replicas, and what still runs."""
    parts: list[RenderableType] = []
    if report.done:
        parts.append(Text.assemble(("✓ ", "green"), clean(report.done)))
    if report.left > 0:
        parts.append(Text(f"{report.left} requests still run there", style="yellow"))
    elif not report.left:
        parts.append(Text("nothing runs there any more"))
    parts.append(Text(_gateway(report), style="dim"))
    table = Table(box=None, pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name)
    for one in report.replicas:
        table.add_row(clean(one.replica), *(Text(clean(word, 120), style=style) for word, style in _words(one)))
    parts.append(table)
    for one in report.replicas:
        parts += _details(one)
    return Group(*parts)


def _gateway(report: ReplicasReport) -> str:
    if not report.serving:
        return "no gateway runs; these are the replicas of its last settings"
    said = f"the gateway listens on {', '.join(report.serving)}"
    if report.waiting:
        said += f", {report.waiting} requests wait"
    if report.finishing:
        said += f", {report.finishing} from before a restart still finish"
    return said


def _words(one: ReplicaState) -> list[tuple[str, str]]:
    state, style = {"closed": ("well", "green"), "half-open": ("being tried", "yellow"), "open": ("out", "red")}[
        one.state
    ]
    if one.out_for_seconds:
        state += f" for {one.out_for_seconds:.1f} s more"
    if one.cordoned:
        state, style = f"no new work: {one.cordoned}", "yellow"
    at_work = f"{one.running} of {one.limit}" * bool(one.limit) or str(one.running)
    usual = f"{one.usual_seconds:.1f} s" * bool(one.usual_seconds)
    return [(state, style), (at_work, ""), (usual, ""), (_memory(one), "dim")]


def _memory(one: ReplicaState) -> str:
    return ", ".join([*one.models, *(f"{name} (loading)" for name in one.loading)])


def _details(one: ReplicaState) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for error in list(one.last_errors)[-SHOWN:]:
        lines.append(
            Text(f"  {clean(one.replica)}  {error.seconds_ago:.0f} s ago: {clean(error.why, 200)}", style="dim")
        )
    for request in one.requests[:SHOWN]:
        what = f"{clean(request.model) or '-'}  {clean(request.key) or '-'}  for {request.seconds:.1f} s"
        lines.append(Text(f"  {clean(one.replica)}  request {request.id}: {what}"))
    return lines
