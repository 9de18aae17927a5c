"""The control group that an engine's process runs in: its container's or unit's limits, quota and throttling."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, failed
from keepwell.formats.procfs import parse_cgroups
from keepwell.plugins.cgroups import read_cgroup
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect


class EngineCgroup:
    """Gives engine.cgroup about an engine that runs."""

    level = 2
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "none"
    cost_seconds = 0.02
    gives: tuple[str, ...] = ("engine.cgroup",)
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation, of version 1 or 2."""
        assert place.site is not None
        process = place.site.process
        if isinstance(process, Missing):
            return [place.saw("engine.cgroup", process, "discovery")]
        source = f"/proc/{process.pid}/cgroup"
        try:
            groups = parse_cgroups((await place.transport.read(source)).decode("utf-8", "replace"))
        except AccessError as error:
            return [place.saw("engine.cgroup", failed(error), source)]
        return [place.saw("engine.cgroup", await read_cgroup(groups, place.transport), f"{source}, /sys/fs/cgroup")]


PROBE = EngineCgroup()
