"""An engine's model store as the user that serves sees it: folders, permissions, and every file that must be there."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Missing, Observation, Value, absent, failed, unknown
from keepwell.core.values import rows_of, text_of
from keepwell.formats.permissions import READ, SEARCH, WRITE, User, find_user, lacks, user_of_status, with_bits
from keepwell.formats.procfs import parse_status
from keepwell.plugins.engine import FillsStore, KeepsParts, KeepsStore, StoreEntry
from keepwell.plugins.place import Place, Site
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Stat, Transport
from keepwell.transport.container.inside import RootedTransport

#: Files of a store that are looked at; a large one holds some hundred blobs.
ENTRIES = 5000
#: Problems told; more of the same say nothing new.
PROBLEMS = 50
#: Symbolic links followed in one path before it counts as a loop (Linux: 40).
LINKS = 40

#: The word for each bit that is missing on a folder and on a file.
_ON_FOLDER = {SEARCH: "unsearchable", READ: "unreadable", WRITE: "unwritable"}


class EngineStore:
    """Gives engine.store; absent for an engine without files, or whose folder cannot be told."""

    level = 1
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "none"
    cost_seconds = 0.1
    gives: tuple[str, ...] = ("engine.store",)
    needs: tuple[str, ...] = ("host.units",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation."""
        assert place.site is not None
        if not isinstance(place.engine, KeepsStore):
            return [place.saw("engine.store", absent("this engine keeps no model files of its own"), "plug-in")]
        if place.site.supervisor == "container" and isinstance(place.site.process, Missing):
            reason = unknown("its files lie in its container, which does not run")
            return [place.saw("engine.store", reason, f"container {place.site.unit}")]
        folder = place.engine.store(place.site.process, place.site)
        if not folder:
            return [place.saw("engine.store", absent("where its model files lie cannot be told"), "plug-in")]
        look = _Look(_transport(place), await _user(place))
        try:
            value = await _store(place.engine, folder, look)
        except AccessError as error:
            return [place.saw("engine.store", failed(error), folder)]
        return [place.saw("engine.store", value, folder)]


async def _store(engine: KeepsStore, folder: str, look: _Look) -> Value:
    user = look.user
    value: dict[str, Value] = {"path": folder}
    if user is not None:
        groups = " ".join(str(group) for group in sorted(user.groups))
        value |= {"user": user.name, "uid": user.uid, "gid": user.gid, "groups": groups}
    want = READ | SEARCH
    fills = isinstance(engine, FillsStore) and engine.fills_store
    if fills:
        want |= WRITE
    else:
        value["fills"] = False
    problems = await look.at_path(folder, want)
    if not any(problem["kind"] == "missing" for problem in problems):
        for part in _parts(engine) * (not problems):
            found = await look.at_path(posixpath.join(folder, part), want)
            problems += [one for one in found if one["kind"] != "missing"]
        entries = await engine.entries(folder, look.transport)
        if isinstance(entries, Missing):
            value["unlisted"] = str(entries)
        else:
            value["files"] = len(entries)
            for entry in entries[:ENTRIES]:
                problems += await look.at_entry(entry)
    value["problems"] = tuple(problems[:PROBLEMS])
    return value


def _parts(engine: KeepsStore) -> tuple[str, ...]:
    if isinstance(engine, KeepsParts):
        return engine.store_parts
    return ()


