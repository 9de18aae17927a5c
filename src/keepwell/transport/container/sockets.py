"""Where the container engines of a node listen: one table, and what of it is really there."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from keepwell.core.errors import AccessError
from keepwell.transport.base import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerEngine:
    """A container engine: the name of its client, its proper name, and the paths of its Unix sockets.

    One `*` in a path stands for every name in that folder (a user's id, say). `wake` is the command that makes
    it listen where it can be installed and silent. `gateway` is the name under which its containers know the node.
    """

    runtime: str
    title: str
    sockets: tuple[str, ...]
    wake: str
    gateway: str = ""


#: Docker's and Podman's documented places, as root's service first and then as a user's own.
CONTAINER_ENGINES: tuple[ContainerEngine, ...] = (
    ContainerEngine(
        runtime="docker",
        title="Docker",
        sockets=("/run/docker.sock", "/var/run/docker.sock", "/run/user/*/docker.sock"),
        wake="systemctl start docker.socket",
        gateway="host.docker.internal",
    ),
    ContainerEngine(
        runtime="podman",
        title="Podman",
        sockets=("/run/podman/podman.sock", "/run/user/*/podman/podman.sock"),
        wake="systemctl start podman.socket",
        gateway="host.containers.internal",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSocket:
    """A Unix socket at which a container engine listens, or once did."""

    engine: ContainerEngine
    path: str


async def find_sockets(host: Transport, engines: Iterable[ContainerEngine]) -> tuple[EngineSocket, ...]:
    """The sockets that are there, each once (two names of one socket are one). Costs a few stat calls."""
    found: dict[int, EngineSocket] = {}
    for engine in engines:
        for pattern in engine.sockets:
            for path in await _expand(host, pattern):
                inode = await _socket_inode(host, path)
                if inode is not None:
                    found.setdefault(inode, EngineSocket(engine=engine, path=path))
    return tuple(found.values())


async def _expand(host: Transport, pattern: str) -> tuple[str, ...]:
    folder, star, rest = pattern.partition("/*")
    if not star:
        return (pattern,)
    try:
        return tuple(posixpath.join(folder, name) + rest for name in await host.list(folder))
    except AccessError:
        return ()


async def _socket_inode(host: Transport, path: str) -> int | None:
    try:
        found = await host.stat(path)
    except AccessError:
        return None
    if found.kind != "socket":
        return None
    return found.inode
