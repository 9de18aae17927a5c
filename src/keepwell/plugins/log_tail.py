"""Follows the log of an engine, wherever it goes: gives the lines that are new since the look before.

A file is followed over its rotation: where another file has its name, the rest of the old one is read first if it can
still be reached, and a file that shrank is read from its beginning. A journal is followed by its cursor, a container's
log by time. Reading touches no engine.
"""

from __future__ import annotations

from collections.abc import Sequence

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, absent, failed
from keepwell.plugins.place import LogSource
from keepwell.transport.base import Ran, Stat, Transport

#: Bytes of the log before the first look that are read, for what was said last: a load with its lines has 20 KB.
FIRST_BYTES = 256 * 1024
#: Bytes that are read at once later; a log that grows faster loses its middle, which is told.
STEP_BYTES = 1024 * 1024
#: Lines of a journal or container at the first look, and at most at a later one.
FIRST_LINES, STEP_LINES = "1000", "5000"
#: Characters of a line that are kept: a longer one is a dumped request.
LINE_CHARACTERS = 4000
_CURSOR = "-- cursor: "


class LogTail:
    """Follows the first of these sources that can be read, and stays with it while it can be."""

    def __init__(self, sources: Sequence[LogSource]) -> None:
        self._sources = tuple(sources)
        self._follower: _File | _Journal | _Container | None = None

    @property
    def dear(self) -> bool:
        """True where each look starts a program on the node."""
        return not isinstance(self._follower, _File | None)

    async def read(self, transport: Transport) -> tuple[str, ...] | Missing:
        """New lines, oldest first; absent with every source's reason where none can be read."""
        if self._follower is not None:
            try:
                return await self._follower.read(transport)
            except AccessError as error:
                self._follower = None
                return failed(error)
        reasons: list[str] = []
        for source in self._sources:
            for follower in _followers(source):
                try:
                    lines = await follower.read(transport)
                except AccessError as error:
                    reasons.append(f"{source.kind} {source.where}: {error.what}")
                    continue
                self._follower = follower
                return lines
        return absent(f"no log that can be followed ({'; '.join(reasons) or 'nothing tells where one is'})")


class _File:
    """A regular file, or one that a process holds open."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._inode = -1
        self._offset = 0
        self._rest = b""

    async def read(self, transport: Transport) -> tuple[str, ...]:
        """What was written since the last call."""
        stat = await transport.stat(self._path)
        if stat.kind != "file":
            raise AccessError(f"{self._path} is a {stat.kind}", where=transport.name)
        content = b""
        if 0 <= self._inode != stat.inode:
            content = await self._finish_old(transport)
        self._place(stat)
        new = await transport.read(self._path, offset=self._offset, max_bytes=STEP_BYTES)
        self._offset += len(new)
        whole, newline, rest = (self._rest + content + new).rpartition(b"\n")
        self._rest = rest[-LINE_CHARACTERS:]
        return split_lines(whole + newline)

    def _place(self, stat: Stat) -> None:
        """Where to go on: another file, or one that was emptied, from its beginning."""
        if self._inode < 0:
            self._offset = max(0, stat.size_bytes - FIRST_BYTES)
        elif stat.inode != self._inode:
            self._offset = 0
        elif stat.size_bytes < self._offset:
            self._offset, self._rest = 0, b""
        elif stat.size_bytes - self._offset > STEP_BYTES:
            self._offset, self._rest = stat.size_bytes - STEP_BYTES, b""
        self._inode = stat.inode

    async def _finish_old(self, transport: Transport) -> bytes:
        """What was still written to the file that had this name before, if it lies beside under a usual one."""
        stem, dot, end = self._path.rpartition(".")
        for path in (f"{self._path}.1", f"{stem}-1{dot}{end}"):
            try:
                if (await transport.stat(path)).inode == self._inode:
                    return await transport.read(path, offset=self._offset, max_bytes=STEP_BYTES)
            except AccessError:
                continue
        return b""


class _Journal:
    """A unit's journal, the system's or the user's own."""

    def __init__(self, flag: str, unit: str) -> None:
        self._where = f"{flag}={unit}"
        self._cursor = ""

    async def read(self, transport: Transport) -> tuple[str, ...]:
        """What was written since the last call."""
        argv = ["journalctl", self._where, "-o", "cat", "--no-pager", "-q", "--show-cursor"]
        if self._cursor:
            argv += ["--after-cursor", self._cursor, "-n", STEP_LINES]
        else:
            argv += ["-n", FIRST_LINES]
        ran = _checked(await transport.run(argv), transport.name)
        lines = split_lines(ran.stdout)
        cursors = [line.removeprefix(_CURSOR) for line in lines[-1:] if line.startswith(_CURSOR)]
        if cursors:
            self._cursor = cursors[0]
        elif not self._cursor:
            raise AccessError(f"the journal holds no line of {self._where}", where=transport.name)
        return lines[: len(lines) - len(cursors)]


class _Container:
    """A container's log by its client."""

    def __init__(self, runtime: str, name: str) -> None:
        self._runtime, self._name = runtime, name
        self._since = ""

    async def read(self, transport: Transport) -> tuple[str, ...]:
        """What was written since the last call."""
        argv = [self._runtime, "logs", "-t"]
        if self._since:
            argv += ["--since", self._since, "--tail", STEP_LINES, self._name]
        else:
            argv += ["--tail", FIRST_LINES, self._name]
        ran = _checked(await transport.run(argv), transport.name)
        stamped = sorted([*split_lines(ran.stdout), *split_lines(ran.stderr)], key=_stamp)
        fresh = [line for line in stamped if _stamp(line) > self._since]
        if fresh:
            self._since = _stamp(fresh[-1])
        return tuple(line.partition(" ")[2] for line in fresh)


def split_lines(content: bytes) -> tuple[str, ...]:
    """The lines, broken UTF-8 replaced, long ones cut, empty ones left out."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    return tuple(line[:LINE_CHARACTERS] for line in text.split("\n") if line)


def _followers(source: LogSource) -> Sequence[_File | _Journal | _Container]:
    """Ways to follow a source, likeliest first."""
    where = source.where
    if source.kind == "file":
        return [_File(where)]
    if source.kind == "process":
        return [_File(f"/proc/{where}/fd/2"), _File(f"/proc/{where}/fd/1")]
    if source.kind == "journal":
        return [_Journal("--unit", where), _Journal("--user-unit", where)]
    return [_Container("docker", where), _Container("podman", where)]


def _checked(ran: Ran, where: str) -> Ran:
    if ran.code != 0:
        said = ran.stderr.decode("utf-8", "replace").strip()
        raise AccessError(f"{ran.argv[0]} says: {said[:200]}", where=where)
    return ran


def _stamp(line: str) -> str:
    """RFC 3339 in UTC with nine digits sorts as text."""
    return line.partition(" ")[0]
