"""Which addresses of a node are worth asking for an engine: what listens, minus what cannot be one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, rows_of, text_of, texts_of
from keepwell.plugins.engine import Engine
from keepwell.survey.expected import Expected

#: Addresses asked at most; each costs one or two requests an engine plug-in.
ADDRESSES = 48
#: Well-known ports that never speak an engine's language; a GET there only dirties their logs.
OTHERS = frozenset(
    {21, 22, 23, 25, 53, 110, 111, 123, 139, 143, 389, 445, 465, 514, 587, 631, 636, 873, 993, 995, 2049, 2379, 2380}
    | {3306, 3389, 5353, 5355, 5432, 5900, 5901, 6379, 6443, 9092, 10250, 10255, 11211, 27017, 33060, 50051}
)
#: What a wildcard address is reached at on the node itself.
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1", "*": "127.0.0.1", "": "127.0.0.1"}


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A place to ask: the host as a URL needs it without brackets, the port, and the pid that listens (0: hidden)."""

    host: str
    port: int
    pid: int = 0

    @property
    def url(self) -> str:
        """The address as a URL without a trailing slash."""
        if ":" in self.host:
            return f"http://[{self.host}]:{self.port}"
        return f"http://{self.host}:{self.port}"


def reachable_host(address: str) -> str:
    """The host at which something that binds this address is reached from the node itself."""
    return _WILDCARDS.get(address, address)


def choose_addresses(
    node: Ref, seen: Seen, engines: Mapping[str, Engine], expected: Iterable[Expected], silent: frozenset[int]
) -> tuple[Address, ...]:
    """Addresses to ask, likeliest first: expected ones, well-known ports, then all else that listens.

    `silent` are pids that cannot be an engine of their own or cannot answer: stopped ones, children that run
    a model, keepwell itself. A port of an SSH server is not asked at any address: each question costs it a process
    and a line in its log. Where the sockets could not be read, the well-known ports are asked blindly.
    """
    known = {port for one in engines.values() for port in one.ports}
    wanted = [split_url(one.url) for one in expected]
    sockets = seen.value(node, "host.sockets")
    if isinstance(sockets, Missing):
        heard = [Address("127.0.0.1", port) for port in sorted(known)]
    else:
        heard = _listening(sockets, silent)
    containers = rows_of(seen.value(node, "host.containers"))
    published = [one for row in containers for one in _published(row, engines)]
    likely = [one for one in [*heard, *published] if one.port in known]
    quiet = OTHERS | _ports_of_ssh(node, seen)
    others = [one for one in heard if one.port not in known and one.port not in quiet]
    blocked = {(one.host, one.port) for one in _all_of(sockets, silent)}
    first: dict[tuple[str, int], Address] = {}
    for one in [*likely, *published, *others, *wanted]:
        if (one.host, one.port) not in blocked and one.port:
            first.setdefault((one.host, one.port), one)
    order = [*((one.host, one.port) for one in wanted), *first]
    return tuple(first[key] for key in dict.fromkeys(order) if key in first)[:ADDRESSES]


def _ports_of_ssh(node: Ref, seen: Seen) -> set[int]:
    """Ports of the node's SSH servers, wherever they are."""
    rows = rows_of(seen.value(node, "host.processes"))
    servers = frozenset(int(find_number(row.get("pid")) or 0) for row in rows if _is_ssh(texts_of(row.get("argv"))))
    return {one.port for one in _all_of(seen.value(node, "host.sockets"), servers)}


def _is_ssh(argv: Sequence[str]) -> bool:
    """A server's process calls itself "/usr/sbin/sshd" or "sshd: /usr/sbin/sshd -D [listener]"."""
    return any(one.split(":")[0].rsplit("/", 1)[-1] in ("sshd", "dropbear") for one in argv[:1])


def _published(row: Mapping[str, Value], engines: Mapping[str, Engine]) -> list[Address]:
    """Where a container is reached: at its published ports; an engine's that publishes none, at its own address."""
    ports = [
        Address(reachable_host(text_of(one, "address")), int(find_number(one.get("port")) or 0))
        for one in rows_of(row.get("ports"))
    ]
    name = text_of(row, "engine")
    if ports or name not in engines or text_of(row, "state") != "running":
        return ports
    return [Address(own, port) for own in texts_of(row.get("addresses")) for port in engines[name].ports]


def split_url(url: str) -> Address:
    """The address in a URL; port 0 for one that cannot be read."""
    try:
        parts = urlsplit(url)
        usual = {"https": 443}.get(parts.scheme, 80)
        return Address(parts.hostname or "", parts.port or usual)
    except ValueError:
        return Address("", 0)


def _listening(sockets: Value, silent: frozenset[int]) -> list[Address]:
    return [one for one in _every(sockets) if one.pid not in silent]


def _all_of(sockets: Value | Missing, pids: frozenset[int]) -> list[Address]:
    if isinstance(sockets, Missing):
        return []
    return [one for one in _every(sockets) if one.pid in pids]


def _every(sockets: Value) -> list[Address]:
    return [
        Address(
            reachable_host(text_of(row, "address")),
            int(find_number(row.get("port")) or 0),
            int(find_number(row.get("pid")) or 0),
        )
        for row in rows_of(sockets)
    ]
