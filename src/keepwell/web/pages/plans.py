"""Plans: read, approved, watched, taken back; and the changes that assistants asked for."""

from __future__ import annotations

from starlette.responses import Response

from keepwell.app.applying.runbook_text import WORDS
from keepwell.app.applying.runs import TO_APPLY, TO_UNDO
from keepwell.web.fields import take
from keepwell.web.page import Fields, Form, Page, Shown, Visit
from keepwell.web.work import begin, go_work, read

#: The colour of a run's state.
STATES = {"done": "ok", "undone": "ok", "failed": "critical", "begun": "warning", "undoing": "warning"}


async def show(visit: Visit) -> Shown:
    """All plans, the newest first."""
    runs = (await read(visit, "runs", {}))["runs"]
    nodes = [one.name for one in visit.hub.wiring.config.nodes]
    proposals = (await read(visit, "proposals list", {}))["proposals"]
    data = {"runs": runs, "states": STATES, "words": WORDS, "nodes": nodes, "proposals": proposals}
    return Shown(template="plans.html", data=data)


async def show_one(visit: Visit) -> Shown:
    """One: every change before and after, its proof, its way back."""
    run = await read(visit, "report", {"run": visit.named("id")})
    data = {
        "run": run,
        "states": STATES,
        "words": WORDS,
        "to_apply": run["state"] in TO_APPLY and run["kind"] == "plan",
        "to_undo": run["state"] in TO_UNDO and bool(run["undo"]),
    }
    return Shown(template="plan.html", data=data, title=f"Plan {run['id']}")


async def make(visit: Visit, fields: Fields) -> Response:
    """Make plans of what can be repaired and what is not as wished: nothing is changed."""
    given: dict[str, object] = {}
    if take(fields, "what"):
        given["what"] = take(fields, "what")
    if take(fields, "node"):
        given["node"] = [take(fields, "node")]
    return go_work(begin(visit, "plan", given), "/plans")


async def apply(visit: Visit, fields: Fields) -> Response:
    """Carry it out. The form says that the changes were read."""
    run = visit.named("id")
    return go_work(begin(visit, "apply", {"run": [run]}), f"/plans/{run}")


async def undo(visit: Visit, fields: Fields) -> Response:
    """Take it back, byte for byte."""
    run = visit.named("id")
    return go_work(begin(visit, "undo", {"run": run}), f"/plans/{run}")


async def approve(visit: Visit, fields: Fields) -> Response:
    """Carry out what an assistant asked for: what the mark says was read, and nothing else."""
    given = {"id": visit.named("id"), "mark": take(fields, "mark")}
    return go_work(begin(visit, "proposals approve", given), "/plans")


async def refuse(visit: Visit, fields: Fields) -> Response:
    """Say no to it."""
    return go_work(begin(visit, "proposals refuse", {"id": visit.named("id"), "why": take(fields, "why")}), "/plans")


PAGES = (
    Page(path="/plans", title="Plans", show=show, place=1, group="work"),
    Page(path="/plans/{id}", title="Plan", show=show_one),
)
FORMS = (
    Form(path="/plans", act=make, right="read"),
    Form(path="/plans/{id}/apply", act=apply),
    Form(path="/plans/{id}/undo", act=undo),
    Form(path="/proposals/{id}/approve", act=approve),
    Form(path="/proposals/{id}/refuse", act=refuse),
)
