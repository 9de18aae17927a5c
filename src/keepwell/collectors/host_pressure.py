"""Pressure stall information of the node: how long tasks waited for processor, memory and disks. Better than load."""

from __future__ import annotations

import re
from collections.abc import Iterable

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import absent
from keepwell.core.series import Reading, SeriesKey
from keepwell.plugins.collecting import FileCollector, node_key, without
from keepwell.plugins.collector import Collector, Moment, Sight

#: What is waited for, and by how many; that all wait for a processor is always 0 of a whole machine.
SHARES: dict[str, tuple[str, ...]] = {"cpu": ("some",), "memory": ("some", "full"), "io": ("some", "full")}
#: Microseconds, in which the sum is told.
MICRO = 1_000_000
_LINE = re.compile(rb"^(some|full) avg10=([\d.]+) .*total=(\d+)$", re.MULTILINE)
_NONE = absent("this kernel keeps no pressure stall information (it needs CONFIG_PSI and, on some, psi=1 at boot)")


class HostPressure:
    """One look costs about 15 us."""

    def __init__(self, node: str) -> None:
        self._keys: dict[str, dict[bytes, tuple[SeriesKey, SeriesKey]]] = {
            resource: {
                share.encode(): (
                    node_key(node, "host.pressure_seconds_total", resource=resource, share=share),
                    node_key(node, "host.pressure_ratio", resource=resource, share=share),
                )
                for share in shares
            }
            for resource, shares in SHARES.items()
        }

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """All of it."""
        found: list[Reading] = []
        for resource, shares in self._keys.items():
            try:
                content = sight.read(f"/proc/pressure/{resource}")
            except NotThere:
                found += [(key, _NONE) for pair in shares.values() for key in pair]
                continue
            except AccessError as error:
                found += without([key for pair in shares.values() for key in pair], error)
                continue
            for share, tenth, total in _LINE.findall(content):
                if share in shares:
                    found.append((shares[share][0], int(total) / MICRO))
                    found.append((shares[share][1], float(tenth) / 100))
        return found

    def close(self) -> None:
        """Nothing is held."""


COLLECTOR: Collector = FileCollector(
    every_seconds=1.0, gives=("host.pressure_seconds_total", "host.pressure_ratio"), begin=HostPressure
)
