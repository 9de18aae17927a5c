"""The common names of an engine's own metrics: what `ExposesMetrics.metrics` may give, and what it means.

Counters end in `_total` and count since the engine started; seconds and ratios say so in their names.
"""

from __future__ import annotations

from collections.abc import Mapping

READINGS: Mapping[str, str] = {
    "requests_running": "requests that are computed now",
    "requests_waiting": "requests that wait for their turn",
    "kv_cache_ratio": "share of the key-value cache in use, 0 to 1",
    "input_tokens_total": "prompt tokens computed",
    "cached_input_tokens_total": "prompt tokens taken from a cache",
    "output_tokens_total": "tokens generated",
    "input_seconds_total": "seconds spent on prompts",
    "output_seconds_total": "seconds spent on generating",
    "requests_total": "requests that ended, however",
    "requests_failed_total": "requests that ended in an error",
    "requests_refused_total": "requests that were turned away for want of room",
    "preemptions_total": "requests that had to give up their cache and start again",
    "prefix_queries_total": "tokens that the prefix cache was asked for",
    "prefix_hits_total": "tokens that it had",
    "time_to_first_token_seconds_total": "sum of the times to the first token",
    "time_to_first_token_total": "number of those times",
    "queue_seconds_total": "sum of the times that requests waited",
    "draft_tokens_total": "tokens guessed by speculative decoding",
    "accepted_tokens_total": "guesses that were right",
    "context_tokens_peak": "longest sequence seen",
}
