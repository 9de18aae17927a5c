"""What GNU `find -printf` says of everything below a folder, in one command: kinds, modes, owners, names of each."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: One record: kind, permission bits, owner, group, number of names, bytes, inode, path; a NUL after it.
_PRINTED = "%y %m %U %G %n %s %i %p\\0"
_RECORD = re.compile(
    rb"(?P<kind>[fdlpscbDU?]) (?P<mode>[0-7]{1,5}) (?P<uid>\d+) (?P<gid>\d+) (?P<names>\d+) (?P<size>\d+) "
    rb"(?P<inode>\d+) (?P<path>/.*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A path as `find` saw it: `kind` is f, d, l, ... as it writes them; `names` counts its hard links.

    Bytes of a path that are no UTF-8 are kept as lone surrogates.
    """

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    names: int = 1
    size_bytes: int = 0
    inode: int = 0


def find_below(path: str) -> tuple[str, ...]:
    """The command: links not followed, other file systems not entered. It ends with 1 where it may not look inside."""
    return ("find", path, "-xdev", "-printf", _PRINTED)


def parse_found(content: bytes, most: int) -> tuple[FoundFile, ...]:
    """The first `most` of what it printed; a record of another shape is left out."""
    records = content.split(b"\0", most)[:most]
    matches = (_RECORD.fullmatch(one) for one in records)
    return tuple(_file(one) for one in matches if one is not None)


def _file(match: re.Match[bytes]) -> FoundFile:
    numbers = {name: int(match[name]) for name in ("uid", "gid", "names", "inode")}
    return FoundFile(
        path=match["path"].decode("utf-8", "surrogateescape"),
        kind=match["kind"].decode("ascii"),
        mode=int(match["mode"], 8),
        size_bytes=int(match["size"]),
        **numbers,
    )
