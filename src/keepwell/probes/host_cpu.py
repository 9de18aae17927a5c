"""The processor: model, number of logical cores, and the instructions that it offers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Observation, failed
from keepwell.formats.number import find_whole
from keepwell.formats.system import parse_cpuinfo
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect

CPUINFO = "/proc/cpuinfo"
SYSCTL = ("sysctl", "-n", "hw.logicalcpu", "machdep.cpu.brand_string")


class HostCpu:
    """Gives host.cpu; on macOS without flags."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.01
    gives: tuple[str, ...] = ("host.cpu",)
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation."""
        try:
            model, cores, flags = parse_cpuinfo((await place.transport.read(CPUINFO)).decode("utf-8", "replace"))
            return [place.saw("host.cpu", {"model": model, "cores": cores, "flags": flags}, CPUINFO)]
        except NotThere:
            pass  # no Linux: macOS is asked
        except AccessError as error:
            return [place.saw("host.cpu", failed(error), CPUINFO)]
        try:
            lines = (await place.transport.run(SYSCTL)).text.splitlines()
        except AccessError as error:
            return [place.saw("host.cpu", failed(error), " ".join(SYSCTL))]
        count = find_whole("".join(lines[:1]))
        if len(lines) < 2 or count is None:
            return [place.saw("host.cpu", failed("sysctl did not tell the processor"), " ".join(SYSCTL))]
        return [place.saw("host.cpu", {"model": lines[1], "cores": count, "flags": ()}, " ".join(SYSCTL))]


PROBE = HostCpu()
