"""File systems with their room. One that may hang when asked (a network file system) is not asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Observation, Value, failed
from keepwell.formats.darwin import parse_mount_list
from keepwell.formats.mounts import Mount, parse_mountinfo
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

MOUNTINFO = "/proc/self/mountinfo"
#: Seconds for one file system: a local disk answers at once, also a sleeping one (the answer is in memory).
ASK_SECONDS = 1.0
#: File systems that are asked: a container host has hundreds, most of them layers of images on one disk.
MOUNTS_MAX = 80
#: Layers and shared memory of containers, and images of packages: their disk is asked once, where it is mounted.
SKIPPED = ("/var/lib/docker/overlay2/", "/var/lib/containers/storage/overlay/", "/run/user/", "/snap/", "/run/netns/")


class HostMounts:
    """Gives host.mounts: every file system that may hold files, with its room unless asking might hang."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.05
    gives: tuple[str, ...] = ("host.mounts",)
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; its value is a tuple of mappings in the order of mounting."""
        try:
            mounts, source = await _list_mounts(place.transport)
        except AccessError as error:
            return [place.saw("host.mounts", failed(error), MOUNTINFO)]
        kept = choose_mounts(mounts)
        rows: Value = tuple(await asyncio.gather(*(_ask(one, place.transport) for one in kept)))
        return [place.saw("host.mounts", rows, source)]


def choose_mounts(mounts: Iterable[Mount]) -> tuple[Mount, ...]:
    """Those that hold files of people and programs: no kernel file systems, no layers of containers."""
    kept = [one for one in mounts if not one.virtual and not one.path.startswith(SKIPPED)]
    return tuple([one for one in kept if not one.path.startswith(("/proc/", "/sys/"))][:MOUNTS_MAX])


async def _list_mounts(transport: Transport) -> tuple[tuple[Mount, ...], str]:
    try:
        return parse_mountinfo((await transport.read(MOUNTINFO)).decode("utf-8", "replace")), MOUNTINFO
    except NotThere:
        return parse_mount_list((await transport.run(("mount",))).text), "mount"


async def _ask(mount: Mount, transport: Transport) -> Mapping[str, Value]:
    row: dict[str, Value] = {
        "path": mount.path,
        "device": mount.device,
        "kind": mount.kind,
        "options": mount.options,
        "read_only": mount.read_only,
    }
    if mount.remote:
        return row | {"not_asked": "it is on the network, and asking one that is gone may hang"}
    try:
        async with asyncio.timeout(ASK_SECONDS):
            space = await transport.space(mount.path)
    except TimeoutError:
        return row | {"not_asked": f"no answer within {ASK_SECONDS:g} s"}
    except AccessError as error:
        return row | {"not_asked": str(error)}
    return row | {
        "total_bytes": space.total_bytes,
        "free_bytes": space.free_bytes,
        "inodes": space.inodes,
        "inodes_free": space.inodes_free,
        "read_only": space.read_only or mount.read_only,
    }


PROBE = HostMounts()
