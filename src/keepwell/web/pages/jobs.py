"""Long work: batches and jobs, how far they are, what they said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from keepwell.app.hub.house import House
from keepwell.web.looking import look
from keepwell.web.page import Fields, Form, Page, Part, Shown, Visit
from keepwell.web.work import begin, go_work, read

#: The colour of how one stands.
STATES = {
    "done": "ok",
    "running": "ok",
    "failed": "critical",
    "lost": "critical",
    "alone": "warning",
    "died": "warning",
}
#: Lines of a job's log that are shown.
LINES = 500


async def show(visit: Visit) -> Shown:
    """All of them, live."""
    return Shown(template="jobs.html", parts=("jobs",))


async def gather(house: House, argument: str) -> Mapping[str, Any]:
    """How they stand now."""
    batches, jobs = await look(house, "batch list", {}), await look(house, "jobs list", {})
    problems = [*batches["problems"], *jobs["problems"]]
    return {"batches": batches["batches"], "jobs": jobs["jobs"], "problems": problems, "states": STATES}


async def show_log(visit: Visit) -> Shown:
    """What a job said last."""
    name = visit.named("name")
    told = await read(visit, "jobs logs", {"job": name, "lines": LINES})
    return Shown(template="job_log.html", data={"log": told}, title=f"Log of {name}")


async def stop_job(visit: Visit, fields: Fields) -> Response:
    """End it with all of its processes."""
    return go_work(begin(visit, "jobs stop", {"job": visit.named("name")}), "/jobs")


async def resume_job(visit: Visit, fields: Fields) -> Response:
    """Run it again, or watch it again."""
    return go_work(begin(visit, "jobs resume", {"job": visit.named("name")}), "/jobs")


async def stop_batch(visit: Visit, fields: Fields) -> Response:
    """Let it end what is in flight, and begin nothing more."""
    return go_work(begin(visit, "batch stop", {"job": visit.named("name")}), "/jobs")


PAGES = (
    Page(path="/jobs", title="Jobs", show=show, place=2, group="work"),
    Page(path="/jobs/{name}/log", title="Log", show=show_log),
)
FORMS = (
    Form(path="/jobs/{name}/stop", act=stop_job),
    Form(path="/jobs/{name}/resume", act=resume_job),
    Form(path="/batches/{name}/stop", act=stop_batch),
)
PARTS = (Part(name="jobs", template="parts/jobs.html", gather=gather, every_seconds=2.0),)
