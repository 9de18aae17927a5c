"""Ray's words: the command line of a raylet, the dashboard's JSON, the text of `ray status`. Pure, never raises.

Shapes as recorded from Ray 2.60; fields of other releases that are not there read as empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

#: Nodes, groups and demands that are kept of one cluster.
MAX_ROWS = 1000
_USAGE = re.compile(r"^\s*([\d.]+)([KMGT]?i?B)?/([\d.]+)([KMGT]?i?B)? ([A-Za-z][\w:.-]*)")
_DEMAND = re.compile(r"^\s*(\{.*?\})(?: \* (\d+) \((\w+)\))?: (\d+)\+? pending (.+?)\s*$")
_RESOURCE = re.compile(r"'([^']+)': ([\d.]+)")
_PYTHON = re.compile(r"/python(\d\.\d+)/")
_VERSION = re.compile(r"^version = [\"']([\w.+-]+)[\"']", re.MULTILINE)
_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "B": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Raylet:
    """A node's own daemon, by its command line: addresses, what it promises, and where it lies."""

    address: str
    gcs_address: str
    dashboard: str
    package: str
    python: str
    head: bool
    promised: Mapping[str, float] = field(default_factory=dict)
    object_folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayNode:
    """A node as the cluster lists it; `state` is ALIVE or DEAD."""

    address: str
    name: str
    head: bool
    state: str
    gpus: float
    cpus: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What waits for resources: kind (task, placement group), what each bundle wants, how many bundles, and whose."""

    kind: str
    wants: Mapping[str, float]
    bundles: int
    name: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayStatus:
    """`ray status`: how many nodes are active, pending and failed, used and total resources, and what waits."""

    active: int
    pending: int
    failed: int
    totals: Mapping[str, tuple[float, float]]
    demands: tuple[Demand, ...]


def parse_raylet(argv: Sequence[str]) -> Raylet | None:
    """The raylet that this command line runs; None for any other program."""
    program, _, _ = "".join(argv[:1]).partition(" ")
    if program.rpartition("/")[2] != "raylet" or len(argv) < 2:
        return None
    flags = dict(_flag(one) for one in argv[1:] if one.startswith("--"))
    worker = flags.get("python_worker_command", "")
    words = dict(_flag(one) for one in worker.split() if one.startswith("--"))
    promised = parse_promises(flags.get("static_resource_list", ""))
    folder, slash, _ = program.partition("/ray/core/")
    package = ""
    if slash:
        package = f"{folder}/ray"
    return Raylet(
        address=flags.get("node_ip_address", ""),
        gcs_address=flags.get("gcs-address", ""),
        dashboard=words.get("webui", ""),
        package=package,
        python="".join(_PYTHON.findall(program)[:1]),
        head="node:__internal_head__" in promised,
        promised=promised,
        object_folder=flags.get("plasma_directory", ""),
    )


def parse_promises(text: str) -> dict[str, float]:
    """ "CPU,1,GPU,2" as names to numbers; pairs that are none are left out."""
    words = text.split(",")
    found: dict[str, float] = {}
    for name, number in zip(words[::2], words[1::2], strict=False):
        value = _number(number)
        if name and value is not None:
            found[name] = value
    return found


def parse_release(text: str) -> str:
    """The release in ray/_version.py; "" if it names none."""
    found = _VERSION.search(text)
    if found is None:
        return ""
    return found[1]


def parse_nodes(body: bytes) -> tuple[RayNode, ...]:
    """`/nodes?view=summary` of the dashboard."""
    rows = _items(_inside(_json(body), "data"), "summary")
    return tuple(_node(row) for row in rows[:MAX_ROWS])


def parse_groups(body: bytes) -> tuple[Demand, ...]:
    """`/api/v0/placement_groups?detail=true`: those that are not placed."""
    rows = _items(_inside(_json(body), "data", "result"), "result")
    found = []
    for row in rows[:MAX_ROWS]:
        bundles = _items(row, "bundles")
        if row.get("state") in ("CREATED", "REMOVED") or not bundles:
            continue
        wants = {key: _float(value) for key, value in _inside(bundles[0], "unit_resources").items()}
        state = _inside(row, "stats").get("scheduling_state", "")
        found.append(
            Demand(
                kind="placement group",
                wants=wants,
                bundles=len(bundles),
                name=str(row.get("name", "")),
                state=str(state),
            )
        )
    return tuple(found)


def parse_ray_status(text: str) -> RayStatus:
    """The text of `ray status`, or of the dashboard's `/api/cluster_status?format=1`."""
    part, counts = "", {"Active:": 0, "Pending:": 0, "Recent failures:": 0}
    totals: dict[str, tuple[float, float]] = {}
    demands: list[Demand] = []
    for line in text.partition("\nNode: ")[0].splitlines():
        if line.strip() in (*counts, "Idle:", "Total Usage:", "Usage:", "Pending Demands:", "Demands:"):
            part = line.strip()
        elif line.startswith("From request"):
            part = ""
        elif part in counts and line.startswith(" ") and "(no " not in line:
            counts[part] += 1
        elif part == "Idle:" and line.startswith(" ") and "(no " not in line:
            counts["Active:"] += 1
        elif part in ("Total Usage:", "Usage:"):
            totals |= _usage(line)
        elif part.endswith("Demands:"):
            demands += _demands(line)
    return RayStatus(
        active=counts["Active:"],
        pending=counts["Pending:"],
        failed=counts["Recent failures:"],
        totals=totals,
        demands=tuple(demands[:MAX_ROWS]),
    )


