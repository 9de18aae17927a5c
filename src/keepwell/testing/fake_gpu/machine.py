"""A machine with GPUs, described: cards of any maker, driver, what its kernel said, what serves there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keepwell.testing.fake_gpu.card import FakeCard, list_lines
from keepwell.testing.fake_gpu.others import AmdCard, AppleChip, IntelCard

#: The environment variable by which the stand-in library and programs find their data.
VARIABLE = "KEEPWELL_FAKE_GPU"


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeEngine:
    """A server of models that runs on the machine, as /proc, its port and its log show it.

    `model_gpu_ratio` is the share of its one loaded model on the GPU (None: no model is loaded).
    """

    pid: int = 4711
    environment: Mapping[str, str] = field(default_factory=dict)
    uid: int = 990
    groups: tuple[int, ...] = (990, 44, 993)
    model_gpu_ratio: float | None = None
    model_bytes: int = 9_126_805_504
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeMachine:
    """One machine.

    `driver` and `library` are the versions of NVIDIA's kernel module and library ("" for not loaded, not
    installed); `cuda` is the newest API as CUDA writes it (12040 is 12.4). `nvml_code` and `cuda_code` are what
    initialising gives, `*_milliseconds` what it takes (`handle`: each card's start); `cuda_devices` is how many
    CUDA sees (None: all cards). `without` are functions that this release of the library lacks. `kernel_lines` are
    (seconds before now, text). `files` are added last: path to content (None takes the path away). `programs` says
    whether nvidia-smi and its like are there, `python` whether an interpreter with keepwell is. `nodes_mode` is the
    mode of /dev/nvidia*, whose group is video.
    """

    cards: tuple[FakeCard, ...] = ()
    amd: tuple[AmdCard, ...] = ()
    intel: tuple[IntelCard, ...] = ()
    apple: AppleChip | None = None
    driver: str = "550.54.14"
    library: str = "550.54.14"
    flavour: str = ""
    cuda: int = 12040
    nvml_code: int = 0
    nvml_milliseconds: int = 0
    handle_milliseconds: int = 0
    cuda_code: int = 0
    cuda_milliseconds: int = 0
    cuda_devices: int | None = None
    crashes: bool = False
    without: tuple[str, ...] = ()
    container: str = ""
    nodes: bool = True
    nodes_mode: int = 0o666
    kernel_lines: tuple[tuple[float, str], ...] = ()
    files: Mapping[str, str | None] = field(default_factory=dict)
    programs: bool = True
    python: bool = True
    memory_bytes: int = 137_438_953_472
    engine: FakeEngine | None = None


def render_data(machine: FakeMachine) -> str:
    """The data file of the stand-in driver and programs."""
    values = {
        "driver": machine.driver,
        "library": machine.library,
        "nvml": f"12.{machine.library}",
        "cuda": machine.cuda,
        "nvml.code": machine.nvml_code,
        "nvml.milliseconds": machine.nvml_milliseconds,
        "handle.milliseconds": machine.handle_milliseconds,
        "nvml.crash": int(machine.crashes),
        "cuda.code": machine.cuda_code,
        "cuda.milliseconds": machine.cuda_milliseconds,
        "cuda.crash": int(machine.crashes),
    }
    if machine.cuda_devices is not None:
        values["cuda.devices"] = machine.cuda_devices
    lines = [f"{key} {value}" for key, value in values.items() if value not in ("", 0)]
    for number, card in enumerate(one for one in machine.cards if one.listed):
        lines += list_lines(card, number)
    return "\n".join(lines) + "\n"


Section = Mapping[str, tuple[str, ...]]


def parse_data(text: str) -> tuple[Section, tuple[Section, ...]]:
    """A data file as the programs read it: of the machine and of each card, every key with its values in order."""
    found: list[dict[str, tuple[str, ...]]] = [{}]
    for line in text.splitlines():
        if line == "card":
            found.append({})
            continue
        key, _, value = line.partition(" ")
        found[-1][key] = (*found[-1].get(key, ()), value)
    return found[0], tuple(found[1:])


def load_data(path: Path) -> tuple[Section, tuple[Section, ...]]:
    """As `parse_data`, from a file."""
    return parse_data(path.read_text(encoding="utf-8"))
