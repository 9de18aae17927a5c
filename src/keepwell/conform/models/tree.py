"""What lies below a folder, and what is still to do until the same lies below another. `walk` looks, the rest is pure.

A link that stays within the store is kept as a link; one that leads out of it is followed, so that the copy holds all
that the store needs, also where its blobs lay on another disk.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from keepwell.core.errors import AccessError, NotThere, RefusedError, TooLarge
from keepwell.transport.base import Stat, Transport

#: Things below one store that are looked at, and folders within folders: a hub's cache has some ten thousand.
MOST_THINGS, DEEPEST = 200_000, 32
#: Links that are followed to find where a folder really lies, as Linux does.
LINKS = 40
#: How the name of a copy begins and ends that is not whole yet; see `keepwell.transport.far.bulk`.
PART_START, PART_END = ".", ".keepwell-part"

ThingKind: TypeAlias = Literal["folder", "file", "link"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A folder, a file or a link at `path` below a root. `target` is where a link points, from its own folder.

    `taken_bytes` is what it takes on the disk. `twin` is the path of another name of the same file, "" for none.
    """

    path: str
    kind: ThingKind
    size_bytes: int = 0
    taken_bytes: int = 0
    modified_at: float = 0.0
    mode: int = 0
    uid: int = 0
    gid: int = 0
    target: str = ""
    twin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """All things by their paths, the root itself at "". `passed_over` are pipes, sockets and devices."""

    root: str
    things: Mapping[str, Thing]
    passed_over: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Thing, ...]:
        """The files, the largest first: what many small things say (manifests) comes after what they name."""
        return tuple(sorted((one for one in self.things.values() if one.kind == "file"), key=_largest_first))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """What the copy lacks: `folders` from the outermost, `links`, and `files`; `gone` is what only the copy has, the
    innermost first.
    """

    folders: tuple[Thing, ...]
    links: tuple[Thing, ...]
    files: tuple[Thing, ...]
    gone: tuple[Thing, ...]

    @property
    def nothing(self) -> bool:
        """Whether both are the same."""
        return not (self.folders or self.links or self.files or self.gone)


async def walk(root: str, transport: Transport) -> Tree:
    """Everything below a folder. Raises AccessError for what cannot be looked at: it would be lost."""
    eyes = _Walk(root, await find_real(root, transport), transport)
    await eyes.run()
    return Tree(root=root, things=_with_twins(eyes), passed_over=tuple(eyes.passed_over))


async def find_real(path: str, transport: Transport) -> str:
    """Where a path leads, without any link in it. Raises AccessError."""
    done, rest, links = "/", path.strip("/").split("/"), 0
    while rest:
        part = rest.pop(0)
        here = posixpath.normpath(posixpath.join(done, part))
        if part == ".." or (await transport.stat(here, follow=False)).kind != "link":
            done = here
            continue
        target = await transport.link(here)
        links += 1
        if links > LINKS:
            raise NotThere(f"more than {LINKS} links", where=path)
        rest = [*target.strip("/").split("/"), *rest]
        if target.startswith("/"):
            done = "/"
    return done


def compare(wished: Tree, there: Tree) -> Lacking:
    """What is to be done below `there` so that it is as `wished`. A file of the same size and time is the same: it got
    its name and its time when it was whole and had been read again.
    """
    folders, links, files = [], [], []
    for path, one in sorted(wished.things.items()):
        other = there.things.get(path)
        if one.kind == "folder" and other is None:
            folders.append(one)
        elif one.kind == "link" and (other is None or other.target != one.target):
            links.append(one)
        elif one.kind == "file" and (other is None or not _is_same(one, other)):
            files.append(one)
    gone = [one for path, one in sorted(there.things.items(), reverse=True) if path not in wished.things]
    return Lacking(
        folders=tuple(folders),
        links=tuple(links),
        files=tuple(sorted(files, key=_largest_first)),
        gone=tuple(gone),
    )


def find_conflict(wished: Tree, there: Tree) -> str:
    """The path of something in the copy that is of another kind, "" if there is none."""
    pairs = ((path, one, there.things.get(path)) for path, one in wished.things.items())
    return next((path for path, one, other in pairs if other is not None and other.kind != one.kind), "")


def sum_taken(things: Iterable[Thing]) -> int:
    """Bytes that copies of these will take, each file once."""
    return sum(one.taken_bytes for one in things if one.kind == "file" and not one.twin)


def is_part(path: str) -> bool:
    """Whether this is a copy that was broken off."""
    name = posixpath.basename(path)
    return name.startswith(PART_START) and name.endswith(PART_END)


