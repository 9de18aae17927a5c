"""Whether models answer: a few words and an embedding of each model in memory, or of the smallest. Loads a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError, EngineError, TimedOut
from keepwell.core.observation import Missing, Observation, Value, absent, failed, unknown
from keepwell.core.text import cut_text, escape_controls
from keepwell.formats.chat_answer import parse_chat_answer
from keepwell.plugins.ask import error_text, parse_fields
from keepwell.plugins.asking import MODELS, choose_models, make_ask, send, why_not_asked
from keepwell.plugins.chat import Chats, NamesDigests
from keepwell.plugins.engine import Engine, LoadedModel, ReportsLoaded
from keepwell.plugins.place import Place, Site
from keepwell.plugins.probe import ProbeEffect
from keepwell.plugins.promise import is_unable, judge_form
from keepwell.transport.base import Reply

#: Tokens of one answer: enough to name the model and count them, nothing that anybody waits for.
TOKENS = 8
#: Seconds for the first answer of a model, which may have to be loaded, and for everything that is asked of an engine.
ANSWER_SECONDS = 80.0
BUDGET_SECONDS = 95.0
#: Seconds for an embedding, which comes after the answer of the same model.
EMBED_SECONDS = 15.0


class EngineAnswer:
    """Gives engine.answers, and what is in memory right after them."""

    level = 3
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "loads-model"
    cost_seconds = 12.0
    does = (
        f"asks each model in memory (at most {MODELS}), else the smallest one, for {TOKENS} tokens and an embedding; "
        "a model that is not loaded is loaded for it, and a gateway may hand that on to a service that is paid for"
    )
    gives: tuple[str, ...] = ("engine.answers", "engine.loaded_after")
    needs: tuple[str, ...] = ("engine.health", "engine.models", "engine.loaded")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """Both; unknown where the engine has no model, cannot be asked, or is in no state to answer."""
        assert place.site is not None
        source = f"requests to {place.site.url}"
        why = why_not_asked(place.seen, place.site.ref)
        models = choose_models(place.seen, place.site.ref)
        if not isinstance(place.engine, Chats):
            why = "how models of this engine are asked is not known"
        elif not models:
            why = why or "the engine tells of no model that could be asked"
        if why or not isinstance(place.engine, Chats):
            return [place.saw(name, unknown(why), source) for name in self.gives]
        ends = place.clock.monotonic() + BUDGET_SECONDS
        rows = [
            await _ask_model(place, place.engine, place.site, model, ends)
            for model in models
            if place.clock.monotonic() < ends
        ]
        after = await _loaded_after(place, place.site)
        return [place.saw("engine.answers", tuple(rows), source), place.saw("engine.loaded_after", after, source)]


async def _ask_model(place: Place, engine: Chats, site: Site, model: str, ends: float) -> Mapping[str, Value]:
    now = place.clock.now()
    call = engine.chat(make_ask(place.seen, site.ref, model, tokens=TOKENS, now=now))
    seconds = min(ANSWER_SECONDS, max(1.0, ends - place.clock.monotonic()))
    row: dict[str, Value] = {"model": model, "tokens": TOKENS, "request": cut_text(call.shown(site.url), 400)}
    if isinstance(engine, Engine) and engine.specificity == 0:
        row["gateway"] = True
    try:
        reply = await send(place.transport, site.url, call, api_key=site.api_key, seconds=seconds)
    except AccessError as error:
        state = {True: "silent", False: "failed"}[isinstance(error, TimedOut)]
        return {**row, "state": state, "status": 0, "said": error.what}
    row |= _read_answer(reply)
    if row["state"] in ("answered", "unable"):
        row |= await _embed(place, engine, site, model)
    return row


def _read_answer(reply: Reply) -> Mapping[str, Value]:
    row: dict[str, Value] = {"status": reply.status, "seconds": round(reply.seconds, 4)}
    if reply.status != 200:
        state = {401: "refused", 403: "refused"}.get(reply.status, "failed")
        state = {True: "unable", False: state}[is_unable(reply)]
        return {**row, "state": state, "said": error_text(reply)}
    answer = parse_chat_answer(reply.body)
    problem = judge_form(answer, "chat")
    return {
        **row,
        "state": {True: "malformed", False: "answered"}[bool(problem)],
        "answered": answer.model,
        "fingerprint": answer.fingerprint,
        "text": answer.text,
        "finish": answer.finish,
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "said": problem,
    }


async def _embed(place: Place, engine: Chats, site: Site, model: str) -> Mapping[str, Value]:
    call = engine.embed(model)
    try:
        reply = await send(place.transport, site.url, call, api_key=site.api_key, seconds=EMBED_SECONDS)
    except AccessError as error:
        state = {True: "silent", False: "failed"}[isinstance(error, TimedOut)]
        return {"embedding_state": state, "embedding_said": error.what}
    if reply.status != 200:
        unable = is_unable(reply) or reply.status in (400, 404, 405, 501)
        return {"embedding_state": {True: "unable", False: "failed"}[unable], "embedding_said": error_text(reply)}
    return parse_embedding(reply.body)


def parse_embedding(body: bytes) -> Mapping[str, Value]:
    """The state, size and model of an embedding in the OpenAI form; malformed where it is none or all zeros. Pure."""
    found = parse_fields(body)
    if isinstance(found, Missing):
        return {"embedding_state": "malformed", "embedding_said": found.reason}
    vectors = [one.data.get("embedding") for one in found.items("data")]
    first = next((one for one in vectors if isinstance(one, list)), [])
    numbers = [one for one in first if isinstance(one, int | float) and not isinstance(one, bool)]
    row: dict[str, Value] = {
        "embedding_model": escape_controls(cut_text(found.text("model"), 200)),
        "embedding_dimensions": len(numbers),
        "embedding_state": "answered",
        "embedding_said": "",
    }
    if not numbers or len(numbers) != len(first):
        return {**row, "embedding_state": "malformed", "embedding_said": "no list of numbers is in the answer"}
    if not any(numbers):
        return {**row, "embedding_state": "malformed", "embedding_said": "every number of the embedding is 0"}
    return row


async def _loaded_after(place: Place, site: Site) -> Value | Missing:
    if not isinstance(place.engine, ReportsLoaded):
        return absent("this engine does not tell what is loaded")
    try:
        loaded = await place.engine.loaded(site, place.transport)
        digests: Mapping[str, str] | Missing = {}
        if isinstance(place.engine, NamesDigests):
            digests = await place.engine.loaded_digests(site, place.transport)
    except (AccessError, EngineError) as error:
        return failed(str(error))
    if isinstance(loaded, Missing):
        return loaded
    if isinstance(digests, Missing):
        digests = {}
    return tuple(_row(one, digests.get(one.name, "")) for one in loaded)


def _row(one: LoadedModel, digest: str) -> Mapping[str, Value]:
    row: dict[str, Value] = {
        "name": escape_controls(cut_text(one.name, 200)),
        "digest": escape_controls(cut_text(digest, 200)),
        "expires_at": one.expires_at,
        "size_bytes": one.size_bytes,
    }
    if not isinstance(one.gpu_bytes, Missing) and one.size_bytes > 0:
        row["gpu_ratio"] = round(one.gpu_bytes / one.size_bytes, 4)
    return row


PROBE = EngineAnswer()
