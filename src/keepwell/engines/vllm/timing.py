"""How fast vLLM answers, in its own words: what its sums of seconds grew by during one request."""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.core.observation import Missing, unknown
from keepwell.engines.vllm.wire import read_metrics
from keepwell.plugins.place import Site
from keepwell.plugins.timing import Timed, Wanted, post_timed
from keepwell.transport.base import Transport


async def time_generation(site: Site, transport: Transport, wanted: Wanted) -> Timed | Missing:
    """One raw prompt between two looks at `/metrics`, whose sums mean this request alone only if no other ended
    meanwhile; otherwise only the wall clock counts.
    """
    before = await read_metrics(site, transport)
    asked: dict[str, object] = {"model": wanted.model, "max_tokens": wanted.tokens, "temperature": 0, "stream": False}
    more = {"prompt": wanted.prompt, "ignore_eos": True}
    found = await post_timed(transport, site, "/v1/completions", asked | more, seconds=wanted.seconds)
    if isinstance(found, Missing) and found.kind == "absent":
        messages = [{"role": "user", "content": wanted.prompt}]
        asked |= {"messages": messages}
        found = await post_timed(transport, site, "/v1/chat/completions", asked, seconds=wanted.seconds)
    if isinstance(found, Missing):
        return found
    told, seconds = found
    after = await read_metrics(site, transport)
    usage = told.fields("usage")
    tokens = usage.integer("completion_tokens")
    grown = {name: _grown(before, after, name) for name in ("input", "output", "queue")}
    return Timed(
        seconds=seconds,
        output_tokens=tokens,
        timed_tokens=max(0, tokens - 1),
        input_tokens=usage.integer("prompt_tokens"),
        input_seconds=grown["input"],
        output_seconds=grown["output"],
        queue_seconds=grown["queue"],
    )


def _grown(before: Mapping[str, float] | Missing, after: Mapping[str, float] | Missing, part: str) -> float | Missing:
    """By how much a sum of seconds grew, if exactly one request ended in between."""
    for one in (before, after):
        if isinstance(one, Missing):
            return one
    assert not isinstance(before, Missing)
    assert not isinstance(after, Missing)
    ended = after.get("requests_total", 0.0) - before.get("requests_total", 0.0)
    if ended != 1:
        return unknown(f"{ended:.0f} requests ended meanwhile, so its sums are not of this one alone")
    name = f"{part}_seconds_total"
    if name not in before or name not in after:
        return unknown(f"its metrics hold no {name}")
    return after[name] - before[name]
