"""Where known services are, told from processes, sockets, units and containers that were seen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from keepwell.core.observation import Value
from keepwell.core.values import find_number, rows_of, text_of, texts_of
from keepwell.plugins.services import ServiceKind, ServiceWish

#: What a wildcard address is reached at on the node itself.
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1", "*": "127.0.0.1", "": "127.0.0.1"}
#: Ports of a URL without one.
USUAL_PORTS = {"https": 443}

Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A place where a service may be.

    `kind` is "" for a declared one of no known kind. `state` is running, stopped or unknown. `how` says by what it
    was found: process, unit, container, port, interface, declared. `sure`: it is one, whatever it answers.
    """

    kind: str
    how: str
    host: str = ""
    port: int = 0
    pid: int = 0
    argv: tuple[str, ...] = ()
    unit: str = ""
    container: str = ""
    state: str = "unknown"
    sure: bool = False
    wish: ServiceWish | None = None

    @property
    def url(self) -> str:
        """Its address without a trailing slash, "" if it has none."""
        if self.wish is not None and self.wish.url:
            return self.wish.url
        if not self.port or (self.wish is not None and self.wish.tcp):
            return ""
        scheme = {443: "https", 9443: "https"}.get(self.port, "http")
        if ":" in self.host:
            return f"{scheme}://[{self.host}]:{self.port}"
        return f"{scheme}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What was seen of a node: rows of host.processes, host.sockets, host.containers, and units of services.

    `engine_ports` are those of engines of their own kind, which no service is asked at; `generic_ports` those
    where only a generic interface was recognised.
    """

    kinds: Mapping[str, ServiceKind]
    processes: Sequence[Row] = ()
    sockets: Sequence[Row] = ()
    containers: Sequence[Row] = ()
    units: Sequence[Row] = ()
    engine_ports: frozenset[int] = frozenset()
    generic_ports: frozenset[int] = frozenset()
    by_pid: Mapping[int, Row] = field(default_factory=dict)

    def ancestors(self, pid: int) -> list[int]:
        """The process itself and those above it, nearest first."""
        found: list[int] = []
        while pid in self.by_pid and pid not in found:
            found.append(pid)
            pid = number(self.by_pid[pid], "parent_pid")
        return found


def find_candidates(scene: Scene, wishes: Iterable[ServiceWish]) -> tuple[Candidate, ...]:
    """Everything that may be a service, one a place, what was declared among it."""
    scene = replace(scene, by_pid={number(row, "pid"): row for row in scene.processes})
    found = [*_in_containers(scene)]
    boxes = {one.pid for one in found if one.pid}
    found += _by_process(scene, boxes)
    found = _with_units(scene, found)
    found += _by_port(scene, found)
    for wish in wishes:
        found = _with_wish(scene, found, wish)
    return tuple(found)


def number(row: Row, key: str) -> int:
    """A whole number of a row; 0 if it is none."""
    return int(find_number(row.get(key)) or 0)


def split_address(wish: ServiceWish) -> tuple[str, int]:
    """Host and port of what was declared, ("", 0) if neither url nor tcp was."""
    if wish.tcp:
        host, _, port = wish.tcp.rpartition(":")
        return host.strip("[]"), int(port)
    if not wish.url:
        return "", 0
    parts = urlsplit(wish.url)
    return parts.hostname or "", parts.port or USUAL_PORTS.get(parts.scheme, 80)


def _in_containers(scene: Scene) -> Iterator[Candidate]:
    for row in scene.containers:
        for name, kind in scene.kinds.items():
            if kind.is_image(text_of(row, "image")):
                host, port = _published(row, kind)
                running = text_of(row, "state") == "running"
                yield Candidate(
                    kind=name,
                    how="container",
                    host=host * running,
                    port=port * running,
                    pid=number(row, "pid"),
                    argv=texts_of(row.get("command")),
                    container=text_of(row, "name"),
                    state=("stopped", "running")[running],
                    sure=True,
                )
                break


def _published(row: Row, kind: ServiceKind) -> tuple[str, int]:
    """Where a container is reached from its node: at a published port, its own address, or the node's."""
    ports = rows_of(row.get("ports"))
    ports = tuple(one for port in kind.ports for one in ports if number(one, "inner_port") == port) or ports
    for one in ports:
        address = text_of(one, "address")
        return WILDCARDS.get(address, address), number(one, "port")
    if not kind.ports:
        return "", 0
    if text_of(row, "network") == "host":
        return "127.0.0.1", kind.ports[0]
    own = texts_of(row.get("addresses"))
    return next(iter(own), ""), kind.ports[0] * bool(own)


def _by_process(scene: Scene, boxes: set[int]) -> Iterator[Candidate]:
    for row in scene.processes:
        argv = texts_of(row.get("argv"))
        above = scene.ancestors(number(row, "pid"))
        if text_of(row, "state") in ("Z", "X") or not boxes.isdisjoint(above):
            continue
        for name, kind in scene.kinds.items():
            if kind.resembles(argv) and not _is_worker(scene, kind, above[1:]):
                host, port = _listens(scene, number(row, "pid"), kind)
                yield Candidate(
                    kind=name,
                    how="process",
                    host=host,
                    port=port,
                    pid=number(row, "pid"),
                    argv=argv,
                    state="running",
                    sure=True,
                )
                break


