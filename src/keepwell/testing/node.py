"""RecordedNode: a node in memory, driven by data, so that the test of a probe is a data file.

It plays a tape (see `keepwell.transport.tape_file` for the JSON form) and can be changed as a real node can:
what is written is what is read next. A look at anything that the tape does not know says NotThere
(files, commands) or Unreachable (HTTP, ports), as an empty machine would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from keepwell.core.errors import NotThere, TooLarge, Unreachable
from keepwell.testing.memory_files import MemoryFiles
from keepwell.transport.base import CALL_BYTES, CALL_SECONDS, Ran, Reply, Space, Stat
from keepwell.transport.failures import shown_command, shown_request
from keepwell.transport.tape import Exchange, Refusal, Tape, plain_headers
from keepwell.transport.tape_file import load_tape


class RecordedNode:
    """`Hands` on a node that is only data.

    `calls` holds every call as text, in order ("run uname -r", "write /etc/x"), for tests that ask what was
    touched. `files` can be changed between calls to play a fault.
    """

    def __init__(self, tape: Tape | None = None) -> None:
        played = tape or Tape(name="node")
        self.name = played.name
        self.python = played.python
        self.recorded_at = played.recorded_at
        self.files = MemoryFiles(played.files)
        self.calls: list[str] = []
        self._commands = dict(played.commands)
        self._exchanges = list(played.exchanges)
        self._spaces = dict(played.spaces)
        self._connections = dict(played.connections)

    @classmethod
    def load(cls, path: Path) -> RecordedNode:
        """The node recorded in a JSON file or folder; ConfigurationError says what does not fit."""
        return cls(load_tape(path))

    def answer(self, argv: Sequence[str], ran: Ran | Refusal | str) -> None:
        """From now on a command gives this; text is its standard output with exit code 0."""
        if isinstance(ran, str):
            ran = Ran(argv=tuple(argv), code=0, stdout=ran.encode("utf-8"), stderr=b"")
        self._commands[tuple(argv)] = ran

    def reply(self, method: str, url: str, answer: Reply | Refusal | str) -> None:
        """From now on a request gives this; text is a body with status 200. Replaces all earlier of that URL."""
        if isinstance(answer, str):
            answer = Reply(status=200, body=answer.encode("utf-8"))
        self._exchanges = [one for one in self._exchanges if (one.method, one.url) != (method, url)]
        self._exchanges.append(Exchange(method=method, url=url, answer=answer))

    def open_port(self, host: str, port: int) -> None:
        """From now on a TCP connection to this succeeds."""
        self._connections[host, port] = None

    def set_space(self, path: str, space: Space | Refusal) -> None:
        """From now on the file system mounted at this path has this room."""
        self._spaces[path] = space

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Ran:
        """The recorded answer to this argument list; NotThere if there is none."""
        command = shown_command(argv)
        self.calls.append(f"run {command}")
        found = self._commands.get(tuple(argv))
        if found is None:
            raise NotThere("no such command on this recording", command=command)
        if isinstance(found, Refusal):
            raise found.error()
        if max(len(found.stdout), len(found.stderr)) > max_bytes:
            raise TooLarge(f"more than {max_bytes} bytes of output, ended", command=command)
        return found

    async def read(self, path: str, *, offset: int = 0, max_bytes: int = CALL_BYTES) -> bytes:
        """Up to `max_bytes` from `offset`; NotThere where the recording holds nothing."""
        self.calls.append(f"read {path}")
        return self.files.read(path, offset, max_bytes)

    async def stat(self, path: str, *, follow: bool = True) -> Stat:
        """What lies at a path."""
        self.calls.append(f"stat {path}")
        return self.files.stat(path, follow=follow)

    async def list(self, path: str) -> tuple[str, ...]:
        """Names in a folder, sorted: those that were recorded and those of the files in it."""
        self.calls.append(f"list {path}")
        return self.files.names(path)

    async def link(self, path: str) -> str:
        """Where a symbolic link points, as written."""
        self.calls.append(f"link {path}")
        return self.files.target(path)

    async def space(self, path: str) -> Space:
        """The room recorded for this path or the nearest folder above it; the path itself must exist."""
        self.calls.append(f"space {path}")
        if path not in self._spaces:
            self.files.stat(path, follow=True)
        above = [one for one in self._spaces if f"{path}/".startswith(f"{one.rstrip('/')}/")]
        if not above:
            raise NotThere("no room was recorded", where=path)
        found = self._spaces[max(above, key=len)]
        if isinstance(found, Refusal):
            raise found.error()
        return found

    async def http(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Reply:
        """The recorded answer that fits best (see `Exchange`); Unreachable if none does."""
        self.calls.append(f"http {method} {url}")
        asked = plain_headers(headers)
        fitting = [one for one in self._exchanges if one.fits(method, url, asked, body)]
        if not fitting:
            raise Unreachable("Connection refused (nothing recorded)", command=shown_request(method, url))
        answer = max(reversed(fitting), key=_detail).answer
        if isinstance(answer, Refusal):
            raise answer.error()
        if len(answer.body) > max_bytes:
            raise TooLarge(f"a body of more than {max_bytes} bytes", command=shown_request(method, url))
        return answer

    async def connect(self, host: str, port: int, *, timeout_seconds: float = CALL_SECONDS) -> None:
        """Succeeds for a recorded port, and where a recorded request was answered."""
        self.calls.append(f"connect {host}:{port}")
        refused = self._connections.get((host, port))
        if refused is not None:
            raise refused.error()
        if (host, port) in self._connections:
            return
        start = f"http://{host}:{port}/"
        if not any(isinstance(one.answer, Reply) and f"{one.url}/".startswith(start) for one in self._exchanges):
            raise Unreachable("Connection refused (nothing recorded)", where=f"{host}:{port}")

    async def close(self) -> None:
        """Nothing to let go of."""

    async def write(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        """Replace a file's bytes; keeps owner and mode of the old one."""
        self.calls.append(f"write {path}")
        self.files.write(path, content, mode)

    async def set_mode(self, path: str, mode: int) -> None:
        """Change permission bits; refuses a link."""
        self.calls.append(f"set_mode {path} {mode:04o}")
        self.files.change(path, mode=mode)

    async def set_owner(self, path: str, uid: int, gid: int) -> None:
        """Change owner and group."""
        self.calls.append(f"set_owner {path} {uid}:{gid}")
        self.files.change(path, uid=uid, gid=gid)

    async def remove(self, path: str) -> None:
        """Remove one file or link."""
        self.calls.append(f"remove {path}")
        self.files.remove(path)


def _detail(one: Exchange) -> tuple[int, int]:
    return one.detail
