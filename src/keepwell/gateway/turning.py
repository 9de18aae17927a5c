"""Device time in the data plane: it owns the book of turns while it serves, since it alone knows of every request.

Who asks does so at the side door, `POST` (ask, or renew) and `DELETE` (give back) of `/keepwell/turns`; `PUT` is the
control side's word that models have left memory. The book is looked at with each of these, and every second.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from keepwell.core.errors import AccessError, DamagedError
from keepwell.gateway.choice.ask import BATCH
from keepwell.gateway.choice.reservations import Held
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.gateway.choice.station import Station
from keepwell.gateway.surface import Answer
from keepwell.gateway.wire.request import Request
from keepwell.turns import deciding
from keepwell.turns.asking import NOT_OWNER, TURNS_PATH, render_place
from keepwell.turns.book import (
    find_gone,
    find_open,
    is_other,
    load_book,
    load_rules,
    make_wish,
    save_book,
    take_lock,
)
from keepwell.turns.words import Book, Device, Rules, Scene, Turn

#: Seconds between two times that the book is written down although nobody came or went.
SAVE_SECONDS = 5.0
#: Seconds for which a device that was given back counts as cleared, where nothing was asked of it since.
CLEAN_SECONDS = 10.0
#: Seconds after which requests may ask again where nobody knows how long a turn takes.
UNKNOWN_SECONDS = 60.0
REFUSED = Answer(status=400, body=b'{"error":"this is no wish for device time"}')
ELSEWHERE = Answer(status=NOT_OWNER, body=b'{"error":"another process of the gateway decides on device time"}')


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnState:
    """A turn as the gateway tells it. `drained`: no request runs on its device; `replicas` are those whose models lie
    on it, `unload` patterns of the ones that are to leave memory. `pid` is the process that has it, 0 if not known.
    """

    id: str
    number: int
    holder: str
    device: str
    memory_bytes: int = 0
    stage: str = "waiting"
    why: str = ""
    note: str = ""
    drained: bool = False
    cleared: bool = False
    over: bool = False
    seconds: float = 0.0
    replicas: tuple[str, ...] = ()
    unload: tuple[str, ...] = ()
    pid: int = 0


class Turning:
    """The owner of the book. `changed` is called when a device was closed or opened for requests."""

    def __init__(self, scheduler: Scheduler, changed: Callable[[], None]) -> None:
        self.book = Book()
        self.rules = Rules()
        self.finishing = False
        #: The state folder; None for a plane that owns no book.
        self.state: Path | None = None
        self._scheduler = scheduler
        self._changed = changed
        self._lock: int | None = None
        self._saved = (Book(), 0.0)
        self._closed: dict[str, str] = {}
        self._closed_for: tuple[dict[str, str], frozenset[str]] = ({}, frozenset())
        self._clean: dict[str, float] = {}
        self._told: dict[str, str] = {}
        self._problem = ""
        self._wall = 0.0

    @property
    def owns(self) -> bool:
        """True while it decides."""
        return self._lock is not None

    def read(self) -> None:
        """Read the rules again. Raises DamagedError."""
        if self.state is not None:
            self.rules = load_rules(self.state)

    def tick(self, now: float, wall: float) -> None:
        """What is to be done by the clock; `wall` is in seconds since the epoch. A plane that finishes lets another one
        decide, and serves what it still has as that one's book says.
        """
        self._wall = wall
        if self.finishing:
            if self.owns:
                self._save(now, always=True)
            self._let_go()
            self._follow()
        elif self._own(now):
            self._decide(now)

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _follow(self) -> None:
        """What can no longer be read closes no device."""
        self.book = Book()
        if self.state is not None:
            with contextlib.suppress(DamagedError):
                self.book = load_book(self.state)
        self._close_devices(deciding.find_closed(self.book))

    def answer(self, request: Request, now: float) -> Answer | None:
        """The answer at the side door; None for what is not about turns."""
        path, _, query = request.path.partition(b"?")
        if path != TURNS_PATH.encode():
            return None
        if self.finishing or not self._own(now):
            return ELSEWHERE
        try:
            row = json.loads(parse_qs(query.decode("latin-1"))["wish"][0])
            return self._take(request.method, row, now)
        except (KeyError, TypeError, ValueError):
            return REFUSED

    def describe(self, now: float) -> tuple[TurnState, ...]:
        """All turns. Who reads that nobody wants a device may load models there: it is not taken for cleared then."""
        wanted = deciding.find_wanted(self.book)
        self._clean = {name: at for name, at in self._clean.items() if name in wanted}
        return tuple(self._describe(one, now) for one in self.book.turns)

    def find_held(self, now: float) -> dict[str, Held]:
        """Replicas that nobody may ask now; `until` is of the scheduler's clock."""
        held = {}
        whose = {one.wish.device: one.wish.id for one in self.book.turns if one.stage == "held" and one.exclusive}
        for device, why in self._closed.items():
            for replica in self._find(device).replicas:
                turn = whose.get(device, "")
                held[replica] = Held(keys=frozenset(), until=now + UNKNOWN_SECONDS, why=why, turn=turn)
        return held

    def _take(self, method: bytes, row: dict[str, Any], now: float) -> Answer:
        wish = make_wish(row)
        if method == b"POST":
            self.book = deciding.ask(self.book, wish, now, adopts=row.get("adopts") is True)
        elif method == b"DELETE":
            self._note_clean(wish.id, now)
            self.book = deciding.leave(self.book, wish.id)
        elif method == b"PUT":
            self.book = deciding.clear(self.book, wish.id, str(row.get("note", "")))
        else:
            return REFUSED
        self._decide(now)
        place = replace(deciding.find_place(self.book, wish.id, now), owner=os.getpid())
        return Answer(status=200, body=render_place(place))

    def _own(self, now: float) -> bool:
        """Become the owner if nobody is, with the book as it was left."""
        if self._lock is None and self.state is not None:
            try:
                self._lock = take_lock(self.state)
                if self._lock is not None:
                    book = load_book(self.state)
                    self.book = replace(book, turns=tuple(replace(one, heard=now) for one in book.turns))
                    self._told = {one.wish.device: one.wish.holder for one in book.turns if one.stage == "held"}
            except (AccessError, DamagedError) as error:
                self._let_go()
                if str(error) != self._problem:
                    self._problem = str(error)
                    print(f"goes on without device time: {error}", file=sys.stderr, flush=True)
        return self._lock is not None

    def _decide(self, now: float) -> None:
        scene = Scene(
            rules=self.rules,
            open=find_open(self.rules, self._wall),
            pressed=frozenset(self._list_pressed(now)),
            busy=frozenset(one.name for one in self.rules.devices if any(two.running for two in self._stations(one))),
            clean=frozenset(name for name in self._clean if self._is_clean(name, now)),
            gone=find_gone(self.book),
        )
        self.book = deciding.decide(self.book, scene, now)
        self._tell()
        self._close_devices(deciding.find_closed(self.book))
        self._save(now)

    def _tell(self) -> None:
        """For the log: who has a device, where it is another one than before; items of one script are one."""
        for one in self.book.turns:
            if one.stage == "held" and self._told.get(one.wish.device) != one.wish.holder:
                self._told[one.wish.device] = one.wish.holder
                print(f"{one.wish.device}: {one.wish.holder} has it", flush=True)

    def _close_devices(self, closed: dict[str, str]) -> None:
        """Tell where devices were closed or opened, or are another one's: in one step they may be both."""
        whose = frozenset(one.wish.id for one in self.book.turns if one.stage == "held")
        if (closed, whose) != self._closed_for:
            self._closed, self._closed_for = closed, (closed, whose)
            self._changed()

    def _save(self, now: float, *, always: bool = False) -> None:
        """What cannot be written is tried again with the next."""
        book, at = self._saved
        late = bool(self.book.turns) and now - at >= SAVE_SECONDS
        if self.state is not None and self.owns and (always or late or is_other(book, self.book)):
            self._saved = self.book, now
            with contextlib.suppress(AccessError):
                save_book(self.state, self.book)

    def _list_pressed(self, now: float) -> Iterator[str]:
        """Devices where somebody who waits for an answer is served, or waits to be."""
        routes = (
            self._scheduler.routes.get(one.ask.route)
            for one in self._scheduler.waiting.values()
            if one.ask.priority < BATCH
        )
        wanted = {replica for route in routes if route is not None for replica in route.replicas}
        for device in self.rules.devices:
            if wanted.intersection(device.replicas) or any(one.is_pressed(now) for one in self._stations(device)):
                yield device.name

    def _stations(self, device: Device) -> Iterator[Station]:
        for name in device.replicas:
            station = self._scheduler.stations.get(name)
            if station is not None:
                yield station

    def _note_clean(self, wish: str, now: float) -> None:
        turn = self.book.find(wish)
        if turn is not None and turn.stage == "held" and turn.cleared and not turn.note:
            self._clean[turn.wish.device] = now

    def _is_clean(self, device: str, now: float) -> bool:
        """True where no model can have come into memory by a request since its models left it."""
        since = self._clean.get(device, 0.0)
        if now - since > CLEAN_SECONDS:
            return False
        return all(at < since for one in self._stations(self._find(device)) for at in one.used.values())

    def _find(self, name: str) -> Device:
        return next((one for one in self.rules.devices if one.name == name), Device(name=name))

    def _describe(self, one: Turn, now: float) -> TurnState:
        device, pid = self._find(one.wish.device), 0
        if one.wish.process is not None:
            pid = one.wish.process.pid
        return TurnState(
            id=one.wish.id,
            number=one.number,
            holder=one.wish.holder,
            device=one.wish.device,
            memory_bytes=one.wish.memory_bytes,
            stage=one.stage,
            why=one.why,
            note=one.note,
            drained=not any(two.running for two in self._stations(device)),
            cleared=one.cleared,
            over=deciding.is_over(one, now),
            seconds=round(now - one.since, 1),
            replicas=device.replicas,
            unload=one.unload,
            pid=pid,
        )
