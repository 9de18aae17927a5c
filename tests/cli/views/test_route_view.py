"""`keepwell route` on a screen."""

from __future__ import annotations

import io

from rich.console import Console

from keepwell.app.serving.explaining import RouteReport
from keepwell.cli.views.route import render
from keepwell.gateway.choice.explain import CandidateLine, Explanation

ROWS = (
    CandidateLine(replica="gpu01/a", why="", outstanding=2, chosen=True, model="qwen", limit=4, resident=True),
    CandidateLine(replica="gpu02/b", why="out for 3.0 s more: HTTP 500\x1b[2J", outstanding=0),
)
SMALL = Explanation(
    model="gpt-5",
    route="small",
    how="the fallback of chat",
    policy=("least_work",),
    candidates={"openai": (CandidateLine(replica="box/c", why="has no model small"),), "ollama": ()},
)
REPORT = RouteReport(
    model="gpt-5",
    route="chat",
    how="it fits gpt-*",
    policy=("session", "least_work"),
    waiting=3,
    candidates={"openai": ROWS, "anthropic": ROWS},
    fallbacks=(SMALL,),
)


def shown(report: RouteReport) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=120, highlight=False).print(render(report))
    return out.getvalue().splitlines()


def test_the_route_its_rules_and_each_candidate_with_formats_that_are_alike_together() -> None:
    lines = shown(REPORT)
    assert lines[:3] == [
        "gpt-5 → route chat (it fits gpt-*)",
        "  chosen by: session, then least_work, 3 wait",
        "  openai, anthropic",
    ]
    assert lines[3].startswith("    → gpu01/a  as qwen, in memory, 2 at work of 4")
    assert lines[4].startswith("      gpu02/b  out for 3.0 s more: HTTP 500")
    assert "\x1b" not in lines[4]
    assert lines[5] == "gpt-5 → route small (the fallback of chat)"
    assert lines[-1].strip() == "nobody has it"


def test_it_ends_with_2_where_nobody_could_take_it() -> None:
    assert REPORT.exit_code == 0
    none = RouteReport(model="m", route="m", how="", policy=(), candidates={"openai": ROWS[1:]}, fallbacks=(SMALL,))
    assert none.exit_code == 2


def test_a_replica_that_needs_a_translation_says_into_what() -> None:
    line = CandidateLine(replica="gpu01/a", why="", model="qwen", into=("anthropic", "openai"))
    lines = shown(RouteReport(model="m", route="m", how="", policy=(), candidates={"ollama": (line,)}))
    assert "translated into anthropic or openai" in lines[-1]
