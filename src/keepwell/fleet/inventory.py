"""Inventory: nodes and engines that ought to be there, declared or remembered. Data only, no look at the world."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from keepwell.config.model import Config, EngineEntry, Secret
from keepwell.core.issue import Supervisor
from keepwell.store.memory import Memory, RememberedEngine

#: Ports of a URL without one.
DEFAULT_PORTS = {"http": 80, "https": 443}
#: Names by which a node's own engines call the same address.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryNode:
    """A machine: its label, its address ("" for the one that keepwell runs on) and words to group by."""

    name: str
    address: str = ""
    tags: tuple[str, ...] = ()
    declared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryEngine:
    """An engine that ought to be there.

    `kind` is its plug-in, `url` its address without trailing slash. `start` is its command line; one that was
    only seen (`declared` False) has its secrets masked, as `environment` has. `seen_at` is when it last
    served, in seconds since the epoch, 0 if never seen. What is not known is "" or empty.
    """

    node: str
    kind: str
    url: str
    declared: bool
    name: str = ""
    tags: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_file: str = ""
    cwd: str = ""
    log: str = ""
    models_folder: str = ""
    user: str = ""
    supervisor: Supervisor = "process"
    unit: str = ""
    api_key: Secret | None = None
    seen_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Nodes, this one first; engines, declared ones first."""

    nodes: tuple[InventoryNode, ...]
    engines: tuple[InventoryEngine, ...]

    def on(self, node: str) -> tuple[InventoryEngine, ...]:
        """The engines of one node."""
        return tuple(one for one in self.engines if one.node == node)


def build_inventory(config: Config, memory: Memory, node_name: str) -> Inventory:
    """What ought to be there, as seen from the node of this name; pure.

    A declared engine takes from the memory of the same node and address what the declaration leaves out, if
    it is of the same kind; a remembered one of another kind at a declared address is dropped, and so is one where the
    gateway listens by now: it has moved.
    """
    seen = {_place(one.node, one.url): one for one in reversed(memory.engines)}
    declared = [_declared(one, node_name) for one in config.engines]
    engines = [_filled(one, seen.get(_place(one.node, one.url))) for one in declared]
    taken = {_place(one.node, one.url) for one in engines}
    taken |= {_place(node_name, f"http://{one}") for one in config.gateway.listen}
    engines += [_remembered(one) for place, one in seen.items() if place not in taken]
    return Inventory(nodes=_nodes(config, node_name, (one.node for one in engines)), engines=tuple(engines))


def _nodes(config: Config, node_name: str, used: Iterable[str]) -> tuple[InventoryNode, ...]:
    nodes = {node_name: InventoryNode(name=node_name)}
    for one in config.nodes:
        nodes[one.name] = InventoryNode(name=one.name, address=one.address, tags=one.tags, declared=True)
    for name in used:
        nodes.setdefault(name, InventoryNode(name=name))
    return tuple(nodes.values())


def _place(node: str, url: str) -> tuple[str, str, int]:
    """What makes two entries the same engine: the node, and the address as that node sees it."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return (node, url, 0)
    host = (parts.hostname or "").lower()
    if host in LOOPBACK:
        host = "localhost"
    return (node, host, port)


def _declared(entry: EngineEntry, node_name: str) -> InventoryEngine:
    supervisor: Supervisor = "process"
    if entry.unit:
        supervisor = supervisor_of(entry.unit)
    return InventoryEngine(
        node=entry.node or node_name,
        kind=entry.kind,
        url=entry.url,
        declared=True,
        name=entry.name,
        tags=entry.tags,
        start=entry.start,
        environment_file=entry.environment_file,
        log=entry.log,
        models_folder=entry.models_folder,
        user=entry.user,
        supervisor=supervisor,
        unit=entry.unit,
        api_key=entry.api_key,
    )


def supervisor_of(unit: str) -> Supervisor:
    """What runs something of this name: `x.service` systemd, `org.name.x` launchd, any other a container."""
    if unit.endswith(".service"):
        return "systemd"
    if unit.count(".") >= 2:
        return "launchd"
    return "container"


def _remembered(one: RememberedEngine) -> InventoryEngine:
    return InventoryEngine(
        node=one.node,
        kind=one.kind,
        url=one.url,
        declared=False,
        start=one.start,
        environment=one.environment,
        cwd=one.cwd,
        log=one.log,
        models_folder=one.models_folder,
        user=one.user,
        supervisor=one.supervisor,
        unit=one.unit,
        seen_at=one.seen_at,
    )


def _filled(engine: InventoryEngine, seen: RememberedEngine | None) -> InventoryEngine:
    """The declared engine with the gaps filled from its memory."""
    if seen is None or seen.kind != engine.kind:
        return engine
    filled = replace(
        engine,
        environment=seen.environment,
        cwd=seen.cwd,
        start=engine.start or seen.start,
        log=engine.log or seen.log,
        models_folder=engine.models_folder or seen.models_folder,
        user=engine.user or seen.user,
        seen_at=seen.seen_at,
    )
    if engine.unit:
        return filled
    return replace(filled, supervisor=seen.supervisor, unit=seen.unit)
