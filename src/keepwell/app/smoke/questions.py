"""The basic questions of a smoke test: does the service run, the API answer, each model answer, and as itself?

Each gives a row of `smoke.asked`; `keepwell.checks.smoke` judges them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from keepwell.app.smoke.asker import Answer, Asker, choose_smallest
from keepwell.core.errors import AccessError, EngineError
from keepwell.core.observation import Missing, Value
from keepwell.core.text import cut_text, escape_controls
from keepwell.formats.said import Said
from keepwell.plugins.chat import ChatAsk, NamesDigests
from keepwell.plugins.engine import ListsModels, LoadedModel, ModelInfo

Row: TypeAlias = Mapping[str, Value]
#: Tokens of an answer: enough to see words, nothing that anybody waits for.
TOKENS = 8
#: Characters of an answer or of an engine's words that are kept.
KEPT = 200
#: A name that no model has, and seconds in which an engine says so.
NONSENSE, NONSENSE_SECONDS = "keepwell-no-such-model", 20.0


async def ask_service(asker: Asker) -> Row:
    """Its own word on how it is."""
    began = asker.clock.monotonic()
    try:
        health = await asker.engine.health(asker.site, asker.transport)
    except (AccessError, EngineError) as error:
        return _row("service", asker, began, state="silent", said=str(error))
    return _row("service", asker, began, state=health.state, said=health.said)


async def ask_api(asker: Asker) -> tuple[Row, tuple[ModelInfo, ...]]:
    """Its list of models."""
    began = asker.clock.monotonic()
    if not isinstance(asker.engine, ListsModels):
        return _row("api", asker, began, state="unable", said="this engine lists no models"), ()
    try:
        found = await asker.engine.models(asker.site, asker.transport)
    except (AccessError, EngineError) as error:
        return _row("api", asker, began, state="failed", said=str(error)), ()
    if isinstance(found, Missing):
        return _row("api", asker, began, state="failed", said=found.reason), ()
    return {**_row("api", asker, began, state="answered", said=""), "models": len(found)}, found


def choose_models(
    offered: tuple[ModelInfo, ...], loaded: tuple[LoadedModel, ...], *, every: bool
) -> tuple[list[str], list[str]]:
    """Models to ask, and those that are left out because another machine runs them, for money perhaps.

    Those in memory; where none is, the smallest; all with `every`, those in memory first.
    """
    here = [one for one in offered if not one.status.startswith("remote")]
    away = [one.name for one in offered if one.status.startswith("remote")]
    in_memory = list(dict.fromkeys(one.name for one in loaded if one.name not in away))
    rest = sorted((one for one in here if one.name not in in_memory), key=_by_bytes)
    if every:
        return [*in_memory, *(one.name for one in rest)], away
    smallest = choose_smallest((one.name, one.size_bytes) for one in rest if one.status != "failed")
    return in_memory or [smallest] * bool(smallest), away


async def ask_answer(asker: Asker, model: str) -> Row:
    """A few words; an embedding of a model that gives none."""
    ask = ChatAsk(model=model, tokens=TOKENS)
    answer = await asker.ask(ask)
    row: dict[str, Value] = {**read_row("answers", model, answer), "loaded": asker.was_loaded(model)}
    if answer.state == "unable":
        embedded = await asker.embed(model)
        if embedded.status == 200:
            row |= {"state": "embeds", "seconds": round(embedded.seconds, 4)}
    return row


async def ask_identity(asker: Asker, model: str, answered: str, offered: tuple[ModelInfo, ...]) -> Row:
    """The digest of what lies in memory beside that of the list, and whether a name that nobody has is answered."""
    listed = next((one.digest for one in offered if one.name == model), "")
    row: dict[str, Value] = {"question": "model", "model": model, "answered": answered, "listed": listed}
    row |= {"loaded": "", "offered": len(offered), "state": "asked", "said": ""}
    if isinstance(asker.engine, NamesDigests):
        try:
            digests = await asker.engine.loaded_digests(asker.site, asker.transport)
        except (AccessError, EngineError) as error:
            digests = {}
            row["said"] = str(error)
        if not isinstance(digests, Missing):
            row["loaded"] = digests.get(model, "")
    nonsense = await asker.ask(ChatAsk(model=NONSENSE, tokens=1), NONSENSE_SECONDS)
    row["nonsense"] = nonsense.status == 200 and nonsense.state == "answered"
    row["seconds"] = round(nonsense.seconds, 4)
    return row


def read_row(question: str, model: str, answer: Answer) -> dict[str, Value]:
    """What every question about an answer tells of it."""
    return {
        "question": question,
        "model": model,
        "state": answer.state,
        "status": answer.status,
        "seconds": round(answer.seconds, 4),
        "answered": shown(answer.said.model),
        "text": shown(spoken(answer.said)),
        "finish": shown(answer.said.finish),
        "input_tokens": answer.said.input_tokens,
        "output_tokens": answer.said.output_tokens,
        "said": shown(answer.why),
    }


def spoken(said: Said) -> str:
    """Its words; its thoughts where the answer held no more."""
    return said.text or said.thoughts


def shown(text: str) -> str:
    """Text from elsewhere, cut and made safe to keep."""
    return cut_text(escape_controls(text), KEPT)


def _row(question: str, asker: Asker, began: float, *, state: str, said: str) -> dict[str, Value]:
    seconds = round(asker.clock.monotonic() - began, 4)
    return {"question": question, "model": "", "state": state, "said": shown(said), "seconds": seconds}


def _by_bytes(one: ModelInfo) -> float:
    return one.size_bytes or float("inf")
