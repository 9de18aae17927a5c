"""What an engine does with several requests at once: twice as many as it answers at a time, and at most sixteen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from keepwell.core.errors import AccessError, NotPermitted, TimedOut
from keepwell.core.observation import Missing, Observation, Value, failed, unknown
from keepwell.core.values import find_number, row_of, rows_of, text_of
from keepwell.plugins.arrivals import arrival_row
from keepwell.plugins.asking import answering_model, make_ask, send_stream, why_not_asked
from keepwell.plugins.chat import Call, Chats, LimitsRequests, RequestLimit
from keepwell.plugins.place import Place, Site
from keepwell.plugins.probe import ProbeEffect

#: Requests at once: twice the engine's limit shows whether the rest waits or is refused; more is no test but a load.
TIMES = 2
MOST = 16
LEAST = 2
#: Requests where the engine does not tell its limit.
USUAL = 4
#: Tokens of each, and seconds for all of them: a person waits, and so do the engine's other clients.
TOKENS = 16
CROWD_SECONDS = 30.0
#: Statuses by which a server says that it has too much to do.
REFUSED = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class _One:
    """What became of one request: when it was sent, and its row."""

    sent_at: float
    row: Mapping[str, Value]


class EngineCrowd:
    """Gives engine.crowd."""

    level = 3
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "loads-model"
    cost_seconds = 5.0
    does = (
        f"sends the model that answered up to {MOST} requests of {TOKENS} tokens at once, twice as many as the engine "
        f"answers at a time, for {CROWD_SECONDS:.0f} s at most; other clients wait meanwhile"
    )
    gives: tuple[str, ...] = ("engine.crowd",)
    needs: tuple[str, ...] = ("engine.answers", "engine.promises", "engine.streams", "engine.settings")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; unknown where no model answered before, failed where times cannot be told from here."""
        assert place.site is not None
        source = f"requests to {place.site.url}, several at once"
        model = answering_model(place.seen, place.site.ref)
        why = why_not_asked(place.seen, place.site.ref)
        if why or isinstance(model, Missing) or not isinstance(place.engine, Chats):
            reason = why or "no model of this engine answered"
            return [place.saw("engine.crowd", unknown(reason), source)]
        limit = _find_limit(place, place.site, model)
        number = max(LEAST, min(MOST, TIMES * limit.at_once or USUAL))
        ask = make_ask(place.seen, place.site.ref, model, tokens=TOKENS, now=place.clock.now(), stream=True)
        call = place.engine.chat(ask)
        began = place.clock.monotonic()
        try:
            found = await asyncio.gather(*(_send(place, place.site, call) for _ in range(number)))
        except NotPermitted as error:
            return [place.saw("engine.crowd", failed(error), source)]
        wall = round(place.clock.monotonic() - began, 4)
        return [place.saw("engine.crowd", {"model": model, **_tell(found, limit), "wall_seconds": wall}, source)]


def _find_limit(place: Place, site: Site, model: str) -> RequestLimit:
    if not isinstance(place.engine, LimitsRequests):
        return RequestLimit(at_once=0)
    told = row_of(place.seen.value(site.ref, "engine.settings"))
    settings = {name: text_of(row_of(row), "value") for name, row in told.items()}
    rows = [row for row in rows_of(place.seen.value(site.ref, "engine.loaded")) if text_of(row, "name") == model]
    slots = max((find_number(row.get("slots")) or 0.0 for row in rows), default=0.0)
    found = place.engine.request_limit(settings, int(slots))
    if isinstance(found, Missing):
        return RequestLimit(at_once=0)
    return found


async def _send(place: Place, site: Site, call: Call) -> _One:
    began = place.clock.monotonic()
    try:
        got = await send_stream(place.transport, site.url, call, api_key=site.api_key, seconds=CROWD_SECONDS)
    except NotPermitted:
        raise
    except AccessError as error:
        return _One(began, {"status": 0, "late": isinstance(error, TimedOut), "said": error.what})
    return _One(began, {"late": False, **arrival_row(got, CROWD_SECONDS)})


def _tell(found: Sequence[_One], limit: RequestLimit) -> Mapping[str, Value]:
    """Counts, and how many streams had begun before the first of them ended."""
    late = [one for one in found if one.row["late"]]
    refused = [one for one in found if one.row.get("status") in REFUSED]
    served = [one for one in found if one.row.get("ended") is True and not one.row["said"] and one not in late]
    rest = [one for one in found if one not in late and one not in refused and one not in served]
    starts = [one.sent_at + (find_number(one.row.get("first_seconds")) or 0.0) for one in served]
    ends = [one.sent_at + (find_number(one.row.get("last_seconds")) or 0.0) for one in served]
    lasted = [find_number(one.row.get("last_seconds")) or 0.0 for one in served]
    said = [text_of(one.row, "said") for one in (*rest, *refused, *late)]
    return {
        "sent": len(found),
        "tokens": TOKENS,
        "limit": limit.at_once,
        "asked": limit.asked,
        "waiting": limit.waiting,
        "setting": limit.setting,
        "served": len(served),
        "refused": len(refused),
        "failed": len(rest),
        "late": len(late),
        "at_once": sum(start <= min(ends) for start in starts),
        "shortest_seconds": round(min(lasted, default=0.0), 4),
        "longest_seconds": round(max(lasted, default=0.0), 4),
        "said": next((text for text in said if text), ""),
    }


PROBE = EngineCrowd()
