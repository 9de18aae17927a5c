"""What steps share that put files where they are wished: links followed, missing folders made, all undone exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from keepwell.core.entry import Entry
from keepwell.core.observation import Missing, unknown
from keepwell.core.ref import Ref
from keepwell.core.step import Change, Put, reverse
from keepwell.plugins import whole_file
from keepwell.plugins.wish import Looked

#: Links that are followed from one path: as often as the machine looks again.
LINKS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a path leads, and what lies there."""

    path: str
    entry: Entry


def find_paths(looked: Looked, path: str) -> tuple[str, ...]:
    """The paths to look at: this one with its folders, and where it leads if it is a link."""
    return whole_file.needed_paths(path, _target(looked, path))


def find_place(looked: Looked, path: str) -> Place | Missing:
    """What lies at a path, a link followed; Missing where it cannot be told."""
    for _ in range(LINKS + 1):
        entry = looked.entries.get(path, unknown(f"{path} was not looked at"))
        if isinstance(entry, Missing):
            return entry
        if entry.kind != "link":
            return Place(path=path, entry=entry)
        path = _joined(path, entry.target)
    return unknown(f"{path} is a link to a link to a link: name the file itself")


def find_content(place: Place) -> bytes | Missing:
    """The bytes of a file, b"" for none yet; Missing for anything else, and for one too large to be looked at."""
    if place.entry.kind == "absent":
        return b""
    if place.entry.kind != "file":
        return unknown(f"{place.path} is a {place.entry.kind}, not a file")
    if place.entry.content is None:
        return unknown(f"{place.path} is too large to be kept in a plan")
    return place.entry.content


def make_folders(looked: Looked, path: str) -> tuple[Change, ...] | Missing:
    """The folders above a path that are not there yet, from the top."""
    return whole_file.make_folders(whole_file.needed_paths(path)[:-1], looked)


def put_change(
    node: str, place: Place, after: Entry, what: str, words: tuple[str, str], *, interrupts: str = ""
) -> Change:
    """Let this lie at a place; `words` are before and after for people."""
    put = Put(path=place.path, before=place.entry, after=after)
    return Change(
        subject=Ref("path", (node, place.path)),
        what=what,
        before=words[0],
        after=words[1],
        do=put,
        undo=reverse(put),
        interrupts=interrupts,
    )


def only_content(content: bytes) -> Entry:
    """A file with these bytes; all else of it stays."""
    return Entry(kind="file", content=content)


def with_mode(entry: Entry, mode: int) -> Entry:
    """The same with these permission bits."""
    return replace(entry, mode=mode)


def _target(looked: Looked, path: str) -> str:
    for _ in range(LINKS):
        entry = looked.entries.get(path)
        if not isinstance(entry, Entry) or entry.kind != "link":
            break
        path = _joined(path, entry.target)
    return path


def _joined(path: str, target: str) -> str:
    """Where a link leads, `.` and `..` taken out."""
    parts: list[str] = []
    for part in (PurePosixPath(path).parent / target).parts[1:]:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/" + "/".join(parts)
