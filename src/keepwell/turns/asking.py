"""How a program asks for device time, and gives it back: at the gateway's door, or in the book itself where none runs.

Asking again is renewing. Synchronous and the standard library alone, for supervisors and scripts.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from keepwell.core.errors import ConfigurationError
from keepwell.core.job import ProcessId
from keepwell.turns import deciding
from keepwell.turns.book import find_gone, find_open, load_book, load_rules, save_book, take_lock
from keepwell.turns.words import Place, Scene, Wish

#: The folder where each of the gateway's processes tells where its door is, and the path of turns there.
PLATES_FOLDER, TURNS_PATH = "gateway/planes", "/keepwell/turns"
#: Seconds for the gateway to answer, which it does between two requests; bytes of a plate, and of an answer.
ASK_SECONDS, PLATE_BYTES, ANSWER_BYTES = 5.0, 4096, 64 * 1024
#: Seconds between two askings of one that waits, and of one that has it.
WAIT_SECONDS, RENEW_SECONDS = 0.25, 2.0
#: Seconds for others to look into the book.
LOCK_SECONDS = 2.0
#: The status by which a plane says that another one owns the book.
NOT_OWNER = 409
AWAY = Place(stage="waiting", why="the gateway starts, or does not answer")


class Plate(NamedTuple):
    """Where one of the gateway's processes can be asked."""

    pid: int
    port: int
    secret: str


class Asker:
    """One wish, asked for again and again until it is given back."""

    def __init__(self, state: Path, wish: Wish) -> None:
        self.wish = wish
        self._state = state

    def ask(self, *, process: ProcessId | None = None, adopts: bool = False) -> Place:
        """Where it is now; `process` is from now on what has it, `adopts`: that runs already and had it before. Raises
        AccessError, DamagedError where the state folder cannot be used.
        """
        if process is not None:
            self.wish = replace(self.wish, process=process)
        row = {**asdict(self.wish), "adopts": adopts}
        answer = self._knock("POST", row)
        if answer is not None:
            return answer
        return self._decide_here(adopts=adopts)

    def leave(self) -> None:
        """Give it back, or stop waiting for it. Where nobody hears that, it is lost by time."""
        if self._knock("DELETE", asdict(self.wish)) is None:
            lock = take_lock(self._state, seconds=LOCK_SECONDS)
            if lock is not None:
                try:
                    save_book(self._state, deciding.leave(load_book(self._state), self.wish.id))
                finally:
                    os.close(lock)

    def _decide_here(self, *, adopts: bool) -> Place:
        """No gateway runs: nobody's requests are in the way, and nobody unloads a model."""
        lock = take_lock(self._state, seconds=LOCK_SECONDS)
        if lock is None:
            return AWAY
        try:
            now = time.monotonic()
            book = deciding.ask(load_book(self._state), self.wish, now, adopts=adopts)
            rules = load_rules(self._state)
            devices = tuple(replace(one, unloads=False, models_bytes=0) for one in rules.devices)
            rules = replace(rules, devices=devices)
            scene = Scene(rules=rules, open=find_open(rules, time.time()), gone=find_gone(book))
            book = deciding.decide(book, scene, now)
            save_book(self._state, book)
            return deciding.find_place(book, self.wish.id, now)
        finally:
            os.close(lock)

    def _knock(self, method: str, row: Mapping[str, Any]) -> Place | None:
        """The answer of the gateway that owns the book; None where no gateway runs."""
        plates = load_plates(self._state)
        for one in plates:
            try:
                status, body = _send(one, method, row)
            except (OSError, ValueError):
                continue
            if status == 200:
                return parse_place(body)
        if plates:
            return AWAY
        return None


def load_plates(state: Path) -> list[Plate]:
    """Doors of the gateway's processes that live, the newest process last."""
    found = []
    for path in (state / PLATES_FOLDER).glob("*.json"):
        try:
            row = json.loads(path.read_bytes()[:PLATE_BYTES])
            plate = Plate(int(row["pid"]), int(row["port"]), str(row["secret"]))
            os.kill(plate.pid, 0)
            found.append((path.stat().st_mtime_ns, plate))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return [plate for _, plate in sorted(found)]


def render_place(place: Place) -> bytes:
    """As the door tells it."""
    return json.dumps(asdict(place)).encode()


def parse_place(body: bytes) -> Place:
    """What the door told; as one that waits where it cannot be read."""
    try:
        row = json.loads(body)
        return Place(**row)
    except (ValueError, TypeError):
        return AWAY


def require_place(place: Place, wish: Wish) -> None:
    """Raises ConfigurationError for a wish that can never be had."""
    if place.stage == "refused":
        hint = "name what there is, or declare it in keepwell.toml: [[device]]"
        raise ConfigurationError(f"no time on {wish.device}: {place.why}", hint=hint)


def _send(plate: Plate, method: str, row: Mapping[str, Any]) -> tuple[int, bytes]:
    """Status and body; one request on a connection that the door closes. Raises OSError, ValueError. By hand, since
    `http.client` doubles the memory of a supervisor.
    """
    head = f"{method} {TURNS_PATH}?wish={quote(json.dumps(row), safe='')} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    head += f"authorization: Bearer {plate.secret}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", plate.port), timeout=ASK_SECONDS) as connection:
        connection.sendall(head.encode())
        answer = b""
        while len(answer) < ANSWER_BYTES and (part := connection.recv(ANSWER_BYTES)):
            answer += part
    first, _, body = answer.partition(b"\r\n\r\n")
    words = first.split(None, 2)
    if len(words) < 2 or not words[1].isdigit():
        raise ValueError("not an answer")
    return int(words[1]), body