def parse_status_answer(body: bytes) -> RayStatus:
    """The same text inside the dashboard's JSON."""
    text = _inside(_json(body), "data").get("clusterStatus", "")
    return parse_ray_status(str(text))


def total_of(nodes: Iterable[RayNode], name: str) -> float:
    """The GPUs or CPUs of all nodes that are alive."""
    return sum({"GPU": one.gpus, "CPU": one.cpus}.get(name, 0.0) for one in nodes if one.state == "ALIVE")


def _node(row: Mapping[str, object]) -> RayNode:
    raylet = _inside(row, "raylet")
    resources = _inside(raylet, "resourcesTotal")
    return RayNode(
        address=str(raylet.get("nodeManagerAddress") or row.get("ip") or ""),
        name=str(raylet.get("nodeManagerHostname") or row.get("hostname") or ""),
        head=raylet.get("isHeadNode") is True,
        state=str(raylet.get("state") or "ALIVE"),
        gpus=_float(resources.get("GPU")),
        cpus=_float(resources.get("CPU")),
    )


def _usage(line: str) -> dict[str, tuple[float, float]]:
    found = _USAGE.match(line)
    if found is None:
        return {}
    used, total = _number(found[1]), _number(found[3])
    if used is None or total is None:
        return {}
    return {found[5]: (used * _UNITS.get(found[2] or "B", 1), total * _UNITS.get(found[4] or "B", 1))}


def _demands(line: str) -> list[Demand]:
    found = _DEMAND.match(line)
    if found is None:
        return []
    wants = {name: _number(value) or 0.0 for name, value in _RESOURCE.findall(found[1])}
    kind = {True: "placement group", False: "task"}["placement" in found[5]]
    return [Demand(kind=kind, wants=wants, bundles=int(found[2] or 1))]


def _flag(text: str) -> tuple[str, str]:
    name, _, value = text.lstrip("-").partition("=")
    return name, value


def _json(body: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return _mapping(found)


def _inside(value: Mapping[str, object], *names: str) -> Mapping[str, object]:
    for name in names:
        value = _mapping(value.get(name))
    return value


def _items(value: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    found = value.get(name)
    if not isinstance(found, list):
        return []
    return [_mapping(one) for one in found]


def _mapping(value: object) -> Mapping[str, object]:
    if isinstance(value, dict):
        return value
    return {}


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not -1e18 < value < 1e18:
        return None
    return value
