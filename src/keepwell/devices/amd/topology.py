"""AMD's compute driver (KFD) as sysfs shows it: which GPU is which, its target, and who holds its memory."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.core.observation import Missing, Value, absent
from keepwell.devices._sysfs import names_in, read_word
from keepwell.formats.number import find_whole
from keepwell.transport.base import Transport

NODES = "/sys/class/kfd/kfd/topology/nodes"
PROCESSES = "/sys/class/kfd/kfd/proc"
#: Most processes looked at: each has a small file a GPU.
PROCESSES_MAX = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeNode:
    """One GPU of the topology: its own number, its address and its target ("gfx1100")."""

    gpu_id: str
    pci: str
    target: str


async def read_topology(transport: Transport) -> tuple[ComputeNode, ...]:
    """The GPUs that the compute driver has taken; () without it."""
    found = []
    for name in await names_in(NODES, transport):
        text = await read_word(f"{NODES}/{name}/properties", transport)
        number = await read_word(f"{NODES}/{name}/gpu_id", transport)
        if isinstance(text, str) and isinstance(number, str):
            node = parse_node(text, number)
            if node is not None:
                found.append(node)
    return tuple(found)


def parse_node(text: str, gpu_id: str) -> ComputeNode | None:
    """A `properties` file; None for a CPU (no SIMD units) or anything that is no such file."""
    fields = dict(line.split(None, 1) for line in text.splitlines() if len(line.split(None, 1)) == 2)
    found = {key: find_whole(value) for key, value in fields.items()}
    numbers = {key: value for key, value in found.items() if value is not None}
    location, version = numbers.get("location_id"), numbers.get("gfx_target_version", 0)
    if not numbers.get("simd_count") or location is None:
        return None
    return ComputeNode(gpu_id=gpu_id, pci=name_address(numbers.get("domain", 0), location), target=name_target(version))


def name_address(domain: int, location: int) -> str:
    """`location_id` packs bus, device and function as 8, 5 and 3 bits."""
    return f"{domain & 0xFFFF:04x}:{location >> 8 & 0xFF:02x}:{location >> 3 & 0x1F:02x}.{location & 7}"


def name_target(version: int) -> str:
    """110001 as "gfx1101", 90010 as "gfx90a": minor and step are hexadecimal; "" for 0."""
    if version <= 0:
        return ""
    return f"gfx{version // 10_000}{version // 100 % 100:x}{version % 100:x}"


def nearest_target(target: str) -> str:
    """The target of the same generation that most builds have code for, as HSA_OVERRIDE_GFX_VERSION wants it.

    gfx1031 runs code for gfx1030 ("10.3.0"); the last digit is the step within a generation. "" for none.
    """
    digits = target.removeprefix("gfx")
    if digits == target or len(digits) < 3:
        return ""
    major, minor = digits[:-2], digits[-2]
    if not major.isdecimal() or not minor.isdecimal():
        return ""
    return f"{major}.{minor}.0"


async def read_processes(gpu_id: str, transport: Transport) -> Value | Missing:
    """Processes with memory on this GPU and how much; absent without the compute driver."""
    if not gpu_id:
        return absent("the compute driver has not taken this device")
    found: list[Value] = []
    for pid in (await names_in(PROCESSES, transport))[:PROCESSES_MAX]:
        word = await read_word(f"{PROCESSES}/{pid}/vram_{gpu_id}", transport)
        used = find_whole(str(word))
        number = find_whole(pid)
        if isinstance(word, str) and used is not None and number is not None:
            found.append({"pid": number, "used_bytes": used})
    return tuple(found)
