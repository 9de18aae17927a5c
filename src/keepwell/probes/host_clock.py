"""The node's time of day against the one here, and whether something keeps it right."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, Value, failed
from keepwell.formats.systemd import parse_show
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect

DATE = ("date", "+%s")
TIMEDATECTL = ("timedatectl", "show", "-p", "NTP", "-p", "NTPSynchronized")
CHRONYC = ("chronyc", "-c", "tracking")
#: The leap status that chronyd gives while it is not synchronised, and where it stands in `chronyc -c tracking`.
NOT_SYNCHRONISED, LEAP_FIELD = "Not synchronised", 13


class HostClock:
    """Gives host.clock. `date` tells whole seconds, so that less than two apart is the same time."""

    level = 1
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.05
    gives: tuple[str, ...] = ("host.clock",)
    needs: tuple[str, ...] = ()
    purpose = "ready"

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; failed where not even `date` answers."""
        before = place.clock.now()
        try:
            ran = await place.transport.run(DATE)
            told = int(ran.text)
        except (AccessError, ValueError) as error:
            return [place.saw("host.clock", failed(str(error)), shlex.join(DATE))]
        middle = (before + place.clock.now()) / 2
        found: dict[str, Value] = {"ahead_seconds": round(told + 0.5 - middle, 1)}
        for argv, read in ((TIMEDATECTL, parse_timedatectl), (CHRONYC, parse_chronyc)):
            try:
                ran = await place.transport.run(argv)
            except AccessError:
                continue
            kept = read(ran.text)
            if kept is not None:
                found |= {"synchronised": kept, "by": argv[0]}
                break
        return [place.saw("host.clock", found, f"{shlex.join(DATE)}, {shlex.join(TIMEDATECTL)}")]


def parse_timedatectl(text: str) -> bool | None:
    """Whether the clock is kept right, from `timedatectl show`; None where that is not told."""
    told = next(iter(parse_show(text)), {}).get("NTPSynchronized", "")
    return {"yes": True, "no": False}.get(told)


def parse_chronyc(text: str) -> bool | None:
    """Whether the clock is kept right, from `chronyc -c tracking`; None where that is not told."""
    fields = text.strip().split(",")
    if len(fields) <= LEAP_FIELD:
        return None
    return fields[LEAP_FIELD] != NOT_SYNCHRONISED


PROBE = HostClock()
