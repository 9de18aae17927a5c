"""Persistence mode, power limit and compute mode, by nvidia-smi.

The driver forgets all of them when the last program lets go of a card without persistence mode, and at every boot.
"""

from __future__ import annotations

from keepwell.core.observation import Missing, absent, failed
from keepwell.core.text import cut_text, escape_controls
from keepwell.devices._lines import sysfs_address
from keepwell.plugins.device_settings import COMPUTE_MODE, PERSISTENCE, POWER_LIMIT, DeviceState
from keepwell.transport.base import Ran

FIELDS = (
    "index",
    "pci.bus_id",
    "uuid",
    "name",
    "persistence_mode",
    "power.limit",
    "power.min_limit",
    "power.max_limit",
    "compute_mode",
)
#: nvidia-smi's exit code where no card is there.
EXIT_NONE = 6
#: Characters of its complaint that are told.
SAID = 200
_SWITCH = {"Enabled": "on", "Disabled": "off"}
_FLAGS = {PERSISTENCE: "-pm", POWER_LIMIT: "-pl", COMPUTE_MODE: "-c"}
_VALUES = {"on": "1", "off": "0"}


class NvidiaSettings:
    """`DeviceSettings`. The daemon keeps cards open, where it is installed; without it the driver's own mode does."""

    look: tuple[str, ...] = ("nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits")
    units: tuple[str, ...] = ("nvidia-persistenced.service",)

    def parse(self, ran: Ran) -> tuple[DeviceState, ...] | Missing:
        """A line a card."""
        said = cut_text(escape_controls((ran.stdout or ran.stderr).decode("utf-8", "replace").strip()), SAID)
        if ran.code == EXIT_NONE:
            return absent(f"nvidia-smi: {said}")
        if ran.code:
            return failed(f"nvidia-smi ended with {ran.code}: {said}")
        rows = [[word.strip() for word in line.split(",")] for line in ran.text.splitlines() if line.strip()]
        if not rows or any(len(row) != len(FIELDS) for row in rows):
            return failed(f"nvidia-smi said something else than was asked: {said}")
        return tuple(_state(dict(zip(FIELDS, row, strict=True))) for row in rows)

    def set(self, uuid: str, name: str, value: str) -> tuple[str, ...]:
        """`nvidia-smi [-i UUID] -pm 1`, and so on."""
        words = ("nvidia-smi", *("-i", uuid) * bool(uuid), _FLAGS[name])
        if name == COMPUTE_MODE:
            return (*words, value.upper().replace("-", "_"))
        return (*words, _VALUES.get(value, value))


def _state(row: dict[str, str]) -> DeviceState:
    values: dict[str, str | Missing] = {
        PERSISTENCE: _SWITCH.get(row["persistence_mode"], _not_told(row["persistence_mode"])),
        POWER_LIMIT: _not_told(row["power.limit"]),
        COMPUTE_MODE: row["compute_mode"].lower().replace("_", "-"),
    }
    limit, least, most = (_number(row[name]) for name in ("power.limit", "power.min_limit", "power.max_limit"))
    if limit is not None:
        values[POWER_LIMIT] = f"{limit:g}"
    if row["compute_mode"].startswith("["):
        values[COMPUTE_MODE] = _not_told(row["compute_mode"])
    ranges = {}
    if least is not None and most is not None:
        ranges[POWER_LIMIT] = (least, most)
    pci = sysfs_address(row["pci.bus_id"])
    return DeviceState(index=row["index"], uuid=row["uuid"], pci=pci, name=row["name"], values=values, ranges=ranges)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    if not 0 <= found < float("inf"):
        return None
    return found


def _not_told(word: str) -> Missing:
    return absent(f"nvidia-smi says {word}")
