"""A conversation through the gateway that shows how fast the answer came, from where, and which model gave it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from keepwell.core.errors import ConfigurationError, KeepwellError
from keepwell.core.text import cut_text
from keepwell.store.keys import load_keys
from keepwell.web.answering import HEADERS
from keepwell.web.chat import Question, Said, ask
from keepwell.web.page import Fields, Form, Page, Shown, Visit
from keepwell.web.serving import is_serving, read_settings

#: Turns of a conversation, characters of one, and characters of a whole answer without a script.
TURNS, TURN, WHOLE = 100, 200_000, 400_000
EVENTS = "text/event-stream"
_encode = msgspec.json.Encoder().encode


async def show(visit: Visit) -> Shown:
    """The page: a choice of models and a question."""
    return await _show(visit, model=visit.asked("model"))


async def send(visit: Visit, fields: Fields) -> Shown | Response:
    """Ask: as a stream of events to our script, as a page when the answer is whole to a browser without it."""
    question = read_question(fields)
    if EVENTS in visit.request.headers.get("accept", ""):
        headers = {**HEADERS, "x-accel-buffering": "no"}
        return StreamingResponse(_stream(visit, question), headers=headers, media_type=EVENTS)
    answer: dict[str, Any] = {"text": "", "thought": "", "head": {}, "end": {}, "error": ""}
    async for one in ask(visit, question):
        if one.kind in ("text", "thought"):
            answer[one.kind] = (answer[one.kind] + one.text)[:WHOLE]
        elif one.kind == "error":
            answer["error"] = one.text
        else:
            answer[one.kind] = one.told
    return await _show(visit, model=question.model, question=question.turns[-1][1], answer=answer)


def read_question(fields: Fields) -> Question:
    """From a form: `model`, `question`, `key`, the turns before as JSON in `before`. Raises ConfigurationError."""
    model, text = (fields.get(name, [""])[0].strip() for name in ("model", "question"))
    if not model or not text:
        raise ConfigurationError("a model and a question are needed", hint="choose a model of the list")
    before: list[tuple[str, str]] = []
    written = fields.get("before", [""])[0]
    if written:
        try:
            before = msgspec.json.decode(written, type=list[tuple[str, str]])
        except msgspec.DecodeError as error:
            raise ConfigurationError(f"the turns before cannot be read: {error}") from error
    turns = [*before[-TURNS:], ("user", text)]
    cut = [(who, cut_text(said, TURN)) for who, said in turns]
    return Question(model=model, turns=cut, key=fields.get("key", [""])[0].strip())


async def _stream(visit: Visit, question: Question) -> AsyncIterator[bytes]:
    try:
        async for one in ask(visit, question):
            yield _event(one)
    except KeepwellError as error:
        yield _event(Said(kind="error", text=str(error)))


def _event(one: Said) -> bytes:
    return b"data: " + _encode({"kind": one.kind, "text": one.text, "told": one.told}) + b"\n\n"


async def _show(visit: Visit, *, model: str, question: str = "", answer: dict[str, Any] | None = None) -> Shown:
    settings = await read_settings(visit.hub.state)
    models: list[str] = []
    held: set[str] = set()
    needs_key = bool(load_keys(visit.hub.state))
    if settings is not None:
        models = sorted(one.name for one in settings.routes)[:500]
        held = {one.name for one in settings.offered if one.held}
        needs_key = needs_key or settings.key_required
    data = {
        "models": sorted(models, key=_held_first(held)),
        "held": held,
        "model": model,
        "question": question,
        "answer": answer,
        "needs_key": needs_key,
        "serving": is_serving(visit.hub.state),
    }
    return Shown(template="playground.html", data=data)


def _held_first(held: set[str]) -> Any:
    def order(name: str) -> tuple[bool, str]:
        return name not in held, name

    return order


PAGES = (Page(path="/playground", title="Playground", show=show, place=4, group="now"),)
FORMS = (Form(path="/playground", act=send, right="read"),)
