"""An NVIDIA card as its driver tells of it, and the lines by which the stand-in driver is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

GIB = 1024**3
#: nvml.h, nvmlReturn_t: the codes that cards answer with.
NOT_SUPPORTED = 3
NO_PERMISSION = 4
INSUFFICIENT_POWER = 8
GPU_IS_LOST = 15
RESET_REQUIRED = 16
UNKNOWN_ERROR = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeProcess:
    """A process with memory on a card.

    `used_bytes` is None where the driver does not tell; `instance` is the number of its MIG instance, if any.
    """

    pid: int
    used_bytes: int | None = None
    instance: int | None = None
    graphics: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeInstance:
    """A MIG instance: its uuid, memory, and profile ("1g.10gb")."""

    uuid: str
    memory_bytes: int
    profile: str = "1g.10gb"


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeCard:
    """One card. None is what its driver calls NOT_SUPPORTED; units are NVML's, in the names.

    `refuses` maps a key of the data file to the NVML code that the call gives instead; `every` is the code of
    every call on this card, `handle` that of asking for it at all; one that is not `listed` is on the bus alone.
    `link` is generation, its best, width, its best; `remapped` is corrected, uncorrected, pending, failed; `mig` is
    on now, on after the next reset; `licence` is NVML's state of a virtual GPU's licence (5 is licensed, 4 and
    below are not); `fields` are NVML's fields by number, `shares` its
    profiling metrics (in per cent); `xids` are errors that its driver reports as events.
    """

    name: str = "NVIDIA H100 80GB HBM3"
    pci: str = "0000:01:00.0"
    pci_id: str = "10de:2330"
    pci_class: str = "0x030200"
    uuid: str = "GPU-0c5e1a70-3a12-4d6e-9b30-5f1f0a7c2e11"
    capability: tuple[int, int] = (9, 0)
    memory_total_bytes: int | None = 85_520_809_984
    memory_used_bytes: int | None = 21_480_079_360
    memory_reserved_bytes: int | None = None
    utilisation_percent: int | None = 37
    memory_busy_percent: int = 0
    temperature_celsius: int | None = 41
    fan_percent: int | None = None
    power_milliwatts: int | None = 122_400
    power_limit_milliwatts: int | None = 700_000
    power_default_milliwatts: int | None = 700_000
    clock_megahertz: int | None = 1980
    clock_max_megahertz: int | None = 1980
    clock_memory_megahertz: int | None = None
    performance_state: int | None = 0
    throttle: int | None = 0
    link: tuple[int, int, int, int] | None = (5, 5, 16, 16)
    persistence: bool | None = True
    compute_mode: int | None = 0
    ecc_mode: bool | None = True
    ecc_corrected: int | None = 0
    ecc_uncorrected: int | None = 0
    remapped: tuple[int, int, int, int] | None = (0, 0, 0, 0)
    retired_pending: bool | None = None
    processes: tuple[FakeProcess, ...] = ()
    mig: tuple[bool, bool] | None = None
    instances: tuple[FakeInstance, ...] = ()
    virtual: int | None = 0
    licence: int | None = None
    licence_product: str = ""
    fields: Mapping[int, int] = field(default_factory=dict)
    shares: Mapping[int, float] = field(default_factory=dict)
    xids: tuple[int, ...] = ()
    refuses: Mapping[str, int] = field(default_factory=dict)
    every: int = 0
    handle: int = 0
    listed: bool = True

    @property
    def long_pci(self) -> str:
        """The address as NVML and nvidia-smi write it: eight digits of domain, upper case."""
        return f"0000{self.pci}".upper()


def list_lines(card: FakeCard, number: int) -> Iterator[str]:
    """The card's part of the data file."""
    yield "card"
    for key, code in (("every", card.every), ("handle", card.handle)):
        if code:
            yield f"{key} !{code}"
    for key, value in _values(card, number).items():
        if key in card.refuses:
            yield f"{key} !{card.refuses[key]}"
        elif value is not None:
            yield f"{key} {value}"
    if "processes" in card.refuses:
        yield f"processes !{card.refuses['processes']}"
    for number_of_field, content in card.fields.items():
        yield f"field.{number_of_field} {content}"
    for number_of_share, share in card.shares.items():
        yield f"gpm.{number_of_share} {share}"
    for code in card.xids:
        yield f"xid {code}"
    for one in card.instances:
        yield f"instance {one.uuid} {one.memory_bytes} {one.profile}"
    for process in card.processes:
        kind = "graphics" if process.graphics else "process"
        used = "-" if process.used_bytes is None else process.used_bytes
        instance = "" if process.instance is None else f" {process.instance}"
        yield f"{kind} {process.pid} {used}{instance}"


def _values(card: FakeCard, number: int) -> dict[str, object]:
    vendor, _, device = card.pci_id.partition(":")
    return {
        "pci": card.long_pci,
        "pci.id": int(device + vendor, 16),
        "minor": number,
        "name": card.name,
        "uuid": card.uuid,
        "capability": _row(card.capability),
        "memory.total": card.memory_total_bytes,
        "memory.used": card.memory_used_bytes,
        "memory.reserved": card.memory_reserved_bytes,
        "utilisation": _row(_pair(card.utilisation_percent, card.memory_busy_percent)),
        "temperature": card.temperature_celsius,
        "fan": card.fan_percent,
        "power": card.power_milliwatts,
        "power.limit": card.power_limit_milliwatts,
        "power.default": card.power_default_milliwatts,
        "clock": card.clock_megahertz,
        "clock.max": card.clock_max_megahertz,
        "clock.memory": card.clock_memory_megahertz,
        "pstate": card.performance_state,
        "throttle": card.throttle,
        "link": _row(card.link),
        "persistence": _flag(card.persistence),
        "compute_mode": card.compute_mode,
        "ecc.mode": None if card.ecc_mode is None else f"{int(card.ecc_mode)} {int(card.ecc_mode)}",
        "ecc.corrected": card.ecc_corrected,
        "ecc.uncorrected": card.ecc_uncorrected,
        "remapped": _row(card.remapped),
        "retired.pending": _flag(card.retired_pending),
        "mig": _row(card.mig),
        "virtual": card.virtual,
        "licence": None if card.licence is None else f"{card.licence} {int(card.licence == 5)}",
        "licence.product": card.licence_product or None,
    }


def _pair(one: int | None, other: int) -> tuple[int, int] | None:
    return None if one is None else (one, other)


def _row(numbers: tuple[int, ...] | None) -> str | None:
    if numbers is None:
        return None
    return " ".join(str(int(one)) for one in numbers)


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)
