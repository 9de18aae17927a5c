"""Machines below the GPUs: processor, memory, pressure, disks, network, and what engines take of them."""

from __future__ import annotations

from keepwell.export.board import Board, Panel, Row, Variable, line

_RATE = "$__rate_interval"
_CHOSEN = '{node=~"$node"}'


def _now(title: str, name: str, legend: str, unit: str = "short", highest: float | None = None) -> Panel:
    return line(title, f"keepwell_{name}{_CHOSEN}", legend, unit, highest=highest)


def _rate(title: str, name: str, legend: str, unit: str) -> Panel:
    return line(title, f"rate(keepwell_{name}{_CHOSEN}[{_RATE}])", legend, unit)


BOARD = Board(
    uid="keepwell-nodes",
    title="keepwell / nodes",
    help="Processor, memory, pressure, disks and network of each machine, and what engines take of them.",
    variables=(Variable(name="node", label="Node", query="label_values(keepwell_hub_node_up, node)"),),
    rows=(
        Row(
            title="Processor and memory",
            panels=(
                _now("Processor busy", "host_cpu_busy_ratio", "{{node}}", "percentunit", 1.0),
                _now("Memory in use", "host_memory_used_ratio", "{{node}}", "percentunit", 1.0),
                line(
                    "Time in which work waited",
                    'keepwell_host_pressure_ratio{node=~"$node", share="some"}',
                    "{{node}} {{resource}}",
                    "percentunit",
                ),
                line(
                    "Swapped in and out",
                    f"rate(keepwell_host_swap_in_bytes_total{_CHOSEN}[{_RATE}])"
                    f" + rate(keepwell_host_swap_out_bytes_total{_CHOSEN}[{_RATE}])",
                    "{{node}}",
                    "Bps",
                ),
                line(
                    "Processes killed for memory", f"increase(keepwell_host_oom_kills_total{_CHOSEN}[1h])", "{{node}}"
                ),
                _now("Memory of the ZFS cache", "host_memory_arc_bytes", "{{node}}", "bytes"),
            ),
        ),
        Row(
            title="Disks",
            panels=(
                _now("File systems in use", "mount_used_ratio", "{{node}} {{mount}}", "percentunit", 1.0),
                _now("Pools in use", "host_pool_used_ratio", "{{node}} {{pool}}", "percentunit", 1.0),
                _rate("Disks at work", "host_disk_busy_seconds_total", "{{node}} {{disk}}", "percentunit"),
                _rate("Read", "host_disk_read_bytes_total", "{{node}} {{disk}}", "Bps"),
                _rate("Written", "host_disk_written_bytes_total", "{{node}} {{disk}}", "Bps"),
                _now("Temperature", "host_disk_temperature_celsius", "{{node}} {{disk}}", "celsius"),
            ),
        ),
        Row(
            title="Network",
            panels=(
                _rate("Received", "host_network_received_bytes_total", "{{node}} {{interface}}", "Bps"),
                _rate("Sent", "host_network_sent_bytes_total", "{{node}} {{interface}}", "Bps"),
                _rate("Dropped", "host_network_drops_total", "{{node}} {{interface}}", "pps"),
                _rate("Sent again", "host_tcp_retransmits_total", "{{node}}", "pps"),
            ),
        ),
        Row(
            title="Processes of engines",
            panels=(
                line(
                    "Memory",
                    'sum by (node, engine, kind) (keepwell_process_memory_bytes{node=~"$node"})',
                    "{{node}}/{{engine}} {{kind}}",
                    "bytes",
                ),
                _rate("Processor cores", "process_cpu_seconds_total", "{{node}}/{{engine}}", "short"),
                _now("In swap", "process_swap_bytes", "{{node}}/{{engine}}", "bytes"),
                line("Restarts", f"increase(keepwell_process_restarts_total{_CHOSEN}[6h])", "{{node}}/{{engine}}"),
            ),
        ),
        Row(
            title="Containers",
            folded=True,
            panels=(
                _now("Memory", "container_memory_working_bytes", "{{node}} {{container}}", "bytes"),
                _rate("Processor cores", "container_cpu_seconds_total", "{{node}} {{container}}", "short"),
                _rate("Held back", "container_throttled_seconds_total", "{{node}} {{container}}", "percentunit"),
                _now(
                    "Time in which work waited", "container_pressure_ratio", "{{container}} {{resource}}", "percentunit"
                ),
            ),
        ),
    ),
)
