"""GPUs of AMD by the files of their kernel driver: load, memory, power, heat, errors, processes."""

from __future__ import annotations

from functools import partial

from keepwell.plugins.collecting import FileCollector
from keepwell.plugins.collector import Collector
from keepwell.plugins.watching import watch

COLLECTOR: Collector = FileCollector(
    every_seconds=1.0,
    gives=(
        "device.asleep",
        "device.clock_hertz",
        "device.fan_ratio",
        "device.link_replays_total",
        "device.memory_busy_ratio",
        "device.memory_clock_hertz",
        "device.memory_errors_total",
        "device.memory_shared_total_bytes",
        "device.memory_shared_used_bytes",
        "device.memory_temperature_celsius",
        "device.memory_total_bytes",
        "device.memory_used_bytes",
        "device.power_limit_watts",
        "device.power_watts",
        "device.temperature_celsius",
        "device.throttled",
        "device.utilisation_ratio",
        "process.device_memory_bytes",
        "process.device_seconds_total",
        "process.device_shared_memory_bytes",
    ),
    begin=partial(watch, "amd"),
)
