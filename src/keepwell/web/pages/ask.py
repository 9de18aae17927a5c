"""A question to the owner's own model, answered from evidence, beside the ranking."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from keepwell.core.errors import NotThere
from keepwell.web.fields import take
from keepwell.web.page import Fields, Form, Page, Shown, Visit
from keepwell.web.work import begin, find_error, go_work

ASK = "ask"
#: Causes of the ranking that stand beside the answer.
CAUSES = 3


async def show(visit: Visit) -> Shown:
    """The form, and the answers that are kept."""
    pieces = [one for one in visit.house.work.pieces() if one.operation == ASK]
    return Shown(template="ask.html", data={"pieces": pieces[:20]})


async def ask(visit: Visit, fields: Fields) -> Response:
    """Begin to answer."""
    given: dict[str, Any] = {"question": take(fields, "question")}
    if take(fields, "model"):
        given["model"] = take(fields, "model")
    if take(fields, "load"):
        given["load"] = True
    piece = begin(visit, ASK, given)
    return go_work(piece, f"/ask/{piece.id}")


async def answer(visit: Visit) -> Shown:
    """One that is done."""
    piece = visit.house.work.find(visit.named("id"))
    if piece is None or piece.operation != ASK:
        raise NotThere("this answer is not kept any more", hint="ask again at /ask")
    if piece.stage != "done":
        raise find_error(piece)
    told = piece.document
    causes = [one for one in told["evidence"] if one["kind"] == "cause"][:CAUSES]
    claims = [one for one in told["claims"] if one["state"] != "withheld"]
    withheld = len(told["claims"]) - len(claims)
    data = {"told": told, "causes": causes, "claims": claims, "withheld": withheld}
    return Shown(template="ask_answer.html", data=data, title=told["question"][:200])


PAGES = (
    Page(path="/ask", title="Ask", show=show, place=6, group="trouble"),
    Page(path="/ask/{id}", title="Answer", show=answer),
)
FORMS = (Form(path="/ask", act=ask, right="read"),)
