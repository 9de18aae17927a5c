"""One connection whose socket is read here, not by the loop's transport: each part comes with the kernel's stamp.

A read that comes late tells no later time, so that it may come late on purpose: an answer of which only its end is
still wanted is read some times a second, many tokens at a time, which costs a small part of reading each. A read tells
one stamp, that of its last bytes: what is to have an instant of its own has to be read before the next one comes.
"""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import Protocol

from keepwell.bench.stamps import SPACE, Stamps

#: Bytes that are taken at a time.
READ_BYTES = 16_384


class Receiver(Protocol):
    """What is told of a connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        ...

    def received(self, data: bytes, at: float) -> None:
        """These bytes came at this instant of the monotonic clock."""
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended; nothing comes any more."""
        ...


class Watch(Protocol):
    """Who sees when a socket can be read: see `keepwell.bench.reading`."""

    stamps: Stamps
    buffer: memoryview

    def watch(self, direct: Direct, *, reading: bool, writing: bool) -> None:
        """Call `ready` when it can be read, or written to."""
        ...

    def read_later(self, direct: Direct) -> None:
        """Call `read_all` when it is its turn."""
        ...

    def forget(self, direct: Direct) -> None:
        """It is closed."""
        ...


class Direct(asyncio.Transport):
    """A connected socket. `slow` while it is read in turns, when nothing tells that it can be read."""

    def __init__(self, connection: socket.socket, receiver: Receiver, watch: Watch) -> None:
        super().__init__()
        self.slow = False
        #: When it is read next while it is slow.
        self.due = 0.0
        self.fd = connection.fileno()
        self._socket, self._receiver, self._watch = connection, receiver, watch
        self._closing = False
        self._unsent = b""
        self._at = 0.0
        self._buffers = [watch.buffer]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send it, now as far as the system takes it."""
        if self._closing:
            return
        if self._unsent:
            self._unsent += bytes(data)
            return
        try:
            sent = self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._close(error)
            return
        if sent < len(data):
            self._unsent = bytes(data[sent:])
            self._watch.watch(self, reading=True, writing=True)

    def slow_down(self) -> None:
        """Read it in turns from now on."""
        if not self.slow and not self._closing and not self._unsent:
            self.slow = True
            self._watch.watch(self, reading=False, writing=False)
            self._watch.read_later(self)

    def speed_up(self) -> None:
        """Read it as soon as it can be read."""
        if self.slow and not self._closing:
            self.slow = False
            self._watch.watch(self, reading=True, writing=False)

    def is_closing(self) -> bool:
        """True if it is closed, or about to be."""
        return self._closing

    def abort(self) -> None:
        """Close it; the receiver is told in the loop's next turn."""
        self._close(None)

    def close(self) -> None:
        """As `abort`: nothing waits to be sent that somebody still wants."""
        self._close(None)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered but what the system does not take."""

    def ready(self) -> None:
        """It can be read, or written to."""
        if self._unsent:
            rest, self._unsent = self._unsent, b""
            self.write(rest)
            if not self._unsent and not self._closing:
                self._watch.watch(self, reading=True, writing=False)
        self._read()

    def read_all(self) -> None:
        """Read all that has come."""
        while self.slow and self._read():
            pass

    def _read(self) -> bool:
        """Read what has come; True if there may be more."""
        if self._closing:
            return False
        watch = self._watch
        try:
            size, told, _, _ = self._socket.recvmsg_into(self._buffers, SPACE)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            self._close(error)
            return False
        if not size:
            self._close(None)
            return False
        self._at = at = watch.stamps.find(told, self._at, monotonic())
        self._receiver.received(bytes(watch.buffer[:size]), at)
        return size == READ_BYTES

    def _close(self, error: Exception | None) -> None:
        if self._closing:
            return
        self._closing, self.slow = True, False
        self._watch.forget(self)
        self._socket.close()
        asyncio.get_running_loop().call_soon(self._receiver.connection_lost, error)
