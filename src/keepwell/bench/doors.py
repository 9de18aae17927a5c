"""Connections to what is measured: opened ahead, used again, counted."""

from __future__ import annotations

import asyncio
import resource
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from keepwell.bench.answer import Answer, Habits
from keepwell.bench.load import Aim
from keepwell.bench.reading import Reading, can_read_directly
from keepwell.bench.sample import Sample
from keepwell.bench.timed import Timed
from keepwell.core.errors import ConfigurationError

#: Connections that are open at a time, at most, where nothing else limits them: ports of one address run out at 28,000.
MOST_OPEN = 16_384
#: Open files that are left for all else.
SPARE_FILES = 64
#: Connections that are being opened at a time: more of them, and a listening socket's queue of 128 overflows.
OPENING = 96
#: Seconds for a connection.
CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address leads: `prefix` is its path, without a slash at its end."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    prefix: str
    #: As a head names it.
    name: str


def find_place(aim: Aim) -> Place:
    """The place of an address. Raises ConfigurationError for one that is none."""
    try:
        parts = urlsplit(aim.url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError as error:
        raise ConfigurationError(f"no address: {error}", where=aim.url) from error
    host = parts.hostname or ""
    if not host or not port or parts.scheme not in ("http", "https"):
        raise ConfigurationError("an address begins with http:// or https:// and a host", where=aim.url)
    tls = None
    if parts.scheme == "https":
        tls = ssl.create_default_context()
    return Place(host=host, port=port, tls=tls, prefix=parts.path.rstrip("/"), name=parts.netloc.rpartition("@")[2])


def count_most_open() -> int:
    """How many connections this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_OPEN
    return max(1, min(MOST_OPEN, soft - SPARE_FILES))


class Doors:
    """The connections of one load. `answered` is told of each answer, `opened` that a further one is idle, `failed`
    with the reason that one could not be opened.
    """

    def __init__(
        self,
        place: Place,
        sample: Sample,
        answered: Callable[[Timed, Answer], None],
        opened: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        self._place = place
        self._sample = sample
        self._habits = Habits()
        self._answered = answered
        self._opened = opened
        self._failed = failed
        #: The one used last is used next, so that those which are not needed grow old.
        self._idle: deque[Timed] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._open: set[Timed] = set()
        self._reading: Reading | None = None
        if place.tls is None and can_read_directly():
            self._reading = Reading()

    def take(self) -> Timed | None:
        """One that is open and idle."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if not connection.closed and not connection.transport.is_closing():
                return connection
            self._open.discard(connection)
        return None

    def put_back(self, connection: Timed) -> None:
        """It is idle again, or closed."""
        if connection.closed:
            self._open.discard(connection)
        else:
            self._idle.append(connection)

    @property
    def can_be_slow(self) -> bool:
        """True if an answer can be left to itself for a time, and the instant of its end be known all the same."""
        return self._reading is not None

    @property
    def count(self) -> int:
        """Connections that are open or being opened."""
        return len(self._open) + len(self._opening)

    @property
    def opening(self) -> int:
        """Connections that are being opened."""
        return len(self._opening)

    def open_one(self) -> None:
        """Begin to open one more."""
        task = asyncio.get_running_loop().create_task(self._connect())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def open_ahead(self, wished: int) -> bool:
        """Have so many open, or as many as can be; False where not one could."""
        while self.count < wished:
            tried = [self._connect() for _ in range(min(OPENING, wished - self.count))]
            before = len(self._open)
            failed = await asyncio.gather(*tried, return_exceptions=True)
            for one in failed:
                if isinstance(one, BaseException):
                    raise one
            if len(self._open) == before:
                break
        return bool(self._open)

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await self._connect_to(self._place)
        except (OSError, TimeoutError) as error:  # also what ssl raises
            self._failed(str(error) or f"no connection within {CONNECT_SECONDS:g} s")
            return
        self._open.add(connection)
        self._idle.append(connection)
        self._opened()

    async def _connect_to(self, place: Place) -> Timed:
        if self._reading is not None:
            return await self._reading.connect(self._make, place.host, place.port)
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(self._make, place.host, place.port, ssl=place.tls))[1]

    def _make(self) -> Timed:
        return Timed(self._sample, self._habits, self._answered, self._lost)

    def _lost(self, connection: Timed) -> None:
        self._open.discard(connection)
        self._opened()  # what waits may have a connection of its own now

    async def close(self) -> None:
        """Close all."""
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for connection in self._open:
            if not connection.closed:
                connection.let_go()
        self._open.clear()
        self._idle.clear()
        await asyncio.sleep(0)
        if self._reading is not None:
            self._reading.close()
