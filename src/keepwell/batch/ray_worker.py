"""What runs on a cluster's node: it asks the engine that the node reaches. Standard library alone.

This file is sent to the nodes as it is, so that nothing of keepwell has to be installed there; it imports nothing that
Python itself does not have. What becomes of an answer is decided where the journal is.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Lock
from urllib.parse import urlsplit

#: Bytes of one answer: it passes through the memory of two processes and of Ray's store.
ANSWER_BYTES = 64 * 1024 * 1024
#: Seconds for a connection to come about; one that was kept and ends so soon after a request had ended before it.
CONNECT_SECONDS, STALE_SECONDS = 10.0, 0.25
#: Bytes of answers that go back at once, or one answer that is larger.
GROUP_BYTES = 16 * 1024 * 1024
Lines = Mapping[str, str]
#: A request: its number, the engine's address, method, path, header lines, body, seconds for each part of its answer.
Request = tuple[int, str, str, str, Lines, bytes, float]
#: How it ended: the failure in a word ("" for an answer), why, status, headers, body.
Came = tuple[str, str, int, list[tuple[bytes, bytes]], bytes]
#: The same with the number before and the seconds that it took behind.
Told = tuple[int, str, str, int, list[tuple[bytes, bytes]], bytes, float]


class Worker:
    """Requests of one node, each in a thread of its own while it is asked; connections are kept and used again.

    Requests come in groups and what came of them goes back in groups: a call over a cluster costs milliseconds.
    """

    def __init__(self, at_once: int) -> None:
        """So many at once; more of them wait."""
        self._pool = ThreadPoolExecutor(at_once)
        self._lock = Lock()
        self._idle: dict[tuple[str, str], list[http.client.HTTPConnection]] = {}
        self._busy: dict[int, http.client.HTTPConnection | None] = {}
        self._dropped: set[int] = set()
        self._done: deque[Told] = deque()
        self._some = asyncio.Event()

    async def push(self, requests: Sequence[Request]) -> None:
        """Begin these; what comes of each is there for `pull`."""
        loop = asyncio.get_running_loop()
        for one in requests:
            self._busy[one[0]] = None
            self._pool.submit(self._work, loop, one)

    async def pull(self, seconds: float) -> list[Told]:
        """What came of requests since the last time, as soon as there is something; nothing after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._some.wait()
        found: list[Told] = []
        size = 0
        while self._done and size < GROUP_BYTES:
            found.append(self._done.popleft())
            size += len(found[-1][5])
        if not self._done:
            self._some.clear()
        return found

    async def drop(self, number: int) -> None:
        """Nobody waits for it any more: its connection is cut, so that the engine stops."""
        with self._lock:
            if number not in self._busy:
                return
            self._dropped.add(number)
            connection = self._busy[number]
        if connection is not None:
            _shut(connection)

    async def is_ready(self) -> bool:
        """True."""
        return True

    async def answers(self, url: str) -> bool:
        """True if something takes connections there."""
        return await asyncio.get_running_loop().run_in_executor(None, partial(_reach, url))

    def close(self) -> None:
        """End all connections, also under the feet of what is asked."""
        with self._lock:
            self._dropped.update(self._busy)
            busy = list(self._busy.values())
        for one in busy:
            if one is not None:
                _shut(one)
        self._pool.shutdown()
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    def _work(self, loop: asyncio.AbstractEventLoop, request: Request) -> None:
        """In a thread: one request."""
        begun = time.monotonic()
        told = (request[0], *self._ask(begun, *request), time.monotonic() - begun)
        with self._lock:
            self._busy.pop(request[0], None)
            dropped = request[0] in self._dropped
            self._dropped.discard(request[0])
        if not dropped:
            loop.call_soon_threadsafe(self._keep, told)

    def _keep(self, told: Told) -> None:
        self._done.append(told)
        self._some.set()

    def _ask(
        self, begun: float, number: int, url: str, method: str, path: str, lines: Lines, body: bytes, seconds: float
    ) -> Came:
        """How it ended; a kept connection that had ended before is replaced."""
        connection, kept = self._take(url)
        asked = partial(self._exchange, number, url, method, path, lines, body, seconds)
        try:
            try:
                return asked(connection)
            except (OSError, http.client.HTTPException):
                late = time.monotonic() - begun > STALE_SECONDS
                if not kept or late or number in self._dropped:
                    raise
                connection.close()
                connection = _make(url)
                return asked(connection)
        except _NotReachedError as error:
            return "connect", str(error), 0, [], b""
        except TimeoutError:
            connection.close()
            return "timeout", f"nothing came for {seconds:g} s", 0, [], b""
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return "cut", str(error) or type(error).__name__, 0, [], b""

    def _exchange(
        self,
        number: int,
        url: str,
        method: str,
        path: str,
        lines: Lines,
        body: bytes,
        seconds: float,
        connection: http.client.HTTPConnection,
    ) -> Came:
        """One request over one connection, which is kept if it can be. Raises OSError, HTTPException."""
        with self._lock:
            if number in self._dropped:
                raise _NotReachedError("given up")
            self._busy[number] = connection
        if connection.sock is None:
            try:
                connection.connect()
            except OSError as error:
                connection.close()
                raise _NotReachedError(str(error) or "no connection in time") from error
        connection.sock.settimeout(seconds)
        connection.request(method, path, body, dict(lines))
        answer = connection.getresponse()
        data = answer.read(ANSWER_BYTES + 1)
        if len(data) > ANSWER_BYTES:
            connection.close()
            return "too_large", f"an answer of more than {ANSWER_BYTES} bytes", 0, [], b""
        if answer.length:  # reading so many bytes at most tells nothing of those that are missing
            raise http.client.IncompleteRead(data, answer.length)
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.getheaders()]
        if answer.will_close or not answer.isclosed():
            connection.close()
        else:
            with self._lock:
                self._idle.setdefault(_key(url), []).append(connection)
        return "", "", answer.status, headers, data

    def _take(self, url: str) -> tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it was used before."""
        with self._lock:
            idle = self._idle.get(_key(url))
            if idle:
                return idle.pop(), True
        return _make(url), False


class _NotReachedError(Exception):
    """No connection came about: nothing was sent."""


def _key(url: str) -> tuple[str, str]:
    found = urlsplit(url)
    return found.scheme, found.netloc


def _make(url: str) -> http.client.HTTPConnection:
    found = urlsplit(url)
    host = found.hostname or ""
    if found.scheme == "https":
        return http.client.HTTPSConnection(
            host, found.port, timeout=CONNECT_SECONDS, context=ssl.create_default_context()
        )
    return http.client.HTTPConnection(host, found.port, timeout=CONNECT_SECONDS)


def _reach(url: str) -> bool:
    found = urlsplit(url)
    ports = {"http": 80, "https": 443}
    try:
        socket.create_connection((found.hostname or "", found.port or ports[found.scheme]), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _shut(connection: http.client.HTTPConnection) -> None:
    """End it under the feet of whoever reads from it."""
    sock = connection.sock
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