@dataclass(slots=True)
class _Walk:
    """Looks level by level, all of a level at once."""

    root: str
    real: str
    transport: Transport
    things: dict[str, Thing] = field(default_factory=dict)
    inodes: dict[str, tuple[int, int, float]] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)
    followed: list[tuple[str, str]] = field(default_factory=list)

    async def run(self) -> None:
        """All of it, into `things`."""
        found = await self.transport.stat(self.root)
        if found.kind != "directory":
            raise RefusedError("this is no folder", where=self.root)
        self.things[""] = _thing("", "folder", found)
        self.followed.append(("", self.real))
        folders = [""]
        for _ in range(DEEPEST):
            levels = await asyncio.gather(*map(self._children, folders))
            paths = [path for level in levels for path in level]
            if len(self.things) + len(paths) > MOST_THINGS:
                raise TooLarge(f"more than {MOST_THINGS} things lie there", where=self.root)
            await asyncio.gather(*map(self._look, paths))
            folders = [path for path in paths if path in self.things and self.things[path].kind == "folder"]
            if not folders:
                return
        raise TooLarge(f"folders lie deeper than {DEEPEST}: a link may lead in a circle", where=self.root)

    async def _children(self, folder: str) -> list[str]:
        try:
            names = await self.transport.list(posixpath.join(self.root, folder))
        except NotThere:
            return []  # it went meanwhile
        return [posixpath.join(folder, name) for name in names]

    async def _look(self, path: str) -> None:
        full = posixpath.join(self.root, path)
        try:
            found = await self.transport.stat(full, follow=False)
            if found.kind == "link":
                await self._look_at_link(path, full)
                return
        except NotThere:
            return
        self._keep(path, found, followed=False)

    async def _look_at_link(self, path: str, full: str) -> None:
        """Kept where it stays within, or leads nowhere; followed where it leads out."""
        target = await self.transport.link(full)
        leads = posixpath.normpath(posixpath.join(posixpath.dirname(self._real(path)), target))
        inside = self._find_inside(leads)
        if inside is not None:
            here = posixpath.dirname(path)
            if posixpath.normpath(posixpath.join(here, target)) != (inside or "."):
                target = posixpath.relpath(inside or ".", here or ".")
            self.things[path] = Thing(path=path, kind="link", target=target)
            return
        try:
            found = await self.transport.stat(full)
            if found.kind == "directory":
                self.followed.append((path, await find_real(leads, self.transport)))
            self._keep(path, found, followed=True)
        except AccessError:
            self.things[path] = Thing(path=path, kind="link", target=target)

    def _real(self, path: str) -> str:
        """Where a thing lies, below the last link that was followed to it."""
        above, real = max(((one, real) for one, real in self.followed if _is_at(path, one)), key=_length_of_first)
        return posixpath.join(real, posixpath.relpath(path or ".", above or ".")).removesuffix("/.")

    def _find_inside(self, leads: str) -> str | None:
        """The path below the root that lies where a link leads, None where none does."""
        for above, real in (*self.followed, ("", self.root)):
            if _is_at(leads, real):
                return posixpath.join(above, posixpath.relpath(leads, real)).removesuffix("/.").removesuffix(".")
        return None

    def _keep(self, path: str, found: Stat, *, followed: bool) -> None:
        if found.kind == "directory":
            self.things[path] = _thing(path, "folder", found)
        elif found.kind == "file":
            self.things[path] = _thing(path, "file", found)
            if not followed and found.size_bytes:
                self.inodes[path] = (found.inode, found.size_bytes, found.modified_at)
        else:
            self.passed_over.append(path)


def _with_twins(walked: _Walk) -> dict[str, Thing]:
    """The things, those files marked that are another name of one before them."""
    first: dict[tuple[int, int, float], str] = {}
    made = {}
    for path, one in sorted(walked.things.items()):
        inode = walked.inodes.get(path)
        twin = ""
        if inode is not None:
            twin = first.setdefault(inode, path)
        made[path] = replace(one, twin=twin * (twin != path))
    return made


def _thing(path: str, kind: ThingKind, found: Stat) -> Thing:
    return Thing(
        path=path,
        kind=kind,
        size_bytes=found.size_bytes,
        taken_bytes=found.allocated_bytes,
        modified_at=found.modified_at,
        mode=found.mode,
        uid=found.uid,
        gid=found.gid,
    )


def _is_at(path: str, folder: str) -> bool:
    """Whether it is this folder or lies in it; "" is the root of all."""
    return not folder or path == folder or path.startswith(f"{folder}/")


def _length_of_first(pair: tuple[str, str]) -> int:
    return len(pair[0])


def _is_same(one: Thing, other: Thing) -> bool:
    return (one.size_bytes, one.modified_at) == (other.size_bytes, other.modified_at)


def _largest_first(thing: Thing) -> tuple[bool, int, str]:
    return bool(thing.twin), -thing.size_bytes, thing.path
