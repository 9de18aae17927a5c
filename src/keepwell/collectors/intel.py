"""GPUs of Intel by the files of their kernel drivers: power, heat, clock, and what each engine holds and uses."""

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
        "device.energy_joules_total",
        "device.memory_temperature_celsius",
        "device.power_limit_watts",
        "device.power_watts",
        "device.temperature_celsius",
        "process.device_memory_bytes",
        "process.device_seconds_total",
        "process.device_shared_memory_bytes",
    ),
    begin=partial(watch, "intel"),
)
