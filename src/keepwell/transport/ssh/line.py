"""A line to a far end over SSH: finds a Python there, sends the far end's source, and passes bytes on."""

from __future__ import annotations

import asyncio
import shlex
import zlib
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import asyncssh

from keepwell.core.errors import NotPermitted, NotThere, TimedOut, Unreachable
from keepwell.transport import far
from keepwell.transport.ssh.connections import WINDOW_BYTES, Connections, shown_login
from keepwell.transport.ssh.route import Host
from keepwell.transport.talk import Line, Talk

#: Pythons by name, in the order in which they are tried: the system's own, Red Hat's for its tools, and others.
PYTHONS: tuple[str, ...] = (
    "python3",
    "/usr/libexec/platform-python",
    "/usr/bin/python3",
    "/usr/local/bin/python3",
    "python3.12",
    "python3.11",
    "python3.9",
    "python3.8",
)
#: Alone (no user's site, no environment), without site-packages, writing no compiled files.
FLAGS = ("-I", "-S", "-B", "-c")
#: Reads so many bytes of source and runs them. One line without quotes, so that every login shell leaves it whole.
BOOTSTRAP = (
    "import os,zlib,functools as f;exec(zlib.decompress(f.reduce("
    "lambda b,_:b+os.read(0,{size}-len(b)) if len(b)<{size} else b,range({size}),bytes())))"
)
#: No password can be asked for without a terminal: it says so instead.
SUDO = ("sudo", "-n", "--")
#: Characters that some shell changes even within single quotes, or that end them.
NOT_QUOTABLE = frozenset("'!\\")
#: What the far end consists of, in the order of its imports.
MODULES = ("job", "files", "entries", "bulk", "gather", "waits", "http", "end")
LOADER = """import sys,types
for name, text in {texts!r}:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
module.main()
"""
#: Seconds for a session on an open connection.
SESSION_SECONDS = 10.0
#: Seconds for a lost line to be opened again: whoever looks at the node has waited long enough by then.
AGAIN_SECONDS = 5.0
#: Bytes of what was said on standard error that are kept.
ERROR_BYTES = 2000
#: How a server tells that it runs on Windows, where nothing of this works.
WINDOWS = "Windows"

_SUDO_HINT = (
    "let that user run it without a password: `echo '{user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/keepwell` as "
    "root there, or log in as root with `user`, or set `sudo = false` and see less"
)


class SshLine:
    """One far end at the end of one channel."""

    def __init__(self, talk: Talk, command: str) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.errors = bytearray()
        self.code: int | None = None
        self._talk = talk
        self._command = command
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._left: Callable[[], None] | None = None

    async def start(self, connection: asyncssh.SSHClientConnection, command: str) -> bool:
        """Start the far end; False when what was started ended without a word. Raises TimedOut, Unreachable."""
        try:
            async with asyncio.timeout(SESSION_SECONDS):
                self._channel, _ = await connection.create_session(
                    partial(_Session, self), command, encoding=None, request_pty=False, window=WINDOW_BYTES
                )
                self.send(source())  # nothing, where the command has ended already: then `ended` tells
                either: list[asyncio.Future[Any]] = [self._talk.hello, self.ended]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            self.close()
            raise TimedOut(f"no session within {SESSION_SECONDS:g} s", command=self._command) from None
        except (asyncssh.Error, OSError) as error:
            raise Unreachable(f"no session on the open connection ({error})", command=self._command) from None
        return self._talk.hello.done()

    def owned(self, left: Callable[[], None]) -> None:
        """From now on it is the conversation's line; `left` is called when that lets go of it."""
        self._left = left

    def send(self, data: bytes) -> None:
        """Send it some time soon."""
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write(data)

    def close(self) -> None:
        """End the channel; the far end sees the end of its input. Safe to call twice."""
        if self._channel is not None:
            self._channel.close()
        left, self._left = self._left, None
        if left is not None:
            left()

    def heard(self, data: bytes, datatype: int | None) -> None:
        """Output of the far end, or words of somebody else on standard error."""
        if datatype is None:
            self._talk.received(data)
        else:
            self.errors += data[: max(0, ERROR_BYTES - len(self.errors))]

    def over(self, error: Exception | None) -> None:
        """The channel is closed."""
        if not self.ended.done():
            self.ended.set_result(None)
        if self._talk.hello.done():
            reason = error or last_words(self) or "the far end has ended"
            hint = f"try by hand: {self._command}"
            self._talk.lost(Unreachable(f"the connection to the node was lost ({reason})", hint=hint))


