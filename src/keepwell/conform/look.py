"""Look at what a step wants to see before it plans: fresh, unmasked, and only for the plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from keepwell.conform.plan import Repair, make_plan, wants
from keepwell.core.clock import Clock
from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Seen, Value, failed
from keepwell.core.ref import Ref
from keepwell.core.step import Plan
from keepwell.plugins.step import Wants
from keepwell.transport.base import Stat, Transport

#: Paths looked at for one plan: a hub cache with some hundred models has tens of thousands of links and files.
PATHS = 50_000
#: Bytes of a unit, environment or start file; the largest seen in the wild are some kilobytes.
FILE_BYTES = 256 * 1024
#: Links followed from one path, as Linux does (MAXSYMLINKS).
LINKS = 40


async def prepare(repair: Repair, seen: Seen, transport: Transport, clock: Clock) -> Plan | None:
    """The plan for a repair against the node as it is now; None when the step cannot mend it."""
    fresh = await look(wants(repair, seen), repair.finding.subject.node, transport, clock)
    return make_plan(repair, Seen([*seen, *fresh]))


async def look(wanted: Wants, node: str, transport: Transport, clock: Clock) -> tuple[Observation, ...]:
    """`path.stat` of the paths, their parents and all in the trees, and `path.bytes` of the files."""
    eyes = _Eyes(node, transport, clock)
    for path in (*wanted.paths, *wanted.trees, *wanted.files):
        await eyes.chain(path)
    for path in wanted.trees:
        await eyes.tree(path)
    for path in wanted.files:
        await eyes.content(path)
    return tuple(eyes.found.values())


class _Eyes:
    """Looks at each path once, at most PATHS of them."""

    def __init__(self, node: str, transport: Transport, clock: Clock) -> None:
        self.found: dict[tuple[str, str], Observation] = {}
        self._node = node
        self._transport = transport
        self._clock = clock

    async def chain(self, path: str, links: int = LINKS) -> str:
        """Every folder on the way to a path and the path itself, links followed; where it leads in the end."""
        real = PurePosixPath("/")
        await self.one("/")
        for part in PurePosixPath(path).parts[1:]:
            real /= part
            target = await self.one(str(real))
            if target and links:
                real = PurePosixPath(await self.chain(target, links - 1))
        if str(real) != path and _nameable(path):
            self._keep(path, "path.stat", _link(str(real)))
        return str(real)

    async def tree(self, path: str) -> None:
        """Everything below a folder; links in it are not followed."""
        waiting = [await self.chain(path)]
        while waiting and len(self.found) < PATHS:
            folder = waiting.pop()
            for child in await self._children(folder):
                await self.one(child)
                if self._is_folder(child):
                    waiting.append(child)

    async def content(self, path: str) -> None:
        """The bytes of a file, as Latin-1."""
        value: Value | Missing
        try:
            read = await self._transport.read(path, max_bytes=FILE_BYTES + 1)
            value = read.decode("latin-1")
            if len(read) > FILE_BYTES:
                value = failed(f"{path} is larger than {FILE_BYTES} bytes: not a settings file")
        except AccessError as error:
            value = failed(error)
        self._keep(path, "path.bytes", value)

    async def one(self, path: str) -> str:
        """What lies at a path; where it leads if it is a link, else ""."""
        if not _nameable(path) or len(self.found) >= PATHS:
            return ""
        target = ""
        try:
            stat = await self._transport.stat(path, follow=False)
            if stat.kind == "link":
                written = await self._transport.link(path)
                target = _normal(PurePosixPath(path).parent / written)
            self._keep(path, "path.stat", _row(stat, target))
        except AccessError as error:
            self._keep(path, "path.stat", failed(error))
        return target

    async def _children(self, folder: str) -> Iterator[str]:
        try:
            return iter([f"{folder.rstrip('/')}/{name}" for name in await self._transport.list(folder)])
        except AccessError:
            return iter(())

    def _is_folder(self, path: str) -> bool:
        found = self.found.get((path, "path.stat"))
        return found is not None and not isinstance(found.value, Missing) and _kind(found.value) == "directory"

    def _keep(self, path: str, name: str, value: Value | Missing) -> None:
        subject = Ref("path", (self._node, path))
        now = self._clock.now()
        self.found[path, name] = Observation(subject=subject, name=name, value=value, at=now, source=path)


def _row(stat: Stat, target: str) -> Value:
    return {"kind": stat.kind, "mode": stat.mode, "uid": stat.uid, "gid": stat.gid, "target": target}


def _link(target: str) -> Value:
    return {"kind": "link", "mode": 0o777, "uid": 0, "gid": 0, "target": target}


def _kind(value: Value) -> str:
    if isinstance(value, dict):
        return str(value.get("kind", ""))
    return ""


def _normal(path: PurePosixPath) -> str:
    """A path without `.` and `..`, which is where it leads as long as the folders before a `..` are no links."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and len(parts) > 1:
            parts.pop()
        elif part not in ("..", "."):
            parts.append(part)
    return str(PurePosixPath(*parts))


def _nameable(path: str) -> bool:
    """Whether a Ref and a journal can name it: absolute, UTF-8, and no control character in it."""
    bad = any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) < 0xE000 for char in path)
    return path.startswith("/") and not bad
