"""/var/log/apt/history.log: which command changed packages, who asked for it, and how many there were."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from keepwell.core.event import Sure
from keepwell.formats.local_time import LocalTime

_PACKAGES = re.compile(r"([a-z0-9][a-z0-9.+-]{1,200})(?::[a-z0-9]{1,20})? \(([^()]{1,400})\)")
#: Fields that list packages, and what was done to them.
_ACTIONS = {
    "Install": "installed",
    "Reinstall": "installed",
    "Upgrade": "upgraded",
    "Downgrade": "upgraded",
    "Remove": "removed",
    "Purge": "removed",
}
#: Fields kept of one block; apt writes eleven.
_FIELDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AptRun:
    """One run of apt. `counts` is how many packages were installed, upgraded, removed; `asked` are those that
    were named (not drawn in by others). `user` is who asked, as apt saw it, or "".
    """

    at: float
    sure: Sure
    until: float
    command: str
    user: str
    counts: Mapping[str, int]
    asked: tuple[str, ...]


def parse_apt_history(text: str, local: LocalTime) -> tuple[AptRun, ...]:
    """The runs in the order of the file; a block without a readable start is left out."""
    runs = (_run(block, local) for block in _blocks(text.splitlines()))
    return tuple(one for one in runs if one is not None)


def _blocks(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    block: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        if name == "Start-Date" and block:
            yield block
            block = {}
        if colon and len(block) < _FIELDS:
            block[name] = value.strip()
    if block:
        yield block


def _run(block: Mapping[str, str], local: LocalTime) -> AptRun | None:
    try:
        at, sure = local.instant(_moment(block.get("Start-Date", "")))
        until = at
        if "End-Date" in block:
            until = max(at, local.instant(_moment(block["End-Date"]))[0])
    except ValueError:
        return None
    counts: dict[str, int] = {}
    asked: list[str] = []
    for field, action in _ACTIONS.items():
        for name, versions in _PACKAGES.findall(block.get(field, "")):
            counts[action] = counts.get(action, 0) + 1
            if "automatic" not in versions:
                asked.append(name)
    return AptRun(
        at=at,
        sure=sure,
        until=until,
        command=block.get("Commandline", ""),
        user=block.get("Requested-By", "").partition(" ")[0],
        counts=counts,
        asked=tuple(asked),
    )


def _moment(text: str) -> datetime:
    """`2026-05-20  16:49:12`, with two blanks; ValueError for anything else."""
    return datetime.fromisoformat(" ".join(text.split())).replace(tzinfo=None)
