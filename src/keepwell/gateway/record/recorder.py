"""Writes the record of requests beside the data plane: a bounded queue and one thread, so that no request waits.

A request that is over costs an append; a few times a second the thread counts what came and writes it. A file that
is locked, full or damaged stops nothing: rows wait up to a bound and are written once it can be; what finds no room
is counted.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from operator import attrgetter
from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.gateway.record.bodies import WAITING as BODIES_WAITING
from keepwell.gateway.record.bodies import Bodies
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.record.measures import Measures
from keepwell.gateway.record.power import POWER_FILE, Power, cost_of, load_watts
from keepwell.store.bodies import BODIES_FILE
from keepwell.store.requests import Values, add_rows, day_of, open_record

#: Requests that may wait to be counted, and rows that may wait to be written: some seconds of the most that one
#: process serves, about 25 MB.
WAITING = 50_000
#: Seconds between two writes: some hundred rows at the most that one process serves, for a few milliseconds.
WRITE_SECONDS = 0.2
_KEY = attrgetter("key")
#: Fields of a row as they are.
_AS_IT_IS = attrgetter(
    *("id", "key", "path", "dialect", "route", "asked", "answered", "replica", "status", "error", "stream", "retries"),
    *("usage.input_tokens", "usage.output_tokens", "usage.cached_tokens", "bytes_in", "bytes_out"),
    *("proof", "digest", "device", "changed_options"),
)
#: What its time went into, in the order of the last fields of a row.
_PARTS = attrgetter(
    *("usage.load_seconds", "usage.prefill_seconds", "usage.decode_seconds", "stalled", "cold"),
)
#: Energy and its cost where nobody knows them.
_NO_ENERGY = -1.0, -1.0
#: What SQLite calls a file that is damaged, or none of its own.
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Recorder:
    """`lost` counts requests that are not in the record; `why` is the last reason, "" while all is well."""

    def __init__(self, path: Path) -> None:
        self.lost = 0
        self.why = ""
        #: The price of a kilowatt-hour.
        self.tariff = 0.0
        #: Requests that run on each node now.
        self.running: Callable[[], Mapping[str, int]] = dict
        #: What is kept of routes whose owner wishes that.
        self.bodies = Bodies(path.with_name(Path(BODIES_FILE).name))
        self._measures = Measures()
        self._power = Power()
        self._path = path
        self._waiting: deque[Facts] = deque()
        self._rows: deque[Values] = deque()
        self._spent: dict[tuple[str, str], int] = {}
        self._counting = threading.Lock()
        self._writing = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file = 0
        self._offset = time.time() - time.monotonic()

    def put(self, facts: Facts) -> None:
        """A request is over. Costs an append."""
        if len(self._waiting) >= WAITING:
            self.lost += 1
            self.why = "too many at once"
            return
        if facts.bodies is not None and len(self._waiting) >= BODIES_WAITING:
            facts.bodies = None  # the thread stands still, or cannot follow: bodies go first
            self.bodies.lost += 1
        self._waiting.append(facts)

    def measures(self) -> Measures:
        """The counts, with every request that is over until now."""
        self._count()
        self._measures.lost, self._measures.unwritten = self.lost, len(self._rows)
        return self._measures

    async def keep_writing(self) -> None:
        """Write what is there, again and again."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            self._follow_power()
            if self._waiting or self._rows or self.bodies.is_due(time.time()):
                await asyncio.to_thread(self.write)

    def write(self) -> None:
        """Write all that waits; what cannot be written now waits on. One at a time: the thread may still be at it when
        the plane ends.
        """
        with self._writing:
            self._count()
            self._write_rows()
            self.bodies.write()

    def _write_rows(self) -> None:
        rows, spent = list(self._rows), dict(self._spent)
        try:
            add_rows(self._open(), rows, spent)
        except (AccessError, sqlite3.Error, OSError) as error:
            self._failed(error)
            return
        self.why = ""
        with self._counting:
            for _ in rows:
                self._rows.popleft()
            for key, tokens in spent.items():
                self._spent[key] -= tokens
                if not self._spent[key]:
                    del self._spent[key]

    def close(self) -> None:
        """Write the rest; what cannot be written is counted as lost."""
        if self._waiting or self._rows:
            self.write()
        self.lost += len(self._rows)
        self._let_go()

    def _count(self) -> None:
        """From facts to counts and rows; from the thread, or from whoever asks for the counts."""
        with self._counting:
            taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not taken:
                return
            rows = [make_row(one, self._offset, self._energy(one)) for one in taken]
            self._rows.extend(rows)
            self._measures.count(taken, rows)
            self._spend(taken)
            for one in taken:
                if one.bodies is not None:
                    self.bodies.add(one, self._offset)
            over = len(self._rows) - WAITING
            if over > 0:
                self.lost += over
                for _ in range(over):
                    self._rows.popleft()

    def _spend(self, taken: list[Facts]) -> None:
        """Tokens of keys, by day."""
        day = day_of(taken[-1].ended + self._offset)
        keys = Counter(map(_KEY, taken))
        del keys[""]
        for name in keys:
            tokens = sum([one.charged_tokens for one in taken if one.key == name])
            self._spent[day, name] = self._spent.get((day, name), 0) + tokens

    def _follow_power(self) -> None:
        found = load_watts(self._path.with_name(Path(POWER_FILE).name))
        if found or self._power.known:
            self._power.tick(time.monotonic(), time.time(), found, self.running())

    def _energy(self, facts: Facts) -> tuple[float, float]:
        if not self._power.known:
            return _NO_ENERGY
        node = facts.replica.partition("/")[0]
        joules = self._power.joules(node, facts.started, facts.ended)
        return joules, cost_of(joules, self.tariff)

    def _open(self) -> sqlite3.Connection:
        """The record; opened anew where its file is another one, or gone."""
        if self._connection is not None and _number_of(self._path) != self._file:
            self._let_go()
        if self._connection is None:
            self._connection = open_record(self._path)
            self._file = _number_of(self._path)
        return self._connection

    def _failed(self, error: Exception) -> None:
        self.why = str(error)
        cause = error.__cause__ or error
        if isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            self._let_go()
            self._put_aside()

    def _put_aside(self) -> None:
        """A damaged record is kept beside a new one."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        with suppress(OSError):
            self._path.rename(self._path.with_name(f"{self._path.name}.damaged-{stamp}"))
        for end in ("-wal", "-shm"):
            with suppress(OSError):
                self._path.with_name(self._path.name + end).unlink()

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def make_row(facts: Facts, offset: float, energy: tuple[float, float] = _NO_ENERGY) -> Values:
    """The row, in the order of `RequestRow`'s fields: first what is as it is, then what is made of it; `energy` is its
    joules and their cost.
    """
    began = facts.began  # of a clock that has run for more than a second: an instant that never came (0) is below -1
    return (
        *_AS_IT_IS(facts),
        began + offset,
        max(-1.0, facts.started - began),
        max(-1.0, facts.first - began),
        facts.ended - began,
        _pace(facts),
        *energy,
        *_PARTS(facts),
    )


def _pace(facts: Facts) -> float:
    """Seconds for each output token after the first, -1 where it cannot be told."""
    made = facts.usage.output_tokens
    if not facts.stream or made < 2 or not facts.first:
        return -1.0
    return (facts.last - facts.first) / (made - 1)


def _number_of(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
