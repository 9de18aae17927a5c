"""What ZFS tells of its pools: the kernel's own file, `zpool list -Hp` and `zpool status -p`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from keepwell.formats.number import find_whole

#: Columns that `zpool list` is asked for, in this order.
COLUMNS = ("name", "size", "free", "fragmentation")
_POOL = re.compile(r"^\s*pool:\s+(\S+)\s*$")
#: A row of the table of parts: name, state, and errors of reading, writing and checksums, spelled whole with -p.
_PART = re.compile(r"^\t\s*(\S+)\s+([A-Z]+)\s+(\d{1,20})\s+(\d{1,20})\s+(\d{1,20})\b")
_DAMAGED = re.compile(r"^errors: (\d{1,18}) data errors")
_NAMED = re.compile(r"^errors: Permanent errors")
_SOUND = re.compile(r"^errors: No known data errors")


def parse_list(text: str) -> dict[str, dict[str, float]]:
    """`zpool list -Hp -o name,size,free,fragmentation`: by pool total_bytes, free_bytes, used_ratio,
    fragmented_ratio; what a pool does not tell ("-") is left out.
    """
    found: dict[str, dict[str, float]] = {}
    for line in text.splitlines():
        cells = line.split("\t")
        if len(cells) == len(COLUMNS) and cells[0]:
            found[cells[0]] = dict(_numbers(cells))
    return found


def parse_status(text: str) -> dict[str, dict[str, float]]:
    """`zpool status -p`: by pool the errors of all its parts, read, write and checksum, and data_errors.

    Errors of a part are counted where they arose: a group's line repeats those of its members, so the largest row
    counts, not the sum.
    """
    found: dict[str, dict[str, float]] = {}
    at: dict[str, float] = {}
    for line in text.splitlines():
        pool, part, damaged = _POOL.match(line), _PART.match(line), _DAMAGED.match(line)
        if pool is not None:
            at = found.setdefault(pool[1], {"read": 0.0, "write": 0.0, "checksum": 0.0})
        elif part is not None:
            for name, cell in zip(("read", "write", "checksum"), part.groups()[2:], strict=True):
                at[name] = max(at.get(name, 0.0), float(cell))
        elif damaged is not None:
            at["data_errors"] = float(damaged[1])
        elif _SOUND.match(line):
            at["data_errors"] = 0.0
        elif _NAMED.match(line):
            at.setdefault("data_errors", 1.0)
    return found


def _numbers(cells: list[str]) -> Iterator[tuple[str, float]]:
    size, free, scattered = (find_whole(cell.removesuffix("%")) for cell in cells[1:4])
    if size is not None and free is not None and size:
        yield "total_bytes", float(size)
        yield "free_bytes", float(free)
        yield "used_ratio", (size - free) / size
    if scattered is not None:
        yield "fragmented_ratio", scattered / 100
