"""The binary log of boots and logins, /var/log/wtmp: when the machine was started, shut down, and its clock set.

A record has 384 bytes where glibc keeps 32-bit times in it (x86, ppc64, s390) and 400 where it does not (64-bit
Arm, RISC-V, LoongArch). Nothing in the file says which; the records themselves do.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

BootMark: TypeAlias = Literal["boot", "shutdown", "clock-before", "clock-after"]

#: type, pid, line, id, user, host, exit status, then session and time in 32 or 64 bits.
_SMALL = struct.Struct("<hxxi32s4s32s256shhiii")
_LARGE = struct.Struct("<hxxi32s4s32s256shhqqq")
SIZES: dict[int, struct.Struct] = {384: _SMALL, 400: _LARGE}
#: utmp.h: RUN_LVL, BOOT_TIME, NEW_TIME, OLD_TIME; the highest type is ACCOUNTING.
_RUN_LEVEL, _BOOT, _NEW, _OLD, _HIGHEST = 1, 2, 3, 4, 9
#: Seconds since the epoch that a record may hold: 1990 to 2100.
_EARLIEST, _LATEST = 631_152_000, 4_102_444_800


@dataclass(frozen=True, slots=True, kw_only=True)
class WtmpRecord:
    """A start, an end, or one side of a change of the clock. `kernel` is the release that was started, or ""."""

    at: float
    mark: BootMark
    kernel: str = ""


def parse_wtmp(content: bytes) -> tuple[WtmpRecord, ...]:
    """The marks in the file, in its order; logins are left out. Bytes of a record cut at the end are passed over.

    Raises ValueError when the records have neither size.
    """
    if not content:
        return ()
    size = max(SIZES, key=_fit(content))
    layout = SIZES[size]
    rows = [layout.unpack_from(content, start) for start in range(0, len(content) - size + 1, size)]
    if not rows or not any(map(_is_record, rows)):
        raise ValueError("not a wtmp file: its records have neither 384 nor 400 bytes")
    found = (_mark(row) for row in rows if _is_record(row))
    return tuple(one for one in found if one is not None)


def _fit(content: bytes) -> Callable[[int], float]:
    """How well each size explains the bytes: the share of records that can be ones, whole files first."""

    def score(size: int) -> float:
        layout = SIZES[size]
        starts = range(0, min(len(content) - size + 1, 100 * size), size)
        if not starts:
            return 0.0
        good = sum(_is_record(layout.unpack_from(content, start)) for start in starts)
        return good / len(starts) + 0.5 * (len(content) % size == 0)

    return score


def _is_record(row: tuple[object, ...]) -> bool:
    kind, seconds = row[0], row[-2]
    assert isinstance(kind, int)
    assert isinstance(seconds, int)
    return 0 < kind <= _HIGHEST and _EARLIEST <= seconds <= _LATEST


def _mark(row: tuple[object, ...]) -> WtmpRecord | None:
    kind, user, host, seconds, micros = row[0], _text(row[4]), _text(row[5]), row[-2], row[-1]
    assert isinstance(seconds, int)
    assert isinstance(micros, int)
    at = seconds + min(max(micros, 0), 999_999) / 1e6
    if kind == _BOOT:
        return WtmpRecord(at=at, mark="boot", kernel=host)
    if kind == _RUN_LEVEL and user == "shutdown":
        return WtmpRecord(at=at, mark="shutdown", kernel=host)
    if kind == _OLD:
        return WtmpRecord(at=at, mark="clock-before")
    if kind == _NEW:
        return WtmpRecord(at=at, mark="clock-after")
    return None


def _text(field: object) -> str:
    assert isinstance(field, bytes)
    return field.partition(b"\0")[0].decode("utf-8", "replace")
