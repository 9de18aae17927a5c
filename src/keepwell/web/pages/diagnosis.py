"""What is wrong, and why: begun here, followed as it goes, shown with its evidence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from keepwell.core.errors import NotThere
from keepwell.core.words import command_line, show_blanks
from keepwell.web.fields import take
from keepwell.web.page import Fields, Form, Page, Shown, Visit
from keepwell.web.work import begin, find_error, go_work

#: Rivals below this share are not worth a line, and findings that no cause explains are shown at most so many.
RIVAL_FLOOR, FINDINGS_SHOWN = 0.03, 20
#: A first cause below this is next to impossible.
WORTH_TELLING = 0.03
#: How a next check begins that is a deeper look, and the deepest level that wakes nothing.
DEEPER, HARMLESS_LEVEL = "keepwell diagnose --level ", 2
DIAGNOSE = "diagnose"


async def show(visit: Visit) -> Shown:
    """The form, and the diagnoses that are kept."""
    pieces = [one for one in visit.house.work.pieces() if one.operation == DIAGNOSE]
    nodes = [one.name for one in visit.hub.wiring.config.nodes]
    return Shown(template="diagnosis.html", data={"pieces": pieces[:20], "nodes": nodes})


async def ask(visit: Visit, fields: Fields) -> Response:
    """Begin one. Level 3 and 4 let engines work, which needs the right to change and a yes."""
    text, node = take(fields, "text"), take(fields, "node")
    given: dict[str, Any] = {"level": take(fields, "level", str(HARMLESS_LEVEL))}
    if text:
        given = {"text": text}
    elif node:
        given["targets"] = [node]
    if take(fields, "yes"):
        given["yes"] = True
    piece = begin(visit, DIAGNOSE, given)
    return go_work(piece, f"/diagnosis/{piece.id}")


async def answer(visit: Visit) -> Shown:
    """One that is done."""
    piece = visit.house.work.find(visit.named("id"))
    if piece is None or piece.operation != DIAGNOSE:
        raise NotThere("this diagnosis is not kept any more", hint="begin another one at /diagnosis")
    if piece.stage != "done":
        raise find_error(piece)
    whole = piece.document
    told = [_prepare(one) for one in whole.get("nodes", [whole])]
    unreached = whole.get("unreached", [])
    return Shown(template="diagnosis_answer.html", data={"answers": told, "unreached": unreached, "piece": piece})


def _prepare(one: dict[str, Any]) -> dict[str, Any]:
    """One node's answer: its causes that are worth telling, rivals, and findings that no cause explains."""
    hypotheses = one.get("hypotheses", [])
    least = max(WORTH_TELLING, float(bool(one.get("not_known"))))
    first = [row for row in hypotheses[:1] if row["confidence"] >= least]
    causes = [_cause(row) for row in (*first, *one.get("also", [])) if not row["decided"]]
    told = {part["source"] for row in causes for part in row["supporting"]}
    bad = [row for row in one["findings"] if row["status"] in ("warning", "critical")]
    rest = [row for row in bad if not {row["check"], f"{row['check']} at {row['subject']}"} & told]
    return {
        **one,
        "name": _name(one),
        "causes": causes,
        "rivals": [row for row in hypotheses[1:] if row["confidence"] >= RIVAL_FLOOR],
        "rest": rest[:FINDINGS_SHOWN],
        "more": max(0, len(rest) - FINDINGS_SHOWN),
        "deeper": _deeper(one.get("next_probe")),
    }


def _name(one: dict[str, Any]) -> str:
    if one.get("node") is None:
        return "a pasted text"
    return str(one["node"]["ref"]).partition(":")[2]


def _cause(row: dict[str, Any]) -> dict[str, Any]:
    commands = (row["fix"] or {}).get("commands", [])
    return {**row, "commands": list(_type(commands))}


def _type(commands: Iterable[dict[str, Any]]) -> Iterable[str]:
    for one in commands:
        yield "sudo " * one["root"] + command_line(show_blanks(one["argv"])) + " &" * one["background"]


def _deeper(probe: dict[str, Any] | None) -> int:
    """The level of a next check that keepwell makes itself; 0 where a person has to."""
    command = str((probe or {}).get("command", ""))
    level = command.removeprefix(DEEPER).split(" ")[0]
    if command.startswith(DEEPER) and level in ("1", "2", "3", "4"):
        return int(level)
    return 0


PAGES = (
    Page(path="/diagnosis", title="Diagnosis", show=show, place=1, group="trouble"),
    Page(path="/diagnosis/{id}", title="Diagnosis", show=answer),
)
FORMS = (Form(path="/diagnosis", act=ask, right="read"),)
