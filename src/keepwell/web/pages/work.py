"""One operation as it goes: how far it is, what it tells, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from keepwell.app.hub.house import House
from keepwell.app.hub.work import Piece
from keepwell.core.errors import NotThere
from keepwell.web.page import Fields, Form, Page, Part, Shown, Visit
from keepwell.web.theme import own_path
from keepwell.web.work import find_error, go

#: Fields of an answer that are shown here at most; its own page shows it whole.
SHOWN = 40


async def show(visit: Visit) -> Shown:
    """The page of one piece of work; `then` is where it leads when it is done."""
    piece = _get(visit.house, visit.named("id"))
    then = own_path(visit.asked("then", ""))
    data = {"piece": piece, "then": then * (then != "/"), "over": piece.over.is_set()}
    return Shown(template="work.html", data=data, parts=(f"work:{piece.id}",), title=f"keepwell {piece.operation}")


async def gather(house: House, argument: str) -> Mapping[str, Any]:
    """How it goes."""
    piece = _get(house, argument)
    error = None
    if piece.over.is_set() and piece.stage != "done":
        error = find_error(piece)
    facts = [(name.replace("_", " "), value) for name, value in piece.document.items() if _is_short(value)]
    return {"piece": piece, "over": piece.over.is_set(), "error": error, "facts": facts[:SHOWN]}


async def stop(visit: Visit, fields: Fields) -> Response:
    """End it, as Ctrl-C does in a terminal: who began it may, and who may change."""
    piece = _get(visit.house, visit.named("id"))
    if piece.visitor == visit.visitor or visit.may_change:
        visit.house.work.stop(piece)
    return go(f"/work/{piece.id}")


def _get(house: House, name: str) -> Piece:
    piece = house.work.find(name)
    if piece is None:
        raise NotThere("this work is not known any more", hint="what is kept of it stands on the page of its kind")
    return piece


def _is_short(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


PAGES = (Page(path="/work/{id}", title="Work", show=show),)
FORMS = (Form(path="/work/{id}/stop", act=stop, right="read"),)
PARTS = (Part(name="work", template="parts/work.html", gather=gather, every_seconds=0.5),)
