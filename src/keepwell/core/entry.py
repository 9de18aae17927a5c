"""Entry: what lies at a path, wholly: enough to put it back so that nobody can tell that it was ever different."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

EntryKind: TypeAlias = Literal["absent", "file", "folder", "link"]
#: Extended attributes by name, in order.
Attributes: TypeAlias = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file, a folder, a symbolic link, or nothing.

    As something found it is whole, but for the `content` of a file that is larger than was asked for (None). As
    something wished, what is None or -1 is left as it is, or as usual for something new: `content` of a file, `target`
    of a link as it is written, permission bits, owner, time of the last change in nanoseconds since the epoch (now, for
    what is written), `attributes`. `folder_ns` is that time of the folder that it lies in: putting something into a
    folder changes it, and -1 leaves it changed.
    """

    kind: EntryKind
    content: bytes | None = None
    target: str = ""
    mode: int = -1
    uid: int = -1
    gid: int = -1
    modified_ns: int = -1
    attributes: Attributes | None = None
    folder_ns: int = -1


ABSENT = Entry(kind="absent")


def is_as_wished(found: Entry, wished: Entry) -> bool:
    """Whether what was found is what was wished, as far as that says anything; the folder's time does not count."""
    if found.kind != wished.kind:
        return False
    if wished.kind == "link" and found.target != wished.target:
        return False
    if wished.content is not None and found.content != wished.content:
        return False
    pairs = [(found.uid, wished.uid), (found.gid, wished.gid), (found.modified_ns, wished.modified_ns)]
    if wished.kind != "link":  # a link has no permissions of its own
        pairs.append((found.mode, wished.mode))
    if any(there != want for there, want in pairs if want >= 0):
        return False
    return wished.attributes is None or found.attributes == wished.attributes


def is_torn(found: Entry, before: Entry, after: Entry) -> bool:
    """Whether a file is partly as it was and partly as wished: a write in its place was cut off.

    Only a file with several names is written so; it begins like the new bytes and goes on like the old ones.
    """
    if found.kind != "file" or found.content is None or before.content is None or after.content is None:
        return False
    here, old, new = found.content, before.content, after.content
    same = next((place for place, (one, other) in enumerate(zip(here, new, strict=False)) if one != other), None)
    if same is None:
        same = min(len(here), len(new))
    return any(here[place:] == old[place:] for place in (same, len(new)) if here[:place] == new[:place])


def without_time(entry: Entry) -> Entry:
    """The same, whenever it was changed."""
    return replace(entry, modified_ns=-1, folder_ns=-1)
