"""How a streamed answer arrives: at the engine itself, and through each proxy or gateway that leads to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.model_name import same_model
from keepwell.core.observation import Missing, Observation, Value, failed, unknown
from keepwell.core.secret import mask_text
from keepwell.core.values import find_number, rows_of
from keepwell.plugins.arrivals import arrival_row
from keepwell.plugins.ask import parse_fields
from keepwell.plugins.asking import answering_model, key_headers, make_ask, send_stream, why_not_asked
from keepwell.plugins.chat import Call, ChatAsk, Chats, openai_chat
from keepwell.plugins.hops import Hop, find_hops
from keepwell.plugins.place import Place, Site
from keepwell.plugins.probe import ProbeEffect

#: Tokens of a stream: enough parts to tell one by one from all at once; more where they come too fast to tell.
TOKENS = 32
MORE_TOKENS = 256
#: Seconds below which the parts of the short stream lie too close together to compare.
CLOSE_SECONDS = 0.15
#: Seconds that the short stream should take, by the speed of the answer before it, and its least tokens: a large
#: model on a processor gives one or two a second.
SHORT_SECONDS = 8.0
LEAST_TOKENS = 8
#: Seconds for one stream, for a list of models, and for everything.
STREAM_SECONDS = 15.0
LIST_SECONDS = 3.0
BUDGET_SECONDS = 50.0


class EngineStream:
    """Gives engine.streams: a row for the engine itself and one for each hop that offers its model."""

    level = 3
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "loads-model"
    cost_seconds = 7.0
    does = (
        f"lets the model that answered stream {TOKENS} to {MORE_TOKENS} tokens, at the engine and through each proxy "
        "or gateway on this machine that offers it"
    )
    gives: tuple[str, ...] = ("engine.streams",)
    needs: tuple[str, ...] = ("engine.answers", "engine.promises", "service.site", "service.links", "host.sockets")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; unknown where no model answered before, failed where times cannot be told from here."""
        assert place.site is not None
        source = f"requests to {place.site.url}"
        model = answering_model(place.seen, place.site.ref)
        why = why_not_asked(place.seen, place.site.ref)
        if why or isinstance(model, Missing) or not isinstance(place.engine, Chats):
            reason = why or "no model of this engine answered"
            return [place.saw("engine.streams", unknown(reason), source)]
        try:
            rows = await _compare(place, place.engine, place.site, model)
        except AccessError as error:
            return [place.saw("engine.streams", failed(error), source)]
        return [place.saw("engine.streams", rows, source)]


async def _compare(place: Place, engine: Chats, site: Site, model: str) -> tuple[Value, ...]:
    ends = place.clock.monotonic() + BUDGET_SECONDS
    ask = make_ask(place.seen, site.ref, model, tokens=_tokens(place, site), now=place.clock.now(), stream=True)
    row = await _measure(place, Hop(name="direct", url=site.url, api_key=site.api_key), engine.chat(ask))
    if _is_close(row):
        ask = make_ask(place.seen, site.ref, model, tokens=MORE_TOKENS, now=place.clock.now(), stream=True)
        row = await _measure(place, Hop(name="direct", url=site.url, api_key=site.api_key), engine.chat(ask))
    rows = [{**row, "where": "direct", "url": mask_text(site.url), "model": model}]
    for hop in find_hops(place.seen, site.ref, place.services):
        if place.clock.monotonic() > ends:
            break
        found = await _through(place, engine, hop, ask)
        if found:
            rows.append({**found, "where": hop.name, "url": mask_text(hop.url)})
    return tuple(rows)


def _tokens(place: Place, site: Site) -> int:
    """So many that the stream takes some seconds at most, told by the answer before."""
    rows = rows_of(place.seen.value(site.ref, "engine.answers"))
    answered = [row for row in rows if row.get("state") == "answered"][:1]
    rates = [_rate(row) for row in answered]
    return max(LEAST_TOKENS, min(TOKENS, int(SHORT_SECONDS * max(rates, default=TOKENS))))


def _rate(row: Mapping[str, Value]) -> float:
    """Tokens a second of an answer, with everything that it waited for."""
    tokens, seconds = find_number(row.get("output_tokens")) or 0.0, find_number(row.get("seconds")) or 0.0
    return tokens / max(seconds, 0.001)


def _is_close(row: Mapping[str, Value]) -> bool:
    first, last = find_number(row.get("first_seconds")) or 0.0, find_number(row.get("last_seconds")) or 0.0
    return row.get("status") == 200 and last - first < CLOSE_SECONDS


async def _measure(place: Place, hop: Hop, call: Call) -> Mapping[str, Value]:
    got = await send_stream(place.transport, hop.url, call, api_key=hop.api_key, seconds=STREAM_SECONDS)
    return arrival_row(got, STREAM_SECONDS)


async def _through(place: Place, engine: Chats, hop: Hop, ask: ChatAsk) -> Mapping[str, Value]:
    """The stream through a hop, in the engine's own way or else in the OpenAI form; {} if it does not lead there."""
    try:
        model = await _find_model(place, hop, ask.model)
        if not model:
            return {}
        row = await _measure(place, hop, engine.chat(ask))
        if row.get("status") in (404, 405):
            asked = ChatAsk(model=model, tokens=ask.tokens, stream=True)
            row = await _measure(place, hop, openai_chat(asked))
    except AccessError as error:
        return {"model": ask.model, "status": 0, "said": error.what}
    return {**row, "model": model}


async def _find_model(place: Place, hop: Hop, model: str) -> str:
    """The name under which a hop offers the model; of one that surely leads here the first, if none fits; else ""."""
    headers = key_headers(hop.api_key)
    reply = await place.transport.http("GET", f"{hop.url}/v1/models", headers=headers, timeout_seconds=LIST_SECONDS)
    found = parse_fields(reply.body)
    if reply.status != 200 or isinstance(found, Missing):
        return ""
    offered = [one.text("id") for one in found.items("data")]
    for name in offered:
        if same_model(model, name):
            return name
    return next((name for name in offered if hop.sure), "")


PROBE = EngineStream()
