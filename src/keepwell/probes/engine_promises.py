"""Whether an engine answers what every engine of its kind answers, in the promised form. Wakes and loads a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError, TimedOut
from keepwell.core.observation import Missing, Observation, Value, unknown
from keepwell.core.text import cut_text
from keepwell.plugins.asking import answering_model, send, why_not_asked
from keepwell.plugins.chat import Promise, PromisesPaths
from keepwell.plugins.place import Place, Site
from keepwell.plugins.probe import ProbeEffect
from keepwell.plugins.promise import judge_reply

#: Seconds for one request and for all: the model answered a moment ago.
REQUEST_SECONDS = 8.0
BUDGET_SECONDS = 40.0
#: Characters of a request that are kept, so that a person can repeat it.
REQUEST_CHARACTERS = 400


class EnginePromises:
    """Gives engine.promises: one row a path."""

    level = 3
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "loads-model"
    cost_seconds = 5.0
    does = (
        "asks each path that an engine of its kind has once, some for 2 tokens; a sleeping model wakes, one that was "
        "loaded with settings of its own may be loaded again, and its time in memory starts anew"
    )
    gives: tuple[str, ...] = ("engine.promises",)
    needs: tuple[str, ...] = ("engine.health", "engine.answers")

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation. Paths that need a model are left out where none answered."""
        assert place.site is not None
        source = f"requests to {place.site.url}"
        why = why_not_asked(place.seen, place.site.ref)
        if why or not isinstance(place.engine, PromisesPaths):
            reason = why or "what this engine promises is not known"
            return [place.saw("engine.promises", unknown(reason), source)]
        model = answering_model(place.seen, place.site.ref)
        if isinstance(model, Missing):
            model = ""
        ends = place.clock.monotonic() + BUDGET_SECONDS
        rows = [
            await _ask(place, place.site, promise)
            for promise in place.engine.promises(model)
            if place.clock.monotonic() < ends
        ]
        return [place.saw("engine.promises", tuple(rows), source)]


async def _ask(place: Place, site: Site, promise: Promise) -> Mapping[str, Value]:
    row: dict[str, Value] = {
        "request": cut_text(promise.call.shown(site.url), REQUEST_CHARACTERS),
        "option": promise.option,
    }
    try:
        reply = await send(place.transport, site.url, promise.call, api_key=site.api_key, seconds=REQUEST_SECONDS)
    except AccessError as error:
        kind = {True: "silent", False: "failed"}[isinstance(error, TimedOut)]
        return {**row, "kind": kind, "status": 0, "problem": error.what}
    kept = judge_reply(promise, reply)
    return {
        **row,
        "kind": kept.kind,
        "status": reply.status,
        "problem": kept.problem,
        "seconds": round(reply.seconds, 4),
    }


PROBE = EnginePromises()
