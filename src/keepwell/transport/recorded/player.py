"""Player: a node that is only a recording. It answers what was recorded, and says so where nothing was.

A look at anything that the tape does not know says NotThere (files, commands) or Unreachable (HTTP, ports), as
an empty machine would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keepwell.core.errors import NotThere, TooLarge, Unreachable
from keepwell.transport.base import CALL_BYTES, CALL_SECONDS, Ran, Reply, Space, Stat
from keepwell.transport.failures import shown_command, shown_request
from keepwell.transport.recorded.memory_files import MemoryFiles
from keepwell.transport.recorded.tape import Exchange, Refusal, Tape, plain_headers


class Player:
    """A read-only `Transport` over a tape. `calls` holds every call as text, in order ("run uname -r")."""

    def __init__(self, tape: Tape) -> None:
        self.name = tape.name
        self.python = tape.python
        self.recorded_at = tape.recorded_at
        self.files = MemoryFiles(tape.files)
        self.calls: list[str] = []
        self._commands = dict(tape.commands)
        self._exchanges = list(tape.exchanges)
        self._spaces = dict(tape.spaces)
        self._connections = dict(tape.connections)

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


def _detail(one: Exchange) -> tuple[int, int]:
    return one.detail
