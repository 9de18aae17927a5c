"""GPUs of NVIDIA by NVML: load, memory, power, heat, clocks, errors, and whose processes hold their memory."""

from __future__ import annotations

from keepwell.plugins.collector import Collector, Looker
from keepwell.plugins.watching import watch


class Nvidia:
    """`Collector`. A look at four awake cards takes a fraction of a millisecond beside what their driver takes."""

    every_seconds = 1.0
    here_only = True
    gives: tuple[str, ...] = (
        "device.asleep",
        "device.clock_hertz",
        "device.compute_busy_ratio",
        "device.compute_processes",
        "device.energy_joules_total",
        "device.errors_by_code_total",
        "device.errors_total",
        "device.fan_ratio",
        "device.instance_memory_total_bytes",
        "device.instance_memory_used_bytes",
        "device.link_generation",
        "device.link_received_bytes_total",
        "device.link_replays_total",
        "device.link_sent_bytes_total",
        "device.link_width",
        "device.memory_bandwidth_ratio",
        "device.memory_busy_ratio",
        "device.memory_clock_hertz",
        "device.memory_errors_total",
        "device.memory_repair_failed",
        "device.memory_repair_pending",
        "device.memory_reserved_bytes",
        "device.memory_rows_remapped_total",
        "device.memory_temperature_celsius",
        "device.memory_total_bytes",
        "device.memory_used_bytes",
        "device.peer_link_received_bytes_total",
        "device.peer_link_sent_bytes_total",
        "device.performance_state",
        "device.power_limit_watts",
        "device.power_watts",
        "device.temperature_celsius",
        "device.tensor_busy_ratio",
        "device.throttled",
        "device.throttled_seconds_total",
        "device.utilisation_ratio",
        "process.device_memory_bytes",
    )

    def open(self, node: str) -> Looker:
        """Watch its NVIDIA cards."""
        return watch("nvidia", node)


COLLECTOR: Collector = Nvidia()
