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
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Lock
from urllib.parse import urlsplit

#: Bytes of one answer: it passes through the memory of two processes and of Ray's store.
ANSWER_BYTES = 64 * 1024 * 1024
#: Seconds for a connection to come about; one that was kept and ends so soon after a request had ended before it.
CONNECT_SECONDS, STALE_SECONDS = 10.0, 0.25
#: How a try ended: the failure in a word ("" for an answer), why, status, headers, body, seconds.
Told = tuple[str, str, int, list[tuple[bytes, bytes]], bytes, float]


class Worker:
    """Requests of one node, each in a thread of its own while it is asked; connections are kept and used again."""

    def __init__(self, at_once: int) -> None:
        """So many at once; more of them wait."""
        self._pool = ThreadPoolExecutor(at_once)
        self._lock = Lock()
        self._idle: dict[tuple[str, str], list[http.client.HTTPConnection]] = {}
        self._busy: dict[int, http.client.HTTPConnection] = {}
        self._dropped: set[int] = set()

    async def ask(
        self, number: int, url: str, method: str, path: str, lines: Mapping[str, str], body: bytes, seconds: float
    ) -> Told:
        """Send a request to `url`, by a number that nothing else has, and wait so long for each part of its answer."""
        call = partial(self._ask, number, url, method, path, lines, body, seconds)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    async def drop(self, number: int) -> None:
        """Nobody waits for it any more: its connection is cut, so that the engine stops."""
        with self._lock:
            connection = self._busy.get(number)
            if connection is None:
                return
            self._dropped.add(number)
        _shut(connection)

    async def answers(self, url: str) -> bool:
        """True if something takes connections there."""
        call = partial(_reach, url)
        return await asyncio.get_running_loop().run_in_executor(None, call)

    def _ask(
        self, number: int, url: str, method: str, path: str, lines: Mapping[str, str], body: bytes, seconds: float
    ) -> Told:
        begun = time.monotonic()
        connection, kept = self._take(url)
        with self._lock:
            self._busy[number] = connection
        asked = partial(self._exchange, url=url, method=method, path=path, lines=lines, body=body, seconds=seconds)
        try:
            try:
                told = asked(connection)
            except (OSError, http.client.HTTPException):
                if not kept or number in self._dropped or time.monotonic() - begun > STALE_SECONDS:
                    raise
                connection.close()
                connection = _make(url)
                with self._lock:
                    self._busy[number] = connection
                told = asked(connection)
        except _NotReachedError as error:
            return "connect", str(error), 0, [], b"", time.monotonic() - begun
        except TimeoutError:
            connection.close()
            return "timeout", f"nothing came for {seconds:g} s", 0, [], b"", time.monotonic() - begun
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return "cut", str(error) or type(error).__name__, 0, [], b"", time.monotonic() - begun
        finally:
            with self._lock:
                self._busy.pop(number, None)
                self._dropped.discard(number)
        return *told, time.monotonic() - begun

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        *,
        url: str,
        method: str,
        path: str,
        lines: Mapping[str, str],
        body: bytes,
        seconds: float,
    ) -> tuple[str, str, int, list[tuple[bytes, bytes]], bytes]:
        """One request over one connection, which is kept if it can be. Raises OSError, HTTPException."""
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
        if answer.will_close or not answer.isclosed():
            connection.close()
        else:
            with self._lock:
                self._idle.setdefault(_key(url), []).append(connection)
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.getheaders()]
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
