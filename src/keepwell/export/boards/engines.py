"""What engines tell of themselves, under the same names for each of them."""

from __future__ import annotations

from keepwell.export.board import Board, Panel, Row, Variable, line

_RATE = "$__rate_interval"
_CHOSEN = 'node=~"$node", engine=~"$engine"'
_NAME = "{{node}}/{{engine}} {{model}}"


def _now(title: str, name: str, unit: str = "short", highest: float | None = None) -> Panel:
    return line(title, f"keepwell_engine_{name}{{{_CHOSEN}}}", _NAME, unit, highest=highest)


def _rate(title: str, name: str, unit: str = "short") -> Panel:
    return line(title, f"rate(keepwell_engine_{name}{{{_CHOSEN}}}[{_RATE}])", _NAME, unit)


def _slow(title: str, name: str) -> Panel:
    """The 95th of a hundred, by the engine's own histogram."""
    buckets = f"rate(keepwell_engine_{name}_seconds_bucket{{{_CHOSEN}}}[{_RATE}])"
    expression = f"histogram_quantile(0.95, sum by (node, engine, model, le) ({buckets}))"
    return line(f"{title}, 19 of 20", expression, _NAME, "s")


BOARD = Board(
    uid="keepwell-engines",
    title="keepwell / engines",
    help="What engines tell of themselves. An engine that has no such number has no line.",
    variables=(
        Variable(name="node", label="Node", query="label_values(keepwell_engine_requests_running, node)"),
        Variable(
            name="engine",
            label="Engine",
            query='label_values(keepwell_engine_requests_running{node=~"$node"}, engine)',
        ),
    ),
    rows=(
        Row(
            title="Load",
            panels=(
                _now("At work", "requests_running"),
                _now("Waiting", "requests_waiting"),
                _now("Key-value cache in use", "kv_cache_ratio", "percentunit", 1.0),
                _rate("Had to start again", "preemptions_total"),
                _rate("Output tokens a second", "output_tokens_total"),
                _rate("Prompt tokens a second", "input_tokens_total"),
                line(
                    "Prompt tokens found in the cache",
                    f"rate(keepwell_engine_prefix_hits_total{{{_CHOSEN}}}[{_RATE}])"
                    f" / rate(keepwell_engine_prefix_queries_total{{{_CHOSEN}}}[{_RATE}])",
                    _NAME,
                    "percentunit",
                    highest=1.0,
                ),
                line(
                    "Guesses that were right",
                    f"rate(keepwell_engine_accepted_tokens_total{{{_CHOSEN}}}[{_RATE}])"
                    f" / rate(keepwell_engine_draft_tokens_total{{{_CHOSEN}}}[{_RATE}])",
                    _NAME,
                    "percentunit",
                    highest=1.0,
                ),
            ),
        ),
        Row(
            title="Times, by the engine itself",
            panels=(
                _slow("First token", "time_to_first_token"),
                _slow("Between two tokens", "inter_token"),
                _slow("Wait", "queue"),
                _slow("Whole request", "end_to_end"),
            ),
        ),
        Row(
            title="Models in memory",
            panels=(
                line(
                    "Memory of loaded models",
                    'keepwell_model_loaded_bytes{node=~"$node", engine=~"$engine"}',
                    _NAME,
                    "bytes",
                ),
                line(
                    "Share of it on a GPU",
                    'keepwell_model_gpu_ratio{node=~"$node", engine=~"$engine"}',
                    _NAME,
                    "percentunit",
                    highest=1.0,
                ),
                line("Loads", f"increase(keepwell_engine_loads_total{{{_CHOSEN}}}[1h])", _NAME),
                line("Models that had to leave", f"increase(keepwell_engine_evictions_total{{{_CHOSEN}}}[1h])", _NAME),
            ),
        ),
    ),
)
