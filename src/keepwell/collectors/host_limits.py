"""What the node's own control group may use: where a node is a container (LXC, Docker), it has less than its machine.

A machine itself is in no group: the root has no limits, and then every series says so.
"""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import absent, failed
from keepwell.core.series import Reading
from keepwell.plugins.cgroup_load import READERS, is_version_2
from keepwell.plugins.collecting import FileCollector, node_key
from keepwell.plugins.collector import Collector, Moment, Sight

#: Metrics with what is told of a group.
NAMES: dict[str, str] = {
    "host.limit_memory_bytes": "memory_limit_bytes",
    "host.limit_memory_used_bytes": "memory_working_bytes",
    "host.limit_cores": "cores",
    "host.limit_throttled_seconds_total": "throttled_seconds_total",
    "host.limit_oom_kills_total": "oom_kills_total",
}
_NONE = absent("this node is in no control group of its own, so nothing but its hardware limits it")


class HostLimits:
    """One look costs about 60 us."""

    def __init__(self, node: str) -> None:
        self._keys = {name: node_key(node, name) for name in NAMES}

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """All of it."""
        try:
            told = READERS[is_version_2(sight)]("", sight)
        except NotThere:
            return [(key, _NONE) for key in self._keys.values()]
        except AccessError as error:
            reason = failed(error)
            return [(key, reason) for key in self._keys.values()]
        if not isinstance(told["memory_limit_bytes"], float | int) and not isinstance(told["cores"], float | int):
            return [(key, _NONE) for key in self._keys.values()]
        return [(key, told[NAMES[name]]) for name, key in self._keys.items()]

    def close(self) -> None:
        """Nothing is held."""


COLLECTOR: Collector = FileCollector(every_seconds=10.0, gives=tuple(NAMES), begin=HostLimits)
