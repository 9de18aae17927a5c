"""What the gateway serves: by route, by replica, by key. The same figures for every engine."""

from __future__ import annotations

from keepwell.export.board import Board, Panel, Query, Row, Variable, line

_RATE = "$__rate_interval"
_CHOSEN = 'route=~"$route"'


def _times(title: str, what: str, help_text: str) -> Panel:
    """Quantiles of one histogram over the chosen routes, and each route's 95th."""
    buckets = f"rate(keepwell_gateway_{what}_bucket{{{_CHOSEN}}}[{_RATE}])"
    queries = (
        Query(expression=f"histogram_quantile(0.5, sum by (le) ({buckets}))", legend="half of all"),
        Query(expression=f"histogram_quantile(0.95, sum by (route, le) ({buckets}))", legend="19 of 20, {{route}}"),
    )
    return Panel(title=title, queries=queries, unit="s", help=help_text)


BOARD = Board(
    uid="keepwell-requests",
    title="keepwell / requests",
    help="What the gateway serves, how fast, and how it ends.",
    variables=(
        Variable(name="route", label="Route", query="label_values(keepwell_gateway_requests_waiting, route)"),
        Variable(name="replica", label="Replica", query="label_values(keepwell_gateway_requests_running, replica)"),
    ),
    rows=(
        Row(
            title="How fast",
            panels=(
                _times(
                    "First token", "time_to_first_token_seconds", "From the request to the first byte of its answer"
                ),
                _times(
                    "Each token after it",
                    "request_time_per_output_token_seconds",
                    "Mean of each stream",
                ),
                _times("Between two parts of a stream", "inter_token_latency_seconds", "What a reader sees as stutter"),
                _times("Whole request", "e2e_request_latency_seconds", ""),
                _times("Wait for a free replica", "request_queue_time_seconds", ""),
                line(
                    "Tokens a second",
                    f"sum by (kind) (rate(keepwell_gateway_tokens_total{{{_CHOSEN}}}[{_RATE}]))",
                    "{{kind}}",
                ),
            ),
        ),
        Row(
            title="How it ends",
            panels=(
                line(
                    "By outcome",
                    f"sum by (outcome) (rate(keepwell_gateway_requests_total{{{_CHOSEN}}}[{_RATE}]))",
                    "{{outcome}}",
                    "reqps",
                ),
                line(
                    "Not begun, by why",
                    f"sum by (reason) (rate(keepwell_gateway_refused_total[{_RATE}]))",
                    "{{reason}}",
                    "reqps",
                ),
                line(
                    "Further tries",
                    f"sum by (route) (rate(keepwell_gateway_retries_total{{{_CHOSEN}}}[{_RATE}]))",
                    "{{route}}",
                    "reqps",
                ),
                line(
                    "Who answered, and how well that is known",
                    f'sum by (proof) (rate(keepwell_gateway_answers_total{{replica=~"$replica"}}[{_RATE}]))',
                    "{{proof}}",
                    "reqps",
                ),
            ),
        ),
        Row(
            title="Replicas",
            panels=(
                line("At work", 'keepwell_gateway_requests_running{replica=~"$replica"}', "{{replica}}"),
                line("Waiting", f"keepwell_gateway_requests_waiting{{{_CHOSEN}}}", "{{route}}"),
                line("Out of use", 'keepwell_gateway_replica_out{replica=~"$replica"}', "{{replica}}", highest=1.0),
                line("Connections of clients", "keepwell_gateway_client_connections", "connections"),
            ),
        ),
        Row(
            title="Keys and record",
            folded=True,
            panels=(
                line(
                    "Use of limits",
                    "keepwell_gateway_key_used / (keepwell_gateway_key_limit > 0)",
                    "{{key}} {{limit}}",
                    "percentunit",
                ),
                line("Rows that wait to be written", "keepwell_gateway_record_unwritten", "rows"),
                line("Rows that were lost", "increase(keepwell_gateway_record_lost_total[1h])", "in an hour"),
                line(
                    "Options set right",
                    f"sum by (route) (rate(keepwell_gateway_options_changed_total{{{_CHOSEN}}}[{_RATE}]))",
                    "{{route}}",
                ),
            ),
        ),
    ),
)
