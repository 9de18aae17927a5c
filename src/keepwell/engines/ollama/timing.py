"""How fast Ollama answers, in its own words: the durations at the end of `/api/generate` (nanoseconds)."""

from __future__ import annotations

from keepwell.core.observation import Missing
from keepwell.engines.ollama.wire import local_host
from keepwell.plugins.place import Site
from keepwell.plugins.timing import Timed, Wanted, post_timed, seconds_of
from keepwell.transport.base import Transport

NANOSECONDS = 1e9


async def time_generation(site: Site, transport: Transport, wanted: Wanted) -> Timed | Missing:
    """One raw prompt. No load option and no keep-alive is sent: the model stays as its users have it.

    `eval_duration` begins with the first token, so it covers one token less than `eval_count`.
    """
    asked = {
        "model": wanted.model,
        "prompt": wanted.prompt,
        "raw": True,
        "stream": False,
        "options": {"num_predict": wanted.tokens, "temperature": 0},
    }
    found = await post_timed(transport, site, "/api/generate", asked, seconds=wanted.seconds)
    if isinstance(found, Missing) and " 403" in found.reason:
        host = local_host(site.url)
        found = await post_timed(transport, site, "/api/generate", asked, seconds=wanted.seconds, host=host)
    if isinstance(found, Missing):
        return found
    told, seconds = found
    tokens = told.integer("eval_count")
    return Timed(
        seconds=seconds,
        output_tokens=tokens,
        timed_tokens=max(0, tokens - 1),
        input_tokens=told.integer("prompt_eval_count"),
        load_seconds=seconds_of(told, "load_duration", NANOSECONDS),
        input_seconds=seconds_of(told, "prompt_eval_duration", NANOSECONDS),
        output_seconds=seconds_of(told, "eval_duration", NANOSECONDS),
    )
