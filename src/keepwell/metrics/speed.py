"""What probes of level 4 can observe: how fast an engine answers, and what the machine did meanwhile."""

from __future__ import annotations

from keepwell.core.metric import Fact, Metric, Unit

DECLARED: tuple[Fact | Metric, ...] = (
    Fact(
        name="engine.speed",
        about="engine",
        help="Requests for tokens, one after the other, as the engine and the clock timed them",
        shape="mapping model size_bytes (of the weights, 0 if not told) loaded_before still_loaded (bools, left out "
        "where the engine does not tell) gpu_ratio context_tokens running waiting (requests of others before) "
        "problem (why it ended early, or left out) requests: tuple of mappings kind (first again generation prompt) "
        "seconds (wall clock) output_tokens timed_tokens input_tokens load_seconds input_seconds output_seconds "
        "queue_seconds (the engine's own; left out where not told)",
    ),
    Fact(
        name="engine.speed_earlier",
        about="engine",
        help="The same of an earlier run that was kept",
        shape="mapping at (seconds since the epoch) and the fields of engine.speed",
    ),
    Fact(
        name="engine.effort",
        about="engine",
        help="What its processes did on the processor while they generated",
        shape="mapping seconds cores_allowed (by affinity) threads busy_threads (ran or wanted to for a quarter of the "
        "time) cpu_seconds waited_seconds (sum of the threads' waits for a core) throttled_seconds throttled_periods "
        "periods (of its control group meanwhile); what is not told is left out",
    ),
    Fact(
        name="device.under_load",
        about="device",
        help="What it reported while an engine generated",
        shape="mapping engine samples utilisation_ratio (mean) clock_hertz (lowest) power_watts temperature_celsius "
        "(highest) throttle (tuple of words, all that were seen)",
    ),
    Metric(
        name="engine.output_tokens_per_second",
        unit=Unit.PER_SECOND,
        about="engine",
        help="Generation speed of one request, median",
    ),
    Metric(
        name="engine.input_tokens_per_second",
        unit=Unit.PER_SECOND,
        about="engine",
        help="Speed of reading a long prompt",
    ),
    Metric(
        name="engine.first_token_seconds",
        unit=Unit.SECONDS,
        about="engine",
        help="Time to the first token of a short prompt, the model being loaded",
    ),
    Fact(
        name="device.bandwidth",
        about="device",
        help="Memory bandwidth that its maker states",
        shape="mapping bytes_per_second source",
    ),
    Fact(
        name="host.memory_bandwidth",
        about="node",
        help="Memory bandwidth that the modules allow",
        shape="mapping bytes_per_second channels megatransfers_per_second source",
    ),
)
