"""GPUs and NPUs: at work or not, how warm, how full, and what went wrong."""

from __future__ import annotations

from keepwell.export.board import Board, Panel, Query, Row, Variable, line

_RATE = "$__rate_interval"
_CHOSEN = '{node=~"$node", gpu=~"$gpu"}'
_NAME = "{{node}}/{{gpu}}"

BOARD = Board(
    uid="keepwell-devices",
    title="keepwell / GPUs",
    help="What GPUs and NPUs do, draw and hold.",
    variables=(
        Variable(name="node", label="Node", query="label_values(keepwell_device_memory_total_bytes, node)"),
        Variable(name="gpu", label="GPU", query='label_values(keepwell_device_memory_total_bytes{node=~"$node"}, gpu)'),
    ),
    rows=(
        Row(
            title="At work",
            panels=(
                Panel(
                    title="Time in which anything ran",
                    help="Not how much of the device was used: one small kernel after another reads as all of it. "
                    "Look at power beside it.",
                    queries=(Query(expression=f"keepwell_device_utilisation_ratio{_CHOSEN}", legend=_NAME),),
                    unit="percentunit",
                    highest=1.0,
                ),
                line(
                    "Power against its limit",
                    f"keepwell_device_power_watts{_CHOSEN} / keepwell_device_power_limit_watts{_CHOSEN}",
                    _NAME,
                    "percentunit",
                ),
                line("Power", f"keepwell_device_power_watts{_CHOSEN}", _NAME, "watt"),
                line("Clock", f"keepwell_device_clock_hertz{_CHOSEN}", _NAME, "hertz"),
                line(
                    "Its memory at work",
                    f"keepwell_device_memory_busy_ratio{_CHOSEN}",
                    _NAME,
                    "percentunit",
                    highest=1.0,
                ),
                line(
                    "Slowed down, share of time",
                    f"rate(keepwell_device_throttled_seconds_total{_CHOSEN}[{_RATE}])",
                    f"{_NAME} {{{{reason}}}}",
                    "percentunit",
                ),
            ),
        ),
        Row(
            title="Memory and warmth",
            panels=(
                line("Memory in use", f"keepwell_device_memory_used_bytes{_CHOSEN}", _NAME, "bytes"),
                line(
                    "Memory in use, share",
                    f"keepwell_device_memory_used_bytes{_CHOSEN} / keepwell_device_memory_total_bytes{_CHOSEN}",
                    _NAME,
                    "percentunit",
                    highest=1.0,
                ),
                line("Temperature", f"keepwell_device_temperature_celsius{_CHOSEN}", _NAME, "celsius"),
                line("Temperature of memory", f"keepwell_device_memory_temperature_celsius{_CHOSEN}", _NAME, "celsius"),
            ),
        ),
        Row(
            title="Who holds memory",
            panels=(
                line(
                    "By engine",
                    'sum by (node, engine) (keepwell_process_device_memory_bytes{node=~"$node"})',
                    "{{node}}/{{engine}}",
                    "bytes",
                ),
                line(
                    "Output tokens for each joule",
                    f"sum(rate(keepwell_gateway_tokens_total{{kind='output'}}[{_RATE}]))"
                    " / sum(keepwell_device_power_watts)",
                    "of the fleet",
                ),
            ),
        ),
        Row(
            title="What went wrong",
            panels=(
                line(
                    "Errors of the driver",
                    f"increase(keepwell_device_errors_by_code_total{_CHOSEN}[1h])",
                    f"{_NAME} {{{{code}}}}",
                ),
                line(
                    "Errors of memory",
                    f"increase(keepwell_device_memory_errors_total{_CHOSEN}[1h])",
                    f"{_NAME} {{{{kind}}}}",
                ),
                line("Asleep", f"keepwell_device_asleep{_CHOSEN}", _NAME, highest=1.0),
                line(
                    "PCIe, sent and received",
                    f"rate(keepwell_device_link_sent_bytes_total{_CHOSEN}[{_RATE}])"
                    f" + rate(keepwell_device_link_received_bytes_total{_CHOSEN}[{_RATE}])",
                    _NAME,
                    "Bps",
                ),
            ),
        ),
    ),
)
