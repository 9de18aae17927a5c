"""Is there room, may it be written to, and may programs run from it, where engines need that?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of

#: Bad below this share free, however large the file system, unless so much is free that no model fails for it.
FREE_RATIO = 0.02
FREE_PLENTY_BYTES = 10 * 1024**3
#: On a file system that is large enough for models, less than this is bad at any share: no model fits.
FREE_LEAST_BYTES = 1024**3
LARGE_BYTES = 50 * 1024**3
#: Below this even a log line or a temporary file may not fit.
FREE_CRITICAL_BYTES = 64 * 1024**2
INODES_RATIO = 0.01
#: Folders that every engine needs beside its store, and those of containers, looked at where they are mounts.
FOLDERS: tuple[tuple[str, str], ...] = (
    ("root", "/"),
    ("temporary", "/tmp"),
    ("containers", "/var/lib/docker"),
    ("containers", "/var/lib/containers"),
)
#: Kinds whose root is read-only by design (images, sealed systems); a kernel that meets errors remounts these others.
SEALED_KINDS = frozenset({"apfs", "overlay", "squashfs", "erofs", "composefs", "zfs", "tmpfs"})
POOL_RATIO = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A folder that something needs, and the file system that holds it. `engine` is "" for one of all."""

    use: str
    path: str
    row: Mapping[str, Value]
    engine: str
    seen_by: Observation

    @property
    def mount(self) -> str:
        """Where the file system is mounted."""
        return text_of(self.row, "path")


def judge_space(seen: Seen) -> Iterator[Finding]:
    """Bad when a file system that engines need has too little room; OK is said of stores alone."""
    for spots in _by_mount(seen):
        row = spots[0].row
        total, free = find_number(row.get("total_bytes")), find_number(row.get("free_bytes"))
        if not total or free is None:
            continue
        status = Status.OK
        if (free < total * FREE_RATIO and free < FREE_PLENTY_BYTES) or (
            total >= LARGE_BYTES and free < FREE_LEAST_BYTES
        ):
            status = Status.WARNING
            if free < FREE_CRITICAL_BYTES:
                status = Status.CRITICAL
        words = f"{spots[0].mount} has {free / 1e9:.2f} of {total / 1e9:.2f} GB free"
        more = {"free_bytes": f"{free:.0f}", "total_bytes": f"{total:.0f}"}
        yield from _told("disk.space", status, words, spots, more)


def judge_inodes(seen: Seen) -> Iterator[Finding]:
    """Bad when a file system has hardly an inode left; those that count none (btrfs, ZFS) are not judged."""
    for spots in _by_mount(seen):
        row = spots[0].row
        total, free = find_number(row.get("inodes")), find_number(row.get("inodes_free"))
        if not total or free is None:
            continue
        status = Status.OK
        if free < total * INODES_RATIO:
            status = Status.WARNING
        if free == 0:
            status = Status.CRITICAL
        words = f"{spots[0].mount} has {free:.0f} of {total:.0f} inodes free"
        more = {"inodes_free": f"{free:.0f}", "inodes": f"{total:.0f}"}
        yield from _told("disk.inodes", status, words, spots, more)


def judge_writable(seen: Seen) -> Iterator[Finding]:
    """Bad when a store, the temporary folder or the root is mounted read-only (a sealed system's root is not)."""
    for spots in _by_mount(seen):
        sealed = spots[0].mount == "/" and text_of(spots[0].row, "kind") in SEALED_KINDS
        needed = any(one.use == "store" for one in spots) or not sealed
        status, words = Status.OK, f"{spots[0].mount} can be written to"
        kind: dict[str, str] = {}
        if spots[0].row.get("read_only") is True and needed:
            status, words = Status.CRITICAL, f"{spots[0].mount} is mounted read-only"
            kind = {"kind": "read-only"}
        yield from _told("disk.writable", status, words, spots, {"options": _options(spots[0]), **kind})


def judge_executable(seen: Seen) -> Iterator[Finding]:
    """Bad when nothing may run from the temporary folder: engines unpack and compile libraries there."""
    for spots in _by_mount(seen):
        if not any(one.use == "temporary" for one in spots):
            continue
        status, words = Status.OK, "programs may run from /tmp"
        if "noexec" in texts_of(spots[0].row.get("options")):
            status, words = (
                Status.WARNING,
                "/tmp is mounted noexec: libraries that engines build there cannot be loaded",
            )
        yield _finding("disk.executable", status, words, spots, {"options": _options(spots[0]), "path": "/tmp"})


