"""The GPU of an Apple chip: memory and load."""

from __future__ import annotations

from functools import partial

from keepwell.plugins.collecting import FileCollector
from keepwell.plugins.collector import Collector
from keepwell.plugins.watching import watch

COLLECTOR: Collector = FileCollector(
    every_seconds=1.0,
    gives=("device.memory_total_bytes", "device.memory_used_bytes", "device.utilisation_ratio"),
    begin=partial(watch, "apple"),
    here_only=True,
)
