"""A server of known timing, in a process of its own: what a client says of it shows how far the client is off.

    python -m keepwell.bench.known_server FIRST_SECONDS GAP_SECONDS EVENTS

It prints its port. Each request is answered by a stream: the first event so many seconds after the kernel had it, the
others each a gap later. It knows by how much it was late itself, in reading and in writing: a GET tells that. It binds
loopback, and ends when its input does. Only the standard library is used, and no event loop: a turn of `epoll` or what
the system has, then all that is due.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import sys
from collections import deque
from time import monotonic

from keepwell.bench.stamps import SPACE, Stamps, ask_for_stamps

#: Bytes of a request that are taken at a time; connections that may wait to be accepted.
READ_BYTES, WAITING = 65536, 4096
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_EVENT = (
    b'data: {"id":"known","object":"chat.completion.chunk","created":1,"model":"known","choices":[{"index":0,'
    b'"delta":{"content":"tok "},"logprobs":null,"finish_reason":null}]}\n\n'
)


def render_chunk(data: bytes) -> bytes:
    """As one chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def render_last(events: int) -> bytes:
    """What follows the last event."""
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":%d}}\n\n' % events
    return render_chunk(_EVENT) + render_chunk(usage + b"data: [DONE]\n\n") + b"0\r\n\r\n"


class Stream:
    """One answer under way: how many events are still to come."""

    __slots__ = ("connection", "left")

    def __init__(self, connection: socket.socket, left: int) -> None:
        self.connection = connection
        self.left = left


class KnownServer:
    """Answers everything alike. Both waits are constant, so each queue is in order of time by itself, or nearly so."""

    def __init__(self, first_seconds: float, gap_seconds: float, events: int) -> None:
        self.first_seconds, self.gap_seconds, self.events = first_seconds, gap_seconds, events
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=WAITING)
        self.listening.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.listening, selectors.EVENT_READ, self._accept)
        self._firsts: deque[tuple[float, Stream]] = deque()
        self._others: deque[tuple[float, Stream]] = deque()
        self._stamps = Stamps()
        self._event, self._last = render_chunk(_EVENT), render_last(events)
        #: First events, and the seconds by which they were late, together.
        self.count, self.late = 0, 0.0

    def serve(self, ending: socket.socket | int) -> None:
        """Serve until there is something to read there."""
        self._selector.register(ending, selectors.EVENT_READ, None)
        while True:
            ready = self._selector.select(self._find_pause())
            self._stamps.renew(monotonic())
            for key, _ in ready:
                if key.data is None:
                    return
                key.data(key.fileobj)
            self._send_due(self._firsts, first=True)
            self._send_due(self._others, first=False)

    def _find_pause(self) -> float | None:
        dues = [queue[0][0] for queue in (self._firsts, self._others) if queue]
        if not dues:
            return None
        return max(0.0, min(dues) - monotonic())

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = listening.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ask_for_stamps(connection)
                self._selector.register(connection, selectors.EVENT_READ, self._read)

    def _read(self, connection: socket.socket) -> None:
        """A request comes whole, since it is small and its client is here."""
        try:
            data, told, _, _ = connection.recvmsg(READ_BYTES, SPACE)
        except OSError:
            data, told = b"", []
        if not data:
            self._selector.unregister(connection)
            connection.close()
        elif data.startswith(b"GET "):
            self._send(connection, self._render_lateness())
        else:
            self._send(connection, _HEAD)
            came = self._stamps.find(told, 0.0, monotonic())
            self._firsts.append((came + self.first_seconds, Stream(connection, self.events)))

    def _render_lateness(self) -> bytes:
        body = json.dumps({"count": self.count, "late_seconds": self.late}).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

    def _send_due(self, queue: deque[tuple[float, Stream]], *, first: bool) -> None:
        now = monotonic()
        while queue and queue[0][0] <= now:
            due, stream = queue.popleft()
            if first:
                self.count += 1
                self.late += monotonic() - due
            stream.left -= 1
            if not stream.left:
                self._send(stream.connection, self._last)
            elif self._send(stream.connection, self._event):
                self._others.append((due + self.gap_seconds, stream))

    def _send(self, connection: socket.socket, data: bytes) -> bool:
        """Send it; False where the client has gone or reads nothing."""
        try:
            return connection.send(data) == len(data)
        except OSError:
            return False


def main() -> None:
    """See the module."""
    first, gap, events = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    server = KnownServer(first, gap, events)
    print(server.listening.getsockname()[1], flush=True)
    server.serve(sys.stdin.fileno())


if __name__ == "__main__":
    main()
