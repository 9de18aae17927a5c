"""Storage pools (ZFS): state and room, by `zpool list`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Observation, Value, absent, failed
from keepwell.formats.number import find_whole
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect

#: -H: tabs, no header; -p: exact numbers.
ZPOOL = ("zpool", "list", "-Hp", "-o", "name,size,free,health")
#: A pool whose disks are gone makes the command wait.
SECONDS = 3.0


class HostPools:
    """Gives host.pools; absent without ZFS or without a pool."""

    level = 2
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.02
    gives: tuple[str, ...] = ("host.pools",)
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation."""
        source = " ".join(ZPOOL)
        try:
            ran = await place.transport.run(ZPOOL, timeout_seconds=SECONDS)
        except NotThere:
            return [place.saw("host.pools", absent("ZFS is not installed"), source)]
        except AccessError as error:
            return [place.saw("host.pools", failed(error), source)]
        if ran.code:
            said = ran.stderr.decode("utf-8", "replace").strip()
            return [place.saw("host.pools", failed(f"zpool says: {said}"), source)]
        return [place.saw("host.pools", parse_pools(ran.text) or absent("ZFS has no pool here"), source)]


def parse_pools(text: str) -> tuple[Value, ...]:
    """`zpool list -Hp -o name,size,free,health`; lines of another shape are left out ("-": a pool that is away)."""
    rows: list[Value] = []
    for line in text.splitlines():
        cells = line.split("\t")
        if len(cells) != 4:
            continue
        row: dict[str, Value] = {"name": cells[0], "state": cells[3].strip()}
        for name, cell in zip(("total_bytes", "free_bytes"), cells[1:3], strict=True):
            number = find_whole(cell)
            if number is not None:
                row[name] = number
        rows.append(row)
    return tuple(rows)


PROBE = HostPools()
