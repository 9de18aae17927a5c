"""`keepwell ready` and `keepwell audit` on a screen."""

from __future__ import annotations

from rich.console import Console

from keepwell.app.inspecting import InspectionReport
from keepwell.cli.views.inspection import render
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import node
from keepwell.plugins.advice import Advice, advise


def shown(purpose: str, *findings: Finding) -> str:
    report = InspectionReport(
        purpose=purpose,
        at=100.0,
        seconds=0.8,
        node=node("gpu01"),
        wanted="Made",
        engines=("Made at http://127.0.0.1:7000",),
        findings=findings,
    )
    console = Console(width=200, highlight=False)
    with console.capture() as captured:
        console.print(render(report))
    return captured.get()


def test_what_is_bad_stands_there_with_its_advice_and_what_is_well_in_a_line() -> None:
    advice = Advice(where="here\x1b[2J", command="stat /x", why="because", next="chmod o-w /x")
    bad = advise("audit.writable", node("gpu01"), (Status.CRITICAL, "any user can change /x"), advice)
    well = advise("audit.account", node("gpu01"), (Status.OK, "runs as made"), advice)
    text = shown("audit", bad, well)
    assert "gpu01 · for Made · Made at http://127.0.0.1:7000" in text
    assert "✗ any user can change /x  audit.writable" in text
    assert "    see    $ stat /x\n" in text
    assert text.count("because") == 1
    assert "\x1b" not in text
    assert "Open to others: 1 critical, 1 well · 0.8 s" in text


def test_a_node_that_is_ready_says_so() -> None:
    well = advise("ready.disk", node("gpu01"), (Status.OK, "room"), Advice())
    assert "Ready: 1 well" in shown("ready", well)
    assert "Not ready" in shown("ready", advise("ready.disk", node("gpu01"), (Status.WARNING, "no room"), Advice()))
