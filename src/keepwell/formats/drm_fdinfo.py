"""/proc/PID/fdinfo of an open GPU: what one client of the kernel's graphics drivers holds and has used.

The keys are those of the kernel's documentation of DRM client usage statistics: `drm-pdev`, `drm-client-id`,
`drm-resident-<region>` (older: `drm-memory-<region>`), `drm-engine-<unit>` in ns, `drm-cycles-<unit>`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from keepwell.formats.number import find_whole

_FACTORS = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
#: Beginnings of names of memory regions that are the device's own; all others are the host's.
OWN = ("vram", "local", "lmem")
NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Client:
    """One client. `own_bytes` lie in the device's memory, `shared_bytes` in the host's, None where not told; `seconds`
    are those of each unit; `cycles` are a unit's and the clock's that they are to be compared with.
    """

    pci: str
    id: str
    own_bytes: int | None = None
    shared_bytes: int | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    cycles: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def parse_client(text: str) -> Client | None:
    """The client that a descriptor is of, or None where it is none or its driver does not tell which device."""
    rows = dict(_rows(text))
    if not rows.get("drm-pdev") or not rows.get("drm-client-id"):
        return None
    regions = _numbered(rows, "drm-resident-") or _numbered(rows, "drm-memory-") or _numbered(rows, "drm-total-")
    units = {unit: ns / NANO for unit, ns in _numbered(rows, "drm-engine-").items() if not unit.startswith("capacity-")}
    whole = _numbered(rows, "drm-total-cycles-")
    cycles = {unit: (count, whole[unit]) for unit, count in _numbered(rows, "drm-cycles-").items() if unit in whole}
    own = [size for region, size in regions.items() if region.startswith(OWN)]
    shared = [size for region, size in regions.items() if not region.startswith(OWN)]
    return Client(
        pci=rows["drm-pdev"],
        id=rows["drm-client-id"],
        own_bytes=_sum(own),
        shared_bytes=_sum(shared),
        seconds=units,
        cycles=cycles,
    )


def _rows(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and key.startswith("drm-"):
            yield key, value.strip()


def _numbered(rows: Mapping[str, str], begin: str) -> dict[str, int]:
    """Numbers of the keys that begin so, in bytes or as they stand, by the rest of the key."""
    found = {}
    for key, value in rows.items():
        if key.startswith(begin):
            digits, _, unit = value.partition(" ")
            number = find_whole(digits)
            if number is not None:
                found[key.removeprefix(begin)] = number * _FACTORS.get(unit.strip(), 1)
    return found


def _sum(sizes: list[int]) -> int | None:
    if not sizes:
        return None
    return sum(sizes)
