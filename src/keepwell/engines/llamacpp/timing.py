"""How fast llama.cpp's server answers, in its own words: the `timings` of `/completion` (milliseconds)."""

from __future__ import annotations

from keepwell.core.observation import Missing
from keepwell.plugins.place import Site
from keepwell.plugins.timing import Timed, Wanted, post_timed, seconds_of
from keepwell.transport.base import Transport

MILLISECONDS = 1e3


async def time_generation(site: Site, transport: Transport, wanted: Wanted) -> Timed | Missing:
    """One raw prompt, computed anew. `predicted_ms` begins with the first token: it covers one less than it counts."""
    asked = {
        "model": wanted.model,
        "prompt": wanted.prompt,
        "n_predict": wanted.tokens,
        "cache_prompt": False,
        "temperature": 0,
        "ignore_eos": True,
        "stream": False,
    }
    found = await post_timed(transport, site, "/completion", asked, seconds=wanted.seconds)
    if isinstance(found, Missing):
        return found
    told, seconds = found
    timings = told.fields("timings")
    tokens = timings.integer("predicted_n")
    return Timed(
        seconds=seconds,
        output_tokens=tokens,
        timed_tokens=max(0, tokens - 1),
        input_tokens=timings.integer("prompt_n"),
        input_seconds=seconds_of(timings, "prompt_ms", MILLISECONDS),
        output_seconds=seconds_of(timings, "predicted_ms", MILLISECONDS),
    )
