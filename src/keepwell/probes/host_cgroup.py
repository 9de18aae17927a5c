"""The control group that keepwell itself runs in: inside a container, the container's limits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, failed
from keepwell.formats.procfs import parse_cgroups
from keepwell.plugins.cgroups import read_cgroup
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect

GROUPS = "/proc/self/cgroup"


class HostCgroup:
    """Gives host.cgroup; absent on a system without control groups."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.02
    gives: tuple[str, ...] = ("host.cgroup",)
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation, of version 1 or 2."""
        try:
            groups = parse_cgroups((await place.transport.read(GROUPS)).decode("utf-8", "replace"))
        except AccessError as error:
            return [place.saw("host.cgroup", failed(error), GROUPS)]
        return [place.saw("host.cgroup", await read_cgroup(groups, place.transport), f"{GROUPS}, /sys/fs/cgroup")]


PROBE = HostCgroup()
