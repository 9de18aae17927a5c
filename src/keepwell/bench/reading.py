"""Opens connections that are read past the loop's transports, and sees which of them can be read.

All of them are one file to the loop (`epoll`), which costs less a read than a transport each. Those that are slow are
not in it: they have turns. Only where the system has `epoll` and stamps what comes.
"""

from __future__ import annotations

import asyncio
import select
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TypeAlias, TypeVar

from keepwell.bench.alarm import Alarm
from keepwell.bench.direct import READ_BYTES, Direct, Receiver
from keepwell.bench.stamps import Stamps, ask_for_stamps

#: Seconds between two turns of a connection that is slow: what comes meanwhile has to fit into a socket's buffer, and
#: should still be in the processor's memory: turns of 0.1 s cost the client less, and the server beside it more.
TURN_SECONDS = 0.03
#: Seconds between two looks at whose turn it is, and connections that have theirs in one go: sends come in between.
LOOK_SECONDS, AT_ONCE = 0.002, 96
#: Connections that are read in one go, for the same reason.
READY = 64

Address: TypeAlias = tuple[
    socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
]
T = TypeVar("T", bound=Receiver)


def can_read_directly() -> bool:
    """True where the system has what this needs."""
    if sys.platform != "linux":
        return False
    with socket.socket() as one:
        return ask_for_stamps(one)


class Reading:
    """The connections of one load that are read directly."""

    def __init__(self) -> None:
        self.stamps = Stamps()
        self.buffer = memoryview(bytearray(READ_BYTES))
        self._loop = asyncio.get_running_loop()
        self._poll = select.epoll()
        self._open: dict[int, Direct] = {}
        #: Where it leads, as it was found the first time.
        self._addresses: Sequence[Address] = ()
        #: Those that are slow, in the order of their turns. One that is not due when it was to be has another turn.
        self._turns: deque[tuple[float, Direct]] = deque()
        self._alarm = Alarm(self._look)
        self._loop.add_reader(self._poll.fileno(), self._ready)

    async def connect(self, make: Callable[[], T], host: str, port: int) -> T:
        """A connection to there, which is the same place each time. Raises OSError."""
        if not self._addresses:
            self._addresses = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        failed: OSError = ConnectionError(f"{host} has no address")
        for family, kind, number, _, address in self._addresses:
            connection = socket.socket(family, kind, number)
            try:
                connection.setblocking(False)
                await self._loop.sock_connect(connection, address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ask_for_stamps(connection)
            except OSError as error:
                connection.close()
                failed = error
            except asyncio.CancelledError:
                connection.close()
                raise
            else:
                return self._add(connection, make())
        raise failed

    def _add(self, connection: socket.socket, receiver: T) -> T:
        direct = Direct(connection, receiver, self)
        self._open[direct.fd] = direct
        self._poll.register(direct.fd, select.EPOLLIN)
        receiver.connection_made(direct)
        return receiver

    def watch(self, direct: Direct, *, reading: bool, writing: bool) -> None:
        """Call `ready` when it can be read, or written to."""
        self._poll.modify(direct.fd, select.EPOLLIN * reading | select.EPOLLOUT * writing)

    def read_later(self, direct: Direct) -> None:
        """Call `read_all` when it is its turn."""
        direct.due = monotonic() + TURN_SECONDS
        if not self._turns:
            self._alarm.set(direct.due)
        self._turns.append((direct.due, direct))

    def forget(self, direct: Direct) -> None:
        """It is closed."""
        if self._open.pop(direct.fd, None) is not None:
            self._poll.unregister(direct.fd)

    def close(self) -> None:
        """Watch nothing more; the connections are closed already."""
        self._alarm.close()
        self._loop.remove_reader(self._poll.fileno())
        self._poll.close()

    def _ready(self) -> None:
        self.stamps.renew(monotonic())
        for fd, _ in self._poll.poll(0, READY):
            direct = self._open.get(fd)
            if direct is not None:  # it may have been closed by one before it
                direct.ready()

    def _look(self) -> None:
        """Read those whose turn it is."""
        now, turns = monotonic(), self._turns
        self.stamps.renew(now)
        for _ in range(AT_ONCE):
            if not turns or turns[0][0] > now:
                break
            due, direct = turns.popleft()
            if direct.slow and direct.due == due:
                direct.read_all()
                if direct.slow and direct.due == due:
                    direct.due = now + TURN_SECONDS
                    turns.append((direct.due, direct))
        if turns:
            self._alarm.set(max(now + LOOK_SECONDS, turns[0][0]))
