"""The part of hands that a node refuses which is reached by an interface of its own: files, commands, connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from keepwell.core.errors import NotPermitted
from keepwell.transport.base import CALL_BYTES, CALL_SECONDS, Ran, Space, Stat

OUT_OF_REACH = "the interface of this node shows no files and runs no commands"
HINT = 'reach = "ssh" or "agent" for those'


class InterfaceOnly:
    """Everything here is NotPermitted; `where` is what was asked."""

    def __init__(self, name: str, where: str) -> None:
        self.name = name
        self.python = ""
        self._where = where

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_seconds: float = CALL_SECONDS,
        max_bytes: int = CALL_BYTES,
    ) -> Ran:
        """Out of reach."""
        self._refuse(" ".join(argv))

    async def read(self, path: str, *, offset: int = 0, max_bytes: int = CALL_BYTES) -> bytes:
        """Out of reach."""
        self._refuse(path)

    async def stat(self, path: str, *, follow: bool = True) -> Stat:
        """Out of reach."""
        self._refuse(path)

    async def list(self, path: str) -> tuple[str, ...]:
        """Out of reach."""
        self._refuse(path)

    async def link(self, path: str) -> str:
        """Out of reach."""
        self._refuse(path)

    async def space(self, path: str) -> Space:
        """Out of reach."""
        self._refuse(path)

    async def connect(self, host: str, port: int, *, timeout_seconds: float = CALL_SECONDS) -> None:
        """Out of reach."""
        self._refuse(f"{host}:{port}")

    async def write(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        """Out of reach."""
        self._refuse(path)

    async def set_mode(self, path: str, mode: int) -> None:
        """Out of reach."""
        self._refuse(path)

    async def set_owner(self, path: str, uid: int, gid: int) -> None:
        """Out of reach."""
        self._refuse(path)

    async def remove(self, path: str) -> None:
        """Out of reach."""
        self._refuse(path)

    def _refuse(self, what: str) -> NoReturn:
        raise NotPermitted(OUT_OF_REACH, where=self._where, command=what, hint=HINT)
