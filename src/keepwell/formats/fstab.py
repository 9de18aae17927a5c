"""/etc/fstab: its entries, and one of them set while every other byte stays (fstab(5))."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from keepwell.formats.mounts import unescape_path

#: Characters that fields hold as three octal digits: blanks end a field, and # begins a comment at its start.
_ESCAPED = re.compile(r"[ \t\n\r\\#]")
#: What is between two fields; other white space is part of a name.
_BLANKS = re.compile(r"[ \t]+")
_FIELDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class FstabEntry:
    """What is mounted where: `what` is a device, UUID=..., a share or a folder; `dump` and `check` are the last two
    numbers.
    """

    what: str
    where: str
    kind: str
    options: tuple[str, ...] = ("defaults",)
    dump: int = 0
    check: int = 0


def parse_fstab(content: bytes) -> tuple[FstabEntry, ...]:
    """The entries in order; comments and lines that are none are left out."""
    entries = (_parse_line(line) for line in _text(content).split("\n"))
    return tuple(one for one in entries if one is not None)


def set_entry(content: bytes, entry: FstabEntry) -> bytes:
    """The file with this entry in the place of the one for the same `where`, at the end where there is none.

    Every other byte stays. ValueError where several entries are for one place.
    """
    lines = _text(content).split("\n")
    there = [at for at, line in enumerate(lines) if (one := _parse_line(line)) and same_place(one.where, entry.where)]
    if len(there) > 1:
        raise ValueError(f"{len(there)} lines are for {entry.where}: leave one of them")
    if not there:
        end = "\n" * (bool(content) and not content.endswith(b"\n"))
        return content + f"{end}{render_entry(entry)}\n".encode("utf-8", "surrogateescape")
    ending = "\r" * lines[there[0]].endswith("\r")
    lines[there[0]] = render_entry(entry) + ending
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def render_entry(entry: FstabEntry) -> str:
    """One line, fields apart by one blank."""
    options = ",".join(entry.options) or "defaults"
    fields: Iterable[str] = (entry.what, entry.where, entry.kind, options)
    return " ".join([*map(_escape, fields), str(entry.dump), str(entry.check)])


def same_place(one: str, other: str) -> bool:
    """Whether two paths are one, however many slashes they have."""
    return _plain(one) == _plain(other)


def _plain(path: str) -> str:
    return "/" + "/".join(part for part in path.split("/") if part)


def _parse_line(line: str) -> FstabEntry | None:
    fields = _BLANKS.split(line.strip(" \t\r"))
    if not 4 <= len(fields) <= _FIELDS or fields[0].startswith("#"):
        return None
    numbers = [*fields[4:], "0", "0"]
    if not all(re.fullmatch(r"[0-9]{1,3}", one) for one in numbers):
        return None
    what, where, kind, options = map(unescape_path, fields[:4])
    return FstabEntry(
        what=what,
        where=where,
        kind=kind,
        options=tuple(one for one in options.split(",") if one) or ("defaults",),
        dump=int(numbers[0]),
        check=int(numbers[1]),
    )


def _escape(text: str) -> str:
    return _ESCAPED.sub(_octal, text)


def _octal(found: re.Match[str]) -> str:
    return f"\\{ord(found[0]):03o}"


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")
