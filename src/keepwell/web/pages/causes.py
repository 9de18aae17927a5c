"""Known causes, and what closed incidents taught."""

from __future__ import annotations

from typing import Any

from keepwell.core.words import command_line, show_blanks
from keepwell.web.page import Page, Shown, Visit
from keepwell.web.work import read


async def show(visit: Visit) -> Shown:
    """The catalogue, by family or word."""
    known = (await read(visit, "issues", {}))["issues"]
    families = sorted({one["family"] for one in known})
    family, word = visit.asked("family"), visit.asked("word").strip()
    if family:
        known = [one for one in known if one["family"] == family]
    if word:
        known = [one for one in known if word.lower() in f"{one['id']} {one['title']}".lower()]
    data = {"issues": known, "families": families, "family": family, "word": word}
    return Shown(template="causes.html", data=data)


async def show_one(visit: Visit) -> Shown:
    """One, whole."""
    issue = (await read(visit, "explain", {"issue": visit.named("id")}))["issue"]
    fixes = [{**one, "typed": _type(one["commands"])} for one in issue["fixes"]]
    return Shown(template="cause.html", data={"issue": issue, "fixes": fixes}, title=issue["title"])


async def show_learned(visit: Visit) -> Shown:
    """Lessons, and how they moved weights."""
    return Shown(template="learned.html", data={"told": await read(visit, "learned", {})})


def _type(commands: list[dict[str, Any]]) -> list[str]:
    return ["sudo " * one["root"] + command_line(show_blanks(one["argv"])) for one in commands]


PAGES = (
    Page(path="/causes", title="Causes", show=show, place=1, group="known"),
    Page(path="/causes/{id}", title="Cause", show=show_one),
    Page(path="/learned", title="Learned", show=show_learned, place=2, group="known"),
)
