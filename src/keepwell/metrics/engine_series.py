"""What engines tell of themselves again and again: their own counters, and what lies in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.distribution import EDGE, Distribution, name_distribution
from keepwell.core.metric import Fact, Metric, Unit

#: The label of series of an engine that tells which model they are about.
MODEL = "model"

_TIMES: Mapping[str, str] = {
    "engine.time_to_first_token": "times to the first token",
    "engine.inter_token": "pauses between two tokens",
    "engine.time_per_output_token": "times for a token after the first, one of each request",
    "engine.end_to_end": "times of whole requests",
    "engine.queue": "times that requests waited",
    "engine.input": "times spent on prompts",
    "engine.output": "times spent on generating",
}
#: Every histogram that an engine may tell, by the stem of its names.
DISTRIBUTIONS: Mapping[str, Distribution] = {stem: name_distribution(stem) for stem in _TIMES}

_COUNTERS: Mapping[str, str] = {
    "engine.input_tokens_total": "Prompt tokens computed",
    "engine.cached_input_tokens_total": "Prompt tokens taken from a cache",
    "engine.output_tokens_total": "Tokens generated",
    "engine.requests_total": "Requests that ended, however",
    "engine.requests_failed_total": "Requests that ended in an error",
    "engine.requests_refused_total": "Requests that were turned away for want of room",
    "engine.preemptions_total": "Requests that had to give up their cache and start again",
    "engine.prefix_queries_total": "Tokens that the prefix cache was asked for",
    "engine.prefix_hits_total": "Tokens that the prefix cache had",
    "engine.draft_tokens_total": "Tokens guessed by speculative decoding",
    "engine.accepted_tokens_total": "Guesses that were right",
    "engine.loads_total": "Models loaded",
    "engine.loads_failed_total": "Models that could not be loaded",
    "engine.evictions_total": "Models that had to leave memory for another",
    "engine.runner_deaths_total": "Processes that ran a model and died",
    "engine.prompts_cut_total": "Prompts that were cut to fit the context",
}
_GAUGES: Mapping[str, str] = {
    "engine.requests_running": "Requests that are computed now",
    "engine.requests_waiting": "Requests that wait for their turn",
    "engine.kv_tokens_used": "Tokens in the key-value cache",
    "engine.kv_tokens": "Tokens that the key-value cache has room for",
    "engine.context_tokens_peak": "Longest sequence seen",
    "engine.models_loaded": "Models in memory",
    "engine.awake": "1 while it computes, 0 while it sleeps",
}


def _histograms() -> Iterator[Metric]:
    for stem, words in _TIMES.items():
        names = DISTRIBUTIONS[stem]
        yield _counter(names.total, f"Sum of the {words}", Unit.SECONDS)
        yield _counter(names.number, f"Number of the {words}")
        yield Metric(
            name=names.bucket,
            unit=Unit.TOTAL,
            kind="counter",
            about="engine",
            labels=(MODEL, EDGE),
            help=f"Number of the {words} that were no longer than the edge",
        )


def _counter(name: str, words: str, unit: Unit = Unit.TOTAL) -> Metric:
    return Metric(name=name, unit=unit, kind="counter", about="engine", labels=(MODEL,), help=words)


DECLARED: tuple[Fact | Metric, ...] = (
    *(_counter(name, words) for name, words in _COUNTERS.items()),
    _counter("engine.load_seconds_total", "Seconds that loading models took", Unit.SECONDS),
    *_histograms(),
    *(
        Metric(name=name, unit=Unit.COUNT, about="engine", labels=(MODEL,), help=words)
        for name, words in _GAUGES.items()
    ),
    Metric(
        name="engine.kv_cache_ratio",
        unit=Unit.RATIO,
        about="engine",
        labels=(MODEL,),
        help="Share of the key-value cache in use",
    ),
    Metric(name="engine.weights_bytes", unit=Unit.BYTES, about="engine", labels=(MODEL,), help="Memory of the weights"),
    Metric(
        name="engine.asked_seconds",
        unit=Unit.SECONDS,
        about="engine",
        help="Time that its newest answer about its numbers took",
    ),
    Metric(name="model.loaded_bytes", unit=Unit.BYTES, about="model", help="Memory of a loaded model"),
    Metric(name="model.gpu_bytes", unit=Unit.BYTES, about="model", help="Part of that in memory of a GPU"),
    Metric(name="model.gpu_ratio", unit=Unit.RATIO, about="model", help="Share of a loaded model that lies on a GPU"),
    Metric(name="model.context_tokens", unit=Unit.COUNT, about="model", help="Tokens of context it was loaded with"),
    Metric(
        name="model.expires_seconds", unit=Unit.SECONDS, about="model", help="Time until it leaves memory if not used"
    ),
    Metric(name="model.load_seconds", unit=Unit.SECONDS, about="model", help="Time that its newest load took"),
    Metric(name="model.layers", unit=Unit.COUNT, about="model", help="Layers of its newest load, the output's too"),
    Metric(name="model.gpu_layers", unit=Unit.COUNT, about="model", help="Those of them that lie on a GPU"),
    Metric(name="model.input_progress_ratio", unit=Unit.RATIO, about="model", help="How far the prompt is computed"),
)
