"""The further questions of a comprehensive smoke test, of one model that answered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from keepwell.app.smoke.asker import Answer, Asker
from keepwell.app.smoke.questions import Row, read_row, shown, spoken
from keepwell.bench.guard_cases import fill
from keepwell.core.errors import AccessError, EngineError
from keepwell.core.observation import Missing, Observation, Value
from keepwell.formats.vector import parse_vector
from keepwell.plugins.arrivals import arrival_row
from keepwell.plugins.chat import TOOL_NAME, ChatAsk, Chats, LimitsRequests
from keepwell.plugins.engine import ModelInfo
from keepwell.plugins.place import Place
from keepwell.plugins.probe import Probe
from keepwell.plugins.registry import load
from keepwell.plugins.residency import Abilities, TellsAbilities

#: Tokens of a stream, of a call of a tool, and of each of several answers at once.
STREAM_TOKENS, TOOL_TOKENS, CROWD_TOKENS = 24, 128, 16
#: Seconds for a stream, for each of several answers at once, for a call of a tool.
STREAM_SECONDS, CROWD_SECONDS, TOOL_SECONDS = 20.0, 60.0, 60.0
#: Requests at once: as many as the engine says that it answers, within these.
LEAST_AT_ONCE, MOST_AT_ONCE = 2, 4
#: Tokens by which a prompt is longer than the context, the longest context that is tried (a long prompt takes minutes
#: to be read without a GPU), and seconds for it.
BEYOND, MOST_CONTEXT, CONTEXT_SECONDS = 256, 16_384, 60.0
#: Tokens that are tried at most where an engine does not tell what it loaded the model with: engines choose some 4,096.
USUAL_CONTEXT = 8192
#: Seconds between two looks at the devices while a model answers.
DEVICE_SECONDS = 0.25
TOOL_PROMPT = "What is the weather in Paris? Use the tool."


async def ask_stream(asker: Asker, model: str) -> Row:
    """How the parts of a stream come."""
    began = asker.clock.monotonic()
    row: dict[str, Value] = {"question": "streams", "model": model, "state": "asked"}
    if not isinstance(asker.engine, Chats):
        return {**row, "state": "unable", "said": "how models of this engine are asked is not known"}
    try:
        got = await asker.stream(ChatAsk(model=model, tokens=STREAM_TOKENS, stream=True), STREAM_SECONDS)
    except AccessError as error:
        return {**row, "state": "failed", "said": shown(error.what), "seconds": asker.clock.monotonic() - began}
    return {**row, **arrival_row(got, STREAM_SECONDS), "seconds": round(got.seconds, 4)}


async def ask_embedding(asker: Asker, model: str) -> Row:
    """The numbers of an embedding."""
    answer = await asker.embed(model, STREAM_SECONDS)
    row: dict[str, Value] = {"question": "embeds", "model": model, "seconds": round(answer.seconds, 4)}
    if answer.status != 200:
        unable = answer.state == "unable" or answer.status in (400, 404, 405, 501)
        return {**row, "state": {True: "unable", False: "failed"}[unable], "said": shown(answer.why)}
    found = parse_vector(answer.body)
    if isinstance(found, Missing):
        return {**row, "state": "malformed", "said": shown(found.reason)}
    return {**row, "state": "answered", "dimensions": len(found), "said": ""}


async def ask_tool(asker: Asker, model: ModelInfo) -> Row:
    """Whether a model calls a tool that it is offered, and whether it is said to."""
    can = await _find_abilities(asker, model)
    answer = await asker.ask(
        ChatAsk(model=model.name, tokens=TOOL_TOKENS, prompt=TOOL_PROMPT, tools=True), TOOL_SECONDS
    )
    calls = answer.said.tools
    good = [one for one in calls if one.name == TOOL_NAME and one.arguments is not None and "city" in one.arguments]
    return {
        **read_row("tools", model.name, answer),
        "calls": len(calls),
        "good": len(good),
        "told": {True: "yes", False: "no"}["tools" in can.can] * bool(can.can or can.cannot),
    }


async def ask_context(asker: Asker, model: ModelInfo) -> Row:
    """What becomes of a prompt that is longer than the context. Where the engine tells no more than the length that the
    model was made for (`exact` is false), the prompt is longer than that, or than `USUAL_CONTEXT`.
    """
    loaded = next((one.context_tokens for one in await asker.list_loaded() if one.name == model.name), 0)
    told = await _find_abilities(asker, model)
    limit = loaded or told.facts.usual_tokens or model.context_tokens
    row: dict[str, Value] = {"question": "context", "model": model.name, "limit": limit, "exact": limit > 0}
    if not limit:
        row["limit"] = limit = min(told.context_tokens or USUAL_CONTEXT, USUAL_CONTEXT)
    if limit > MOST_CONTEXT:
        said = f"a context of {limit} tokens is not filled for a smoke test (at most {MOST_CONTEXT})"
        return {**row, "state": "unasked", "said": said}
    words = limit + BEYOND
    ask = ChatAsk(model=model.name, tokens=1, prompt=fill(words, "", 0.0), context_tokens=loaded)
    answer = await asker.ask(ask, CONTEXT_SECONDS)
    return {**row, **read_row("context", model.name, answer), "words": words}


async def ask_crowd(asker: Asker, model: str, settings: Mapping[str, str], slots: int) -> Row:
    """Several at once, beside one alone."""
    number = count_at_once(asker.engine, settings, slots)
    ask = ChatAsk(model=model, tokens=CROWD_TOKENS)
    alone = await asker.ask(ask, CROWD_SECONDS)
    began = asker.clock.monotonic()
    answers = await asyncio.gather(*(asker.ask(ask, CROWD_SECONDS) for _ in range(number)))
    wall = asker.clock.monotonic() - began
    bad = [one for one in answers if one.state != "answered" or not spoken(one.said)]
    same = [one for one in answers if spoken(one.said) == spoken(alone.said)]
    return {
        "question": "concurrency",
        "model": model,
        "state": {True: "failed", False: "answered"}[bool(bad)],
        "at_once": number,
        "answered": number - len(bad),
        "same": len(same),
        "wrong_model": len([one for one in answers if one.said.model not in ("", alone.said.model)]),
        "alone_seconds": round(alone.seconds, 4),
        "seconds": round(wall, 4),
        "said": shown(_first_why(bad)),
    }


def _first_why(answers: list[Answer]) -> str:
    return next((one.why or "an answer without words" for one in answers), "")


def count_at_once(engine: object, settings: Mapping[str, str], slots: int) -> int:
    """As many as the engine says, within bounds; the most where it does not tell."""
    told = 0
    if isinstance(engine, LimitsRequests):
        limit = engine.request_limit(settings, slots)
        if not isinstance(limit, Missing):
            told = limit.at_once
    return max(LEAST_AT_ONCE, min(MOST_AT_ONCE, told or MOST_AT_ONCE))


async def watch_devices(place: Place, work: asyncio.Task[Row]) -> dict[str, Value]:
    """The highest load and memory of any device while this work goes on, and where the devices are silent why."""
    probe = load("probes", "gpu_readings")
    assert isinstance(probe, Probe)
    looks: list[Observation] = []
    while True:
        looks += await probe.observe(place)
        if work.done():
            break
        await asyncio.wait([work], timeout=DEVICE_SECONDS)
    busy = _numbers(looks, "device.utilisation_ratio")
    used = _numbers(looks, "device.memory_used_bytes")
    row: dict[str, Value] = {"devices": len({one.subject for one in looks})}
    if busy:
        row["busy"] = max(busy)
    if used:
        row["used_bytes"] = max(used)
    return row


async def ask_placement(asker: Asker, model: str) -> dict[str, Value]:
    """How much of the model lies on devices, as the engine tells."""
    for one in await asker.list_loaded():
        if one.name == model and not isinstance(one.gpu_bytes, Missing):
            return {"gpu_bytes": one.gpu_bytes, "size_bytes": one.size_bytes}
    return {}


def _numbers(looks: list[Observation], name: str) -> list[float]:
    values = (one.value for one in looks if one.name == name)
    return [float(one) for one in values if isinstance(one, int | float) and not isinstance(one, bool)]


async def _find_abilities(asker: Asker, model: ModelInfo) -> Abilities:
    if not isinstance(asker.engine, TellsAbilities):
        return Abilities()
    try:
        found = await asker.engine.abilities(asker.site, asker.transport, model)
    except (AccessError, EngineError):
        return Abilities()
    if isinstance(found, Missing):
        return Abilities()
    return found