class _Look:
    """Looks at paths for one user."""

    def __init__(self, transport: Transport, user: User | None) -> None:
        self.transport = transport
        self.user = user
        self._walked: set[str] = set()

    async def at_path(self, path: str, want: int) -> list[dict[str, Value]]:
        """What keeps the user from `path`: the first folder above it that cannot be searched, or the path itself."""
        try:
            trouble = await self._above(path)
            if trouble:
                return trouble
            stat = await self.transport.stat(path)
        except NotThere:
            return [{"kind": "missing", "path": path, "detail": "it does not exist", "model": ""}]
        if stat.kind != "directory":
            want = READ
        return self._judge(path, stat, want)

    async def at_entry(self, entry: StoreEntry) -> list[dict[str, Value]]:
        """What is wrong with one file that must be there."""
        path = entry.path
        row: dict[str, Value] = {"path": path, "model": entry.model, "role": entry.role}
        if entry.problem:
            return [{**row, "kind": entry.problem, "detail": entry.detail}]
        try:
            trouble = await self._above(path)
            stat = await self.transport.stat(entry.path)
        except NotThere:
            return [{**row, "kind": "missing", "detail": "it does not exist"}]
        if trouble:
            return [{**one, "model": entry.model} for one in trouble]
        size = judge_size(entry, stat.size_bytes)
        if size is not None:
            return [{**row, "kind": size[0], "detail": size[1], **_owner(stat)}]
        return [{**one, "model": entry.model} for one in self._judge(path, stat, READ | SEARCH * _is_folder(stat))]

    async def _above(self, path: str) -> list[dict[str, Value]]:
        """The first folder on the way, links followed, that the user cannot search. The way to a folder is walked
        once: two files of one folder differ in it only when one is a link to elsewhere.
        """
        if self.user is None or posixpath.dirname(path) in self._walked:
            return []
        self._walked.add(posixpath.dirname(path))
        for folder in await self._way(path):
            found = self._judge(folder, await self.transport.stat(folder), SEARCH)
            if found:
                return found
        return []

    async def _way(self, path: str) -> Sequence[str]:
        """Every folder that must be searched to reach the path, also those of the targets of links."""
        folders: list[str] = []
        done, rest = "/", [piece for piece in path.split("/") if piece][::-1]
        links = 0
        while rest:
            folders.append(done)
            done = posixpath.normpath(posixpath.join(done, rest.pop()))
            if (await self.transport.stat(done, follow=False)).kind == "link" and links < LINKS:
                links += 1
                target = await self.transport.link(done)
                rest += [piece for piece in target.split("/") if piece][::-1]
                done = posixpath.dirname(done)
                if target.startswith("/"):
                    done = "/"
        return tuple(dict.fromkeys(folders))

    def _judge(self, path: str, stat: Stat, want: int) -> list[dict[str, Value]]:
        if self.user is None:
            return []
        owner = (stat.uid, stat.gid)
        missing = lacks(self.user, want, owner=owner, mode=stat.mode, folder=_is_folder(stat))
        if not missing:
            return []
        word = next(word for bit, word in _ON_FOLDER.items() if missing & bit)
        wished = with_bits(self.user, missing, owner=owner, mode=stat.mode)
        detail = f"{self.user.name} (uid {self.user.uid}) may not, with mode {stat.mode:04o} of owner {stat.uid}"
        row: dict[str, Value] = {"kind": word, "path": path, "detail": detail, "model": "", **_owner(stat)}
        return [{**row, "wished_mode": f"{wished:04o}"}]


def _owner(stat: Stat) -> Mapping[str, Value]:
    return {"owner_uid": stat.uid, "owner_gid": stat.gid, "mode": f"{stat.mode:04o}"}


def _is_folder(stat: Stat) -> bool:
    return stat.kind == "directory"


def judge_size(entry: StoreEntry, size_bytes: int) -> tuple[str, str] | None:
    """The kind of problem and a sentence when a file is empty or not as long as it must be."""
    if entry.size_bytes > 0 and size_bytes == 0:
        return "empty", f"0 of {entry.size_bytes} bytes"
    if size_bytes < entry.size_bytes:
        return "truncated", f"{size_bytes} of {entry.size_bytes} bytes"
    if entry.exact and entry.size_bytes and size_bytes > entry.size_bytes:
        return "not-a-model", f"{size_bytes} bytes, but {entry.size_bytes} belong there"
    return None


async def _user(place: Place) -> User | None:
    """The user that serves, or that would: the process's own, else the one that was declared, remembered or that
    the unit names; None when none is known.
    """
    assert place.site is not None
    process = place.site.process
    try:
        if not isinstance(process, Missing):
            status = await place.transport.read(f"/proc/{process.pid}/status")
            return user_of_status(process.user, parse_status(status.decode("utf-8", "replace")))
        name = _unit_user(place, place.site) or place.site.user
        passwd, group = await place.transport.read("/etc/passwd"), await place.transport.read("/etc/group")
        return find_user(name, passwd.decode("utf-8", "replace"), group.decode("utf-8", "replace"))
    except (AccessError, ValueError):
        return None


def _unit_user(place: Place, site: Site) -> str:
    """The user of its unit; a system unit that names none runs as root."""
    for row in rows_of(place.seen.value(place.node, "host.units")):
        if text_of(row, "unit") == site.unit and text_of(row, "scope") == "system":
            return text_of(row, "user") or "root"
    return ""


def _transport(place: Place) -> Transport:
    """The node's, or for a process in a container one that sees the files below its root, where links end."""
    assert place.site is not None
    process = place.site.process
    if place.site.supervisor != "container" or isinstance(process, Missing):
        return place.transport
    return RootedTransport(place.transport, f"/proc/{process.pid}/root")


PROBE = EngineStore()
