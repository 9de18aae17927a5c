"""Watching Intel's GPUs by the files of i915 and xe, and its NPUs by those of intel_vpu.

What a GPU's memory holds, and how busy it is as a whole, its drivers tell to root's tools alone; what each process
holds and uses stands at its descriptors.
"""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.core.series import Reading, SeriesKey
from keepwell.devices._watch_files import FileNumber, FilesWatch, Growth, times
from keepwell.plugins.collector import Moment, Sight

SELDOM = 30.0
ENERGY, POWER = "device.energy_joules_total", "device.power_watts"
BUSY, UTILISATION = "device.busy_seconds_total", "device.utilisation_ratio"
NUMBERS: tuple[FileNumber, ...] = (
    FileNumber(
        name="device.temperature_celsius", paths=("{hwmon}/temp2_input", "{hwmon}/temp1_input"), turn=times(1e-3)
    ),
    FileNumber(name="device.memory_temperature_celsius", paths=("{hwmon}/temp3_input",), turn=times(1e-3)),
    FileNumber(name=ENERGY, paths=("{hwmon}/energy1_input", "{hwmon}/energy2_input"), turn=times(1e-6)),
    FileNumber(
        name="device.power_limit_watts",
        paths=("{hwmon}/power1_max", "{hwmon}/power2_max"),
        turn=times(1e-6),
        every_seconds=SELDOM,
    ),
    FileNumber(
        name="device.clock_hertz", paths=("{card}/gt_act_freq_mhz", "tile0/gt0/freq0/act_freq"), turn=times(1e6)
    ),
)
#: The kernel's documentation of the NPU: time in us, clock in MHz, memory in bytes (since 6.13 or so).
NPU_NUMBERS: tuple[FileNumber, ...] = (
    FileNumber(name=BUSY, paths=("npu_busy_time_us",), turn=times(1e-6)),
    FileNumber(name="device.clock_hertz", paths=("npu_current_frequency_mhz",), turn=times(1e6)),
    FileNumber(name="device.memory_used_bytes", paths=("npu_memory_utilization",), turn=times(1)),
)


class IntelWatch(FilesWatch):
    """`Looker` of GPUs. Power is how fast the energy grows."""

    def __init__(self, node: str) -> None:
        super().__init__(node, "intel", NUMBERS)
        self._growth = Growth()

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """As FilesWatch, and power."""
        found = list(super().look(sight, moment))
        return found + _rates(found, self._growth, (ENERGY, POWER), moment.clock)


class NpuWatch(FilesWatch):
    """`Looker` of NPUs. Load is how fast the busy time grows."""

    def __init__(self, node: str) -> None:
        super().__init__(node, "intel", NPU_NUMBERS, kinds=("npu",))
        self._growth = Growth()

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """As FilesWatch, and load."""
        found = list(super().look(sight, moment))
        return found + _rates(found, self._growth, (BUSY, UTILISATION), moment.clock)


def _rates(found: Iterable[Reading], growth: Growth, names: tuple[str, str], clock: float) -> list[Reading]:
    counter, rate = names
    counts = [(key.subject, value) for key, value in found if key.metric == counter]
    return [(SeriesKey(rate, subject), growth.rate(subject, value, clock)) for subject, value in counts]