class _Session(asyncssh.SSHClientSession[bytes]):
    """What the library calls."""

    def __init__(self, line: SshLine) -> None:
        self._line = line

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Output came."""
        self._line.heard(data, datatype)

    def exit_status_received(self, status: int) -> None:
        """The command ended."""
        self._line.code = status

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is closed."""
        self._line.over(exc)


class Dialler:
    """Opens lines to one node. Remembers which Python there is of use."""

    def __init__(self, route: tuple[Host, ...], connections: Connections, *, changes: bool) -> None:
        self._route = route
        self._node = route[-1]
        self._connections = connections
        self._changes = changes
        self._pythons = PYTHONS
        self._dialled = False
        self._leaving: set[asyncio.Task[None]] = set()

    async def dial(self, talk: Talk) -> Line:
        """A line with a far end that has said its first word. Raises AccessErrors with what to do next."""
        if not self._dialled:
            self._dialled = True
            return await self._dial(talk)
        try:
            async with asyncio.timeout(AGAIN_SECONDS):
                return await self._dial(talk)
        except TimeoutError:
            again = f"the connection was lost, and no new one came within {AGAIN_SECONDS:g} s"
            raise Unreachable(again, command=shown_login(self._node)) from None

    async def _dial(self, talk: Talk) -> Line:
        connection = await self._connections.take(self._route)
        try:
            refuse_windows(connection, self._node)
            line = await self._find(connection, talk)
        except BaseException:
            await self._connections.leave(self._route)
            raise
        line.owned(self._leave)
        return line

    async def rest(self) -> None:
        """Wait until connections that were let go of are closed."""
        while self._leaving:
            await asyncio.wait(self._leaving)

    async def _find(self, connection: asyncssh.SSHClientConnection, talk: Talk) -> SshLine:
        said = ""
        for python in self._pythons:
            line = SshLine(talk, shown_login(self._node))
            if await line.start(connection, far_end_command(python, sudo=self._node.sudo, changes=self._changes)):
                self._pythons = (python,)
                return line
            refuse_sudo(line, self._node)
            said = said or last_words(line)
        raise NotThere(
            "no Python 3.7 or newer answers there" + f" ({said or talk.said})" * bool(said or talk.said),
            command=shown_login(self._node),
            hint='install it there (Debian: apt install python3-minimal), or reach the node by `reach = "agent"`',
        )

    def _leave(self) -> None:
        task = asyncio.create_task(self._connections.leave(self._route))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


def far_end_command(python: str, *, sudo: bool, changes: bool) -> str:
    """The command that starts the far end and waits for its source."""
    argv = [*SUDO * sudo, python, *FLAGS, BOOTSTRAP.format(size=len(source())), *("changes",) * changes]
    return quote_command(argv)


def quote_command(argv: Sequence[str]) -> str:
    """The one place where arguments become a string, because the SSH protocol carries nothing else, and the other
    side's login shell reads it. Only our own constants come here: ValueError for what any shell might change.
    """
    for one in argv:
        if not one.isascii() or not one.isprintable() or set(one) & NOT_QUOTABLE:
            raise ValueError(f"not to be given to a shell: {one!r}")
    return shlex.join(argv)


@cache
def source() -> bytes:
    """The far end's source, compressed: its modules, and a few lines that make modules of them there."""
    here = Path(far.__file__).parent
    texts = [(f"keepwell.transport.far.{name}", (here / f"{name}.py").read_text(encoding="utf-8")) for name in MODULES]
    return zlib.compress(LOADER.format(texts=texts).encode("utf-8"), 9)


def refuse_windows(connection: asyncssh.SSHClientConnection, node: Host) -> None:
    """NotPermitted for a node with Windows."""
    if WINDOWS in str(connection.get_extra_info("server_version", "")):
        raise NotPermitted(
            "that node runs Windows, which keepwell cannot look at over SSH",
            command=shown_login(node),
            hint="if the engine runs in WSL there, start an SSH server inside WSL and give its port",
        )


def refuse_sudo(line: SshLine, node: Host) -> None:
    """NotPermitted when it was sudo that said no."""
    said = line.errors.decode("utf-8", "replace")
    if node.sudo and "sudo:" in said:
        hint = _SUDO_HINT.format(user=node.user or "USER")
        raise NotPermitted(f"sudo refuses ({last_words(line)})", command=shown_login(node), hint=hint)


def last_words(line: SshLine) -> str:
    """What was said last on standard error, in one line."""
    lines = line.errors.decode("utf-8", "replace").strip().splitlines()
    return "".join(lines[-1:])
