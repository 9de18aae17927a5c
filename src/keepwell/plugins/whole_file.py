"""What steps share that wish a whole file to lie somewhere: the changes that put it there, with folders above it.

Everything is exact both ways: what was there is kept in the change, times and all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from keepwell.core.entry import Entry, is_as_wished
from keepwell.core.observation import Missing, failed, unknown
from keepwell.core.ref import Ref
from keepwell.core.step import Change, Put, reverse
from keepwell.plugins.wish import Looked

#: Permission bits of a file of settings that holds no secret.
FILE_MODE = 0o644
#: What a change says of a path where nothing lies.
NOTHING = "(nothing)"


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeFile:
    """A file, or the `link` to a path, that is wished to lie at `path`.

    `told` says in a few words what stands in it, `was` what stands in the file that lies there, "" where nobody knows.

    A file that is there already keeps its owner and mode. `interrupts` is as in `Change`.
    """

    path: str
    content: bytes = b""
    link: str = ""
    told: str = ""
    was: str = ""
    interrupts: str = ""


def needed_paths(*paths: str) -> tuple[str, ...]:
    """The paths to look at for files that are wished there: they and the folders above them, but for the root."""
    above = (str(one) for path in paths for one in reversed(PurePosixPath(path).parents) if str(one) != "/")
    return tuple(dict.fromkeys([*above, *paths]))


def find_content(looked: Looked, path: str) -> bytes | Missing:
    """The bytes of a file that was looked at; Missing(absent) where there is none."""
    found = looked.entries.get(path, unknown(f"{path} was not looked at"))
    if isinstance(found, Missing):
        return found
    if found.kind == "absent":
        return Missing(kind="absent", reason=f"there is no {path}")
    if found.kind != "file" or found.content is None:
        return failed(f"{path} is a {found.kind}, or too large for a file of settings")
    return found.content


def put_file(file: WholeFile, looked: Looked) -> tuple[Change, ...] | Missing:
    """The changes that let it lie there, () where it does; Missing where nobody can tell, or something is in the way.

    `needed_paths` must have been looked at.
    """
    found = looked.entries.get(file.path, unknown(f"{file.path} was not looked at"))
    if isinstance(found, Missing):
        return found
    wished = Entry(kind="file", content=file.content)
    if file.link:
        wished = Entry(kind="link", target=file.link)
    if is_as_wished(found, wished):
        return ()
    if found.kind not in ("absent", wished.kind):
        return failed(f"{file.path} is a {found.kind}, not a {wished.kind}: look at it yourself")
    if found.kind == "absent" and not file.link:
        wished = Entry(kind="file", content=file.content, mode=FILE_MODE)
    folders = make_folders(needed_paths(file.path)[:-1], looked)
    if isinstance(folders, Missing):
        return folders
    return (*folders, _change(looked.node, found, wished, file))


def make_folders(folders: Iterable[str], looked: Looked) -> tuple[Change, ...] | Missing:
    """The changes that make those that are not there yet, in this order."""
    made: list[Change] = []
    for folder in folders:
        found = looked.entries.get(folder, unknown(f"{folder} was not looked at"))
        if isinstance(found, Missing):
            return found
        if found.kind == "absent":
            # of no certain mode: what a plan mounts there later has its own
            made.append(_change(looked.node, found, Entry(kind="folder"), WholeFile(path=folder, told="a folder")))
    return tuple(made)


def _change(node: str, found: Entry, wished: Entry, file: WholeFile) -> Change:
    put = Put(path=file.path, before=found, after=wished)
    return Change(
        subject=Ref("path", (node, file.path)),
        what=file.path,
        before=_say(found, file.was),
        after=file.told or _say(wished),
        do=put,
        undo=reverse(put),
        interrupts=file.interrupts,
    )


def _say(entry: Entry, told: str = "") -> str:
    if entry.kind == "absent":
        return NOTHING
    if entry.kind == "link":
        return f"a link to {entry.target}"
    return told or f"a {entry.kind} of other content"
