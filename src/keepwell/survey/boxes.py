"""Processes in containers that no client tells of: because none may be asked, or none is installed here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from keepwell.core.errors import AccessError
from keepwell.core.observation import Value
from keepwell.formats.procfs import parse_cgroups
from keepwell.survey.supervision import Supervision, by_container
from keepwell.transport.base import Transport

#: A container's id in the path of a control group, and the run-time that writes it so.
_ID = re.compile(r"(docker|libpod)[-/]([0-9a-f]{64})")
_CLIENTS = {"docker": "docker", "libpod": "podman"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """Pids of another network, whose addresses are not this node's; and by pid the container that holds it."""

    elsewhere: frozenset[int] = frozenset()
    containers: Mapping[int, Supervision] = field(default_factory=dict)


async def find_boxes(transport: Transport, pids: Iterable[int]) -> Boxes:
    """Compare network and control group of these processes with keepwell's own; what is hidden counts as here."""
    own_network = await _link(transport, "/proc/self/ns/net")
    own_groups = find_container(await _groups(transport, "self"))
    elsewhere: set[int] = set()
    containers: dict[int, Supervision] = {}
    for pid in pids:
        network = await _link(transport, f"/proc/{pid}/ns/net")
        if network and own_network and network != own_network:
            elsewhere.add(pid)
        found = find_container(await _groups(transport, str(pid)))
        if found is not None and found != own_groups:
            row: dict[str, Value] = {"runtime": found[0], "name": found[1][:12], "state": "running", "pid": pid}
            containers[pid] = by_container(row)
    return Boxes(elsewhere=frozenset(elsewhere), containers=containers)


def find_container(groups: Mapping[str, str]) -> tuple[str, str] | None:
    """The client and the id of the container that a process's control groups name; the innermost counts."""
    found = [match for path in groups.values() for match in _ID.findall(path)]
    if not found:
        return None
    kind, number = found[-1]
    return _CLIENTS[kind], number


async def _groups(transport: Transport, pid: str) -> Mapping[str, str]:
    try:
        return parse_cgroups((await transport.read(f"/proc/{pid}/cgroup")).decode("utf-8", "replace"))
    except AccessError:
        return {}


async def _link(transport: Transport, path: str) -> str:
    try:
        return await transport.link(path)
    except AccessError:
        return ""