def judge_pools(seen: Seen) -> Iterator[Finding]:
    """Bad when a storage pool is not online, or nearly full (ZFS slows down long before)."""
    for one in seen.named("host.pools"):
        for row in rows_of(one.value):
            name, state = text_of(row, "name"), text_of(row, "state")
            total, free = find_number(row.get("total_bytes")), find_number(row.get("free_bytes"))
            status, words = Status.OK, f"pool {name} is {state}"
            if total and free is not None and free < total * POOL_RATIO:
                status, words = Status.WARNING, f"pool {name} is nearly full: {free / 1e9:.1f} GB free"
            if state == "DEGRADED":
                status, words = Status.WARNING, f"pool {name} is DEGRADED: a disk is away, one more loses data"
            elif state != "ONLINE":
                status, words = Status.CRITICAL, f"pool {name} is {state}"
            facts = {"pool": name, "state": state, "free_bytes": text_of(row, "free_bytes")}
            yield Finding(
                check="disk.pools",
                subject=Ref("mount", (one.subject.node, name)),
                status=status,
                message=words,
                facts=facts,
                evidence=(one,),
            )


def _by_mount(seen: Seen) -> Iterator[list[Spot]]:
    """The spots of each file system that has any, stores first."""
    for one in seen.named("host.mounts"):
        found: dict[str, list[Spot]] = {}
        for spot in _spots(one, seen):
            found.setdefault(spot.mount, []).append(spot)
        yield from found.values()


def _spots(one: Observation, seen: Seen) -> Iterator[Spot]:
    rows = rows_of(one.value)
    for engine in seen.subjects("engine"):
        path = text_of(row_of(seen.value(engine, "engine.store")), "path")
        row = _holding(path, rows)
        if engine.node == one.subject.node and path and row:
            yield Spot(use="store", path=path, row=row, engine=str(engine), seen_by=one)
    for use, path in FOLDERS:
        row = _holding(path, rows)
        if row and (use != "containers" or text_of(row, "path") == path):
            yield Spot(use=use, path=path, row=row, engine="", seen_by=one)


def _holding(path: str, rows: tuple[Mapping[str, Value], ...]) -> Mapping[str, Value]:
    above = [row for row in rows if f"{path}/".startswith(f"{text_of(row, 'path').rstrip('/')}/")]
    return max(above, key=_path_length, default={})


def _path_length(row: Mapping[str, Value]) -> int:
    return len(text_of(row, "path"))


def _told(check: str, status: Status, words: str, spots: list[Spot], more: Mapping[str, str]) -> Iterator[Finding]:
    """The finding, if it is bad or about a store: that all else is well would say nothing about engines."""
    if status is not Status.OK or spots[0].use == "store":
        yield _finding(check, status, words, spots, more)


def _finding(check: str, status: Status, words: str, spots: list[Spot], more: Mapping[str, str]) -> Finding:
    facts = {
        "path": spots[0].path,
        "mount": spots[0].mount,
        "device": text_of(spots[0].row, "device"),
        "filesystem": text_of(spots[0].row, "kind"),
        "kind": spots[0].use,
        "engine_ref": spots[0].engine,
    }
    return Finding(
        check=check,
        subject=Ref("mount", (spots[0].seen_by.subject.node, spots[0].mount)),
        status=status,
        message=words,
        facts={key: value for key, value in (facts | dict(more)).items() if value},
        evidence=(spots[0].seen_by,),
    )


def _options(spot: Spot) -> str:
    return ",".join(texts_of(spot.row.get("options")))


NEEDS = ("host.mounts", "engine.store")
CHECKS: tuple[Check, ...] = (
    Check(id="disk.space", title="There is room where engines need it", needs=NEEDS, judge=judge_space, level=2),
    Check(id="disk.inodes", title="There are inodes where engines need them", needs=NEEDS, judge=judge_inodes, level=2),
    Check(
        id="disk.writable",
        title="Nothing that engines write to is read-only",
        needs=NEEDS,
        judge=judge_writable,
        level=2,
    ),
    Check(id="disk.executable", title="Programs may run from /tmp", needs=NEEDS, judge=judge_executable, level=2),
    Check(id="disk.pools", title="Storage pools are online", needs=("host.pools",), judge=judge_pools, level=2),
)