def _is_worker(scene: Scene, kind: ServiceKind, above: Iterable[int]) -> bool:
    return any(kind.resembles(texts_of(scene.by_pid[pid].get("argv"))) for pid in above)


def _listens(scene: Scene, pid: int, kind: ServiceKind) -> tuple[str, int]:
    """Where a process or one below it listens: at a usual port if it can be, else at its lowest."""
    own = [row for row in scene.sockets if pid in scene.ancestors(number(row, "pid"))]
    usual = [row for row in own if number(row, "port") in kind.ports]
    hidden = [row for row in scene.sockets if not number(row, "pid") and number(row, "port") in kind.ports]
    for row in usual or own or hidden:
        address = text_of(row, "address")
        return WILDCARDS.get(address, address), number(row, "port")
    return "", 0


def _with_units(scene: Scene, found: list[Candidate]) -> list[Candidate]:
    """The candidates with their units, and units that run nothing that was found: stopped ones that should run."""
    made = list(found)
    for row in scene.units:
        unit, pid = text_of(row, "unit"), number(row, "main_pid")
        name = next((name for name, kind in scene.kinds.items() if kind.is_unit(unit)), "")
        places = [at for at, one in enumerate(made) if pid and pid in scene.ancestors(one.pid)]
        if places:
            made[places[0]] = replace(made[places[0]], unit=unit)
        elif name and text_of(row, "active") in ("active", "activating"):
            made.append(Candidate(kind=name, how="unit", unit=unit, pid=pid, state="running", sure=True))
        elif name and (text_of(row, "enabled") == "enabled" or text_of(row, "active") == "failed"):
            made.append(Candidate(kind=name, how="unit", unit=unit, state="stopped", sure=True))
    return made


def _by_port(scene: Scene, found: Iterable[Candidate]) -> Iterator[Candidate]:
    """Usual ports at which something listens that is not told yet: whether it is one, its answer shows."""
    taken = {one.port for one in found} | scene.engine_ports
    for row in scene.sockets:
        port, address = number(row, "port"), text_of(row, "address")
        for name, kind in scene.kinds.items():
            asked = port in kind.ports and port not in taken
            if asked and (port not in scene.generic_ports or kind.over_engine):
                host = WILDCARDS.get(address, address)
                yield Candidate(kind=name, how="port", host=host, port=port, pid=number(row, "pid"))


def _with_wish(scene: Scene, found: list[Candidate], wish: ServiceWish) -> list[Candidate]:
    for at, one in enumerate(found):
        if one.wish is None and _is_meant(one, wish):
            kind = one.kind * (one.sure or not wish.kind) or wish.kind
            return [*found[:at], replace(one, kind=kind, wish=wish, sure=True), *found[at + 1 :]]
    return [*found, _declared(scene, wish)]


def _is_meant(one: Candidate, wish: ServiceWish) -> bool:
    if wish.kind and one.kind != wish.kind:
        return False
    host, port = split_address(wish)
    if port:
        return one.port == port and (one.host == host or host in ("localhost", "127.0.0.1", "::1"))
    if wish.container or wish.unit:
        return bool(one.container and one.container == wish.container) or is_same_unit(one.unit, wish.unit)
    if wish.process:
        return any(item.rpartition("/")[2] == wish.process for item in one.argv[:2])
    return bool(wish.kind) and one.sure


def is_same_unit(one: str, other: str) -> bool:
    """True for two names of one unit, with or without `.service`."""
    return bool(one) and one.removesuffix(".service") == other.removesuffix(".service")


def _declared(scene: Scene, wish: ServiceWish) -> Candidate:
    """What was declared and is not among what was found."""
    host, port = split_address(wish)
    made = Candidate(
        kind=wish.kind,
        how="declared",
        host=host,
        port=port,
        unit=wish.unit,
        container=wish.container,
        sure=True,
        wish=wish,
    )
    states: list[str] = []
    if wish.container:
        states += [text_of(row, "state") for row in scene.containers if text_of(row, "name") == wish.container] or [""]
    if wish.unit:
        states += [text_of(row, "active") for row in scene.units if is_same_unit(text_of(row, "unit"), wish.unit)] or [
            ""
        ]
    if wish.process:
        pids = [row for row in scene.processes if _runs(row, wish.process)]
        states.append("running" * bool(pids))
        made = replace(made, pid=next((number(row, "pid") for row in pids), 0))
    if states:
        running = all(one in ("running", "active", "activating") for one in states)
        return replace(made, state=("stopped", "running")[running])
    if not port:
        return replace(made, state="stopped")
    return made


def _runs(row: Row, program: str) -> bool:
    argv = texts_of(row.get("argv"))
    return text_of(row, "state") not in ("Z", "X") and any(item.rpartition("/")[2] == program for item in argv[:2])
