"""Memory modules as `dmidecode -t 17` prints them, and the bandwidth that they allow. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SPEED = re.compile(r"(\d{2,6}) (?:MT/s|MHz)")
_WIDTH = re.compile(r"(\d{1,4}) bits")
#: What names a channel in a locator: "ChannelA-DIMM0", "P0 CHANNEL B", "DIMM_C1", "Controller1-ChannelA".
_CHANNEL = re.compile(r"channel[ _-]?([a-z0-9])|dimm[ _-]?([a-p])\d?\b", re.IGNORECASE)
_SOCKET = re.compile(r"\b(?:P|CPU|NODE|Controller|SOCKET)[ _-]?(\d)", re.IGNORECASE)
#: Channels of a usual desktop or laptop board, for boards whose locators name none.
USUAL_CHANNELS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryModule:
    """One populated slot: transfers per second in millions, width of its data path in bits, and where it sits."""

    megatransfers: int
    width_bits: int
    locator: str


def parse_memory_modules(text: str) -> tuple[MemoryModule, ...]:
    """The populated slots; empty ones, and those without a speed (virtual machines), are left out."""
    found = []
    for block in re.split(r"\n\s*\n", text):
        fields = dict(_field(line) for line in block.splitlines() if ":" in line)
        speed = _SPEED.match(fields.get("Configured Memory Speed", "") or fields.get("Configured Clock Speed", ""))
        speed = speed or _SPEED.match(fields.get("Speed", ""))
        width = _WIDTH.match(fields.get("Data Width", ""))
        if speed is not None and width is not None:
            locator = f"{fields.get('Locator', '')} {fields.get('Bank Locator', '')}".strip()
            found.append(MemoryModule(megatransfers=int(speed[1]), width_bits=int(width[1]), locator=locator))
    return tuple(found)


def count_channels(modules: tuple[MemoryModule, ...]) -> int:
    """Channels that hold a module, as their locators name them; where they name none, one for each module up to two."""
    named = set()
    for one in modules:
        channel = _CHANNEL.search(one.locator)
        if channel is not None:
            socket = _SOCKET.search(one.locator)
            named.add((channel[1] or channel[2], socket and socket[1]))
    return len(named) or min(len(modules), USUAL_CHANNELS)


def bytes_per_second(modules: tuple[MemoryModule, ...]) -> float:
    """Channels x width x transfers of the slowest module: the peak, of which copies reach 70 to 90 %; 0.0 for none."""
    if not modules:
        return 0.0
    slowest = min(one.megatransfers for one in modules)
    width = min(one.width_bits for one in modules)
    return count_channels(modules) * width / 8 * slowest * 1e6


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()
