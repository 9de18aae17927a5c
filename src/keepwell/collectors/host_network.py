"""Network of the node: what its interfaces carried, by /proc/net/dev, and TCP, by /proc/net/snmp."""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.core.errors import AccessError
from keepwell.core.series import Reading, SeriesKey
from keepwell.plugins.collecting import FileCollector, node_key, without
from keepwell.plugins.collector import Collector, Moment, Sight

#: Interfaces that carry what another one carries too, or that come and go with containers and virtual machines.
PASSED_OVER = (
    "lo veth docker br- virbr vnet tap cali cilium flannel cni lxc_ fwbr fwpr fwln podman dummy ifb kube nodelocaldns"
)
#: Interfaces that are told of; a machine has a few.
INTERFACES = 32
#: Looks between two of TCP, whose counters the kernel adds up over all cores.
TCP_LOOKS = 5
#: Metrics with the columns of /proc/net/dev that are added up for each.
COLUMNS: dict[str, tuple[int, ...]] = {
    "host.network_received_bytes_total": (0,),
    "host.network_sent_bytes_total": (8,),
    "host.network_errors_total": (2, 10),
    "host.network_drops_total": (3, 11),
}
#: Columns of a line: eight of what was received, eight of what was sent.
WIDTH = 16
TCP: dict[bytes, str] = {b"RetransSegs": "host.tcp_retransmits_total", b"CurrEstab": "host.tcp_connections"}

_PASSED_OVER = tuple(PASSED_OVER.encode().split())


class HostNetwork:
    """One look costs about 20 us."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._keys: dict[bytes, list[SeriesKey]] = {}
        self._tcp = {name: node_key(node, metric) for name, metric in TCP.items()}
        self._looks = 0

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """All of it; TCP at every fifth look."""
        found = self._interfaces(sight)
        if self._looks % TCP_LOOKS == 0:
            found += self._read_tcp(sight)
        self._looks += 1
        return found

    def close(self) -> None:
        """Nothing is held."""

    def _interfaces(self, sight: Sight) -> list[Reading]:
        try:
            content = sight.read("/proc/net/dev")
        except AccessError as error:
            return without([key for keys in self._keys.values() for key in keys], error)
        found: list[Reading] = []
        if len(self._keys) >= INTERFACES:
            self._keys.clear()  # some are gone: those that are there now come first
        for line in content.splitlines()[2:]:
            name, _, rest = line.partition(b":")
            name = name.strip()
            if name.startswith(_PASSED_OVER):
                continue
            numbers = rest.split()
            if len(numbers) >= WIDTH:
                found += self._carried(name, numbers)
        return found

    def _carried(self, name: bytes, numbers: list[bytes]) -> Iterable[Reading]:
        keys = self._keys.get(name)
        if keys is None:
            if len(self._keys) >= INTERFACES:
                return
            label = name.decode("utf-8", "replace")
            keys = self._keys[name] = [node_key(self._node, metric, interface=label) for metric in COLUMNS]
        for key, columns in zip(keys, COLUMNS.values(), strict=True):
            yield key, sum(int(numbers[column]) for column in columns)

    def _read_tcp(self, sight: Sight) -> list[Reading]:
        try:
            lines = [line for line in sight.read("/proc/net/snmp").splitlines() if line.startswith(b"Tcp:")]
        except AccessError as error:
            return without(self._tcp.values(), error)
        told = dict(zip(*(line.split() for line in lines[:2]), strict=False))
        return [(key, int(told[name])) for name, key in self._tcp.items() if name in told]


COLLECTOR: Collector = FileCollector(every_seconds=1.0, gives=(*COLUMNS, *TCP.values()), begin=HostNetwork)
