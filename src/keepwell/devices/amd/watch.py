"""Watching AMD's GPUs by the files of amdgpu, and the memory that processes hold by those of its compute driver.

`pcie_bw` is never read: the driver counts for a whole second before it answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from keepwell.core.series import Reading
from keepwell.devices._watch_files import FileNumber, FilesWatch, times
from keepwell.devices.amd.metrics_table import REASONS, is_lowered
from keepwell.devices.amd.topology import NODES, PROCESSES, PROCESSES_MAX, parse_node
from keepwell.formats.number import find_whole
from keepwell.plugins.collector import Moment, Sight
from keepwell.plugins.device_shares import Shares
from keepwell.plugins.watching import Watched, names_in, read_word

#: Seconds between two readings of what changes slowly, or what the driver asks the card's firmware for.
SELDOM = 30.0
#: ... of the table of metrics, for which the driver asks the firmware.
TABLE_SECONDS = 5.0
#: Seconds between two looks at which GPUs the compute driver has.
TOPOLOGY_SECONDS = 60.0
_COUNTS = re.compile(r"^(ue|ce): ?(\d{1,18})$", re.MULTILINE)


def _error_count(name: str) -> FileNumber:
    def turn(word: str) -> float:
        counts = dict(_COUNTS.findall(word))
        return float(int(counts.get(name, "")))

    kind = {"ue": "uncorrected", "ce": "corrected"}[name]
    labels = (("kind", kind),)
    paths = ("ras/umc_err_count",)
    return FileNumber(name="device.memory_errors_total", labels=labels, paths=paths, turn=turn, every_seconds=SELDOM)


def _lowered(reason: str) -> FileNumber:
    def turn(word: str) -> float:
        return float(is_lowered(word.encode("latin-1"), reason))

    return FileNumber(
        name="device.throttled",
        labels=(("reason", reason),),
        paths=("gpu_metrics",),
        turn=turn,
        every_seconds=TABLE_SECONDS,
        binary=True,
    )


#: Units are those of the kernel's documentation of amdgpu and hwmon: thousandths of a degree, millionths of a watt, Hz,
#: percent, 255ths of the fan's fastest.
NUMBERS: tuple[FileNumber, ...] = (
    FileNumber(name="device.memory_total_bytes", paths=("mem_info_vram_total",), turn=times(1), every_seconds=SELDOM),
    FileNumber(name="device.memory_used_bytes", paths=("mem_info_vram_used",), turn=times(1)),
    FileNumber(
        name="device.memory_shared_total_bytes", paths=("mem_info_gtt_total",), turn=times(1), every_seconds=SELDOM
    ),
    FileNumber(name="device.memory_shared_used_bytes", paths=("mem_info_gtt_used",), turn=times(1)),
    FileNumber(name="device.utilisation_ratio", paths=("gpu_busy_percent",), turn=times(0.01)),
    FileNumber(name="device.memory_busy_ratio", paths=("mem_busy_percent",), turn=times(0.01)),
    FileNumber(
        name="device.temperature_celsius", paths=("{hwmon}/temp1_input", "{hwmon}/temp2_input"), turn=times(1e-3)
    ),
    FileNumber(name="device.memory_temperature_celsius", paths=("{hwmon}/temp3_input",), turn=times(1e-3)),
    FileNumber(name="device.power_watts", paths=("{hwmon}/power1_average", "{hwmon}/power1_input"), turn=times(1e-6)),
    FileNumber(name="device.power_limit_watts", paths=("{hwmon}/power1_cap",), turn=times(1e-6), every_seconds=SELDOM),
    FileNumber(name="device.clock_hertz", paths=("{hwmon}/freq1_input",), turn=times(1)),
    FileNumber(name="device.memory_clock_hertz", paths=("{hwmon}/freq2_input",), turn=times(1)),
    FileNumber(name="device.fan_ratio", paths=("{hwmon}/pwm1",), turn=times(1 / 255)),
    FileNumber(name="device.link_replays_total", paths=("pcie_replay_count",), turn=times(1), every_seconds=SELDOM),
    _error_count("ce"),
    _error_count("ue"),
    *(_lowered(reason) for reason in REASONS),
)


class AmdWatch(FilesWatch):
    """`Looker`. The compute driver's files are the kernel's own memory: reading them wakes nothing."""

    def __init__(self, node: str) -> None:
        super().__init__(node, "amd", NUMBERS)
        self._numbers_of: dict[str, str] = {}
        self._held: dict[str, dict[int, int | None]] = {}
        self._shares = Shares()
        self._due = 0.0

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """As FilesWatch, with the compute driver's list of processes first: at each look, since over a connection what
        was not asked for at the last one is not there.
        """
        if not self._numbers_of or moment.clock >= self._due:
            self._due = moment.clock + TOPOLOGY_SECONDS
            self._numbers_of = dict(_gpu_numbers(sight)) or self._numbers_of
        self._held = {pci: dict(_holders(sight, number)) for pci, number in self._numbers_of.items()}
        return super().look(sight, moment)

    def computes(self, sight: Sight, one: Watched) -> bool:
        """A process of the compute driver keeps its GPU awake by itself."""
        return bool(self._held.get(one.pci)) or super().computes(sight, one)

    def shares(self, sight: Sight, one: Watched) -> Iterable[Reading]:
        """The compute driver's number where it has one, since not all drivers count that memory at a descriptor."""
        held = self._held.get(one.pci)
        mine = dict(super().shares(sight, one))
        if held:
            for key, number in self._shares.readings(sight, one.subject, held):
                other = mine.get(key)
                if not isinstance(number, float) or not isinstance(other, float) or number > other:
                    mine[key] = number
        return mine.items()


def _gpu_numbers(sight: Sight) -> Iterator[tuple[str, str]]:
    """The compute driver's own number of each GPU, by address."""
    for name in names_in(sight, NODES):
        node = parse_node(read_word(sight, f"{NODES}/{name}/properties"), read_word(sight, f"{NODES}/{name}/gpu_id"))
        if node is not None:
            yield node.pci, node.gpu_id


def _holders(sight: Sight, gpu: str) -> Iterator[tuple[int, int | None]]:
    for pid in names_in(sight, PROCESSES)[:PROCESSES_MAX]:
        number = find_whole(pid)
        if number is not None:
            used = find_whole(read_word(sight, f"{PROCESSES}/{pid}/vram_{gpu}"))
            if used:
                yield number, used
