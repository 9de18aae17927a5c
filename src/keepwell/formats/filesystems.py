"""File systems as people show them: `df`, `df -h`, `mount`, /etc/fstab and /proc/mounts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from keepwell.formats.mounts import VIRTUAL_KINDS, unescape_path

_DF = re.compile(
    r"^(?P<device>\S{1,120})\s+(?:(?P<kind>[a-z][\w.]{1,20})\s+)?(?P<total>\d[\d.,]*[KMGTP]?i?B?)"
    r"\s+(?P<used>[\d.,]+[KMGTP]?i?B?)"
    r"\s+(?P<free>[\d.,]+[KMGTP]?i?B?)\s+(?P<share>\d{1,3})%\s+(?P<path>/.{0,300})$"
)
_HEAD = re.compile(r"^Filesystem\b|^Dateisystem\b|^Sys\. de fichiers\b|^S\.ficheros\b|^文件系统")
_MOUNT = re.compile(
    r"^(?P<device>\S{1,200}) on (?P<path>/.{0,300}?) type (?P<kind>[\w.]{1,24}) \((?P<options>[^()]{1,400})\)"
)
_FSTAB = re.compile(
    r"^(?P<device>\S{1,200})\s+(?P<path>/\S{0,300})\s+(?P<kind>[a-z][\w.]{1,24})"
    r"\s+(?P<options>[\w=,.:+/\"-]{2,400})\s+[01]\s+[012]\s*$"
)
_SIZE = re.compile(r"^([\d.,]{1,16})([KMGTP]?)(i?B?)$")
_FACTORS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4, "P": 1024**5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One file system as a line shows it; -1 where sizes are not told, () where options are not."""

    path: str
    device: str
    kind: str = ""
    options: tuple[str, ...] = ()
    total_bytes: int = -1
    free_bytes: int = -1

    @property
    def virtual(self) -> bool:
        """True if no program keeps files there."""
        return self.kind in VIRTUAL_KINDS


def is_df_head(line: str) -> bool:
    """True for the heading of a table of `df`."""
    return bool(_HEAD.match(line))


def block_factor(head: str) -> int:
    """Bytes of one unit in a table of `df` with this heading, where numbers have no unit of their own."""
    if "1M" in head or "MB" in head:
        return 1024**2
    return 1024


def parse_df_line(line: str, factor: int = 1024) -> Shown | None:
    """A line of `df`'s table, or None; `factor` are the bytes of a number without a unit."""
    found = _DF.match(line)
    if found is None:
        return None
    total, free = _size(found["total"], factor), _size(found["free"], factor)
    if total is None or free is None:
        return None
    return Shown(
        path=found["path"].strip(),
        device=found["device"],
        kind=found["kind"] or "",
        total_bytes=total,
        free_bytes=free,
    )


def parse_mount_line(line: str) -> Shown | None:
    """A line of `mount`, /etc/fstab or /proc/mounts, or None."""
    found = _MOUNT.match(line) or _FSTAB.match(line)
    if found is None:
        return None
    return Shown(
        path=unescape_path(found["path"]),
        device=found["device"],
        kind=found["kind"],
        options=tuple(found["options"].split(",")),
    )


def _size(word: str, factor: int) -> int | None:
    found = _SIZE.match(word)
    if found is None:
        return None
    digits = found[1].replace(",", ".")
    if digits.count(".") > 1 or not digits.strip("."):
        return None
    if not found[2] and not found[3]:
        return int(float(digits) * factor)
    return int(float(digits) * _FACTORS[found[2]])
