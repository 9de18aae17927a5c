"""The first board to look at: is everything up, how much is served, and how fast."""

from __future__ import annotations

from keepwell.export.board import Board, Panel, Query, Row, line, tile

_RATE = "$__rate_interval"

BOARD = Board(
    uid="keepwell-fleet",
    title="keepwell / fleet",
    help="Whether everything is up, what it serves, and how fast.",
    rows=(
        Row(
            title="Now",
            panels=(
                tile("Nodes that answer", "sum(keepwell_hub_node_up)"),
                tile("Nodes that do not", "count(keepwell_hub_node_up == 0) or vector(0)"),
                tile("Requests a minute", "60 * sum(rate(keepwell_gateway_requests_total[5m]))"),
                tile(
                    "Failed",
                    "sum(route:keepwell_gateway_failures:increase5m)"
                    " / (sum(route:keepwell_gateway_requests:increase5m) > 0) or vector(0)",
                    "percentunit",
                ),
                tile("Output tokens a second", 'sum(rate(keepwell_gateway_tokens_total{kind="output"}[5m]))'),
                tile("GPU power", "sum(keepwell_device_power_watts)", "watt"),
            ),
        ),
        Row(
            title="Service",
            panels=(
                line(
                    "Requests", f"sum by (route) (rate(keepwell_gateway_requests_total[{_RATE}]))", "{{route}}", "reqps"
                ),
                line(
                    "Failed",
                    "route:keepwell_gateway_failures:ratio5m",
                    "{{route}}",
                    "percentunit",
                    highest=1.0,
                ),
                Panel(
                    title="First token, of all routes",
                    unit="s",
                    queries=tuple(
                        Query(
                            expression=f"histogram_quantile({share}, sum by (le) "
                            f"(rate(keepwell_gateway_time_to_first_token_seconds_bucket[{_RATE}])))",
                            legend=name,
                        )
                        for share, name in ((0.5, "half"), (0.95, "19 of 20"), (0.99, "99 of 100"))
                    ),
                ),
                line("Waiting", "sum by (route) (keepwell_gateway_requests_waiting)", "{{route}}"),
            ),
        ),
        Row(
            title="Machines",
            panels=(
                line(
                    "GPU utilisation",
                    "avg by (node) (keepwell_device_utilisation_ratio)",
                    "{{node}}",
                    "percentunit",
                    highest=1.0,
                ),
                line(
                    "GPU memory in use",
                    "sum by (node) (keepwell_device_memory_used_bytes)"
                    " / sum by (node) (keepwell_device_memory_total_bytes)",
                    "{{node}}",
                    "percentunit",
                    highest=1.0,
                ),
                line("GPU power", "node:keepwell_device_power_watts:sum", "{{node}}", "watt"),
                line(
                    "Memory that can be had",
                    "keepwell_host_memory_available_bytes / keepwell_host_memory_total_bytes",
                    "{{node}}",
                    "percentunit",
                    highest=1.0,
                ),
            ),
        ),
    ),
)
