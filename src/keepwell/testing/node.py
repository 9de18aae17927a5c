"""RecordedNode: a node in memory, driven by data, so that the test of a probe is a data file.

It plays a tape (see `keepwell.transport.recorded.tape_file` for the JSON form) and can be changed as a real node can:
what is written is what is read next.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keepwell.transport.base import Ran, Reply, Space
from keepwell.transport.recorded.player import Player
from keepwell.transport.recorded.tape import Exchange, Refusal, Tape
from keepwell.transport.recorded.tape_file import load_tape


class RecordedNode(Player):
    """`Hands` on a node that is only data.

    `calls` is for tests that ask what was touched. `files` can be changed between calls to play a fault.
    """

    def __init__(self, tape: Tape | None = None) -> None:
        super().__init__(tape or Tape(name="node"))

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
