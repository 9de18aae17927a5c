"""FetchedSight: another machine's files for collectors, fetched beforehand in one exchange a look.

A collector asks for files as it goes, and a connection takes a while for each: so what collectors asked for in one
look is fetched together before the next. What was never asked for before is NotThere, once.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from keepwell.core.errors import AccessError, NotThere
from keepwell.plugins.collector import READ_BYTES
from keepwell.transport.failures import KINDS
from keepwell.transport.wire import BrokenFrame, Header

#: Things in one question, as the far end allows it; what is more is not asked for.
MOST = 4000

#: Looks for which something is fetched that was not asked for again: collectors read some files at every 60th.
LATELY = 64
#: Bytes of a file that is fetched only when it was asked for in the look before.
LARGE_BYTES = 64 * 1024
#: What can be asked for, as the far end names it.
CALLS = ("read", "names", "link", "size")

_Wish: TypeAlias = tuple[str, str]


class Exchange:
    """What was fetched of one machine: a question made of what all that are about to look asked for lately, and what
    came of it.
    """

    def __init__(self) -> None:
        self._got: dict[_Wish, bytes | tuple[int, int] | AccessError] = {}
        self._asked: dict[str, list[str]] = {}

    def question(self, sights: Iterable[FetchedSight]) -> Header:
        """The arguments of one `gather`."""
        wishes: dict[_Wish, int] = {}
        for one in sights:
            wishes |= one.wishes()
        self._asked = {call: [path for name, path in wishes if name == call][:MOST] for call in CALLS}
        return {**self._asked, "read": [[path, wishes["read", path]] for path in self._asked["read"]]}

    def fill(self, answer: Header, payload: bytes) -> None:
        """What came of the question. Raises BrokenFrame for an answer to something else."""
        self._got = {}
        place = 0
        for call in ("read", "names", "link"):
            for path, told in zip(self._asked[call], _told(answer, call, len(self._asked[call])), strict=True):
                if type(told) is int and told >= 0:
                    self._got[call, path] = payload[place : place + told]
                    place += told
                else:
                    self._got[call, path] = _error(told, path)
        for path, told in zip(self._asked["size"], _told(answer, "size", len(self._asked["size"])), strict=True):
            if isinstance(told, list) and len(told) == 2 and all(type(one) is int for one in told):
                self._got["size", path] = told[0], told[1]
            else:
                self._got["size", path] = _error(told, path)

    def find(self, call: str, path: str) -> bytes | tuple[int, int] | None:
        """What came of one thing, None where it was not asked for. Raises the AccessError that came of it."""
        found = self._got.get((call, path))
        if isinstance(found, AccessError):
            raise type(found)(found.what, where=path)
        return found

    def size(self, wish: _Wish) -> int:
        """How many bytes came of one thing; 0 where none did."""
        found = self._got.get(wish)
        if isinstance(found, bytes):
            return len(found)
        return 0


@dataclass(slots=True)
class _Wanted:
    """Something that a collector asked for: bytes at most, and looks since then."""

    most: int
    age: int = 0


class FetchedSight:
    """The `Sight` of one collector on a machine at the other end of a line. `news` is True after it asked for
    something that was not fetched. Used by one thread at a time.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.watched: Mapping[int, str] = {}
        self.news = False
        self._wanted: dict[_Wish, _Wanted] = {}
        self._exchange = exchange

    def wishes(self) -> dict[_Wish, int]:
        """What to fetch for the next look: what was asked for lately, for some files are read at every tenth look
        only. A large one that was not asked for in the last look is not.
        """
        self.news = False
        for wish, one in list(self._wanted.items()):
            large = self._exchange.size(wish) > LARGE_BYTES
            if one.age > LATELY or (one.age > 1 and large):
                del self._wanted[wish]
        for one in self._wanted.values():
            one.age += 1
        return {wish: one.most for wish, one in self._wanted.items()}

    def read(self, path: str, *, max_bytes: int = READ_BYTES) -> bytes:
        """The beginning of a file, as it was."""
        self._wanted["read", path] = _Wanted(max_bytes)
        return self._bytes("read", path)

    def names(self, path: str) -> tuple[str, ...]:
        """Names in a folder, as they were."""
        self._wanted["names", path] = _Wanted(0)
        return tuple(os.fsdecode(name) for name in self._bytes("names", path).split(b"\0")[:-1])

    def link(self, path: str) -> str:
        """Where a link pointed."""
        self._wanted["link", path] = _Wanted(0)
        return os.fsdecode(self._bytes("link", path))

    def size(self, path: str) -> tuple[int, int]:
        """Bytes of a file system, as they were."""
        self._wanted["size", path] = _Wanted(0)
        found = self._exchange.find("size", path)
        if not isinstance(found, tuple):
            raise self._not_yet(path)
        return found

    def _bytes(self, call: str, path: str) -> bytes:
        found = self._exchange.find(call, path)
        if not isinstance(found, bytes):
            raise self._not_yet(path)
        return found

    def _not_yet(self, path: str) -> NotThere:
        self.news = True
        return NotThere("not fetched yet; it is there at the next look", where=path)


def _told(answer: Header, call: str, count: int) -> list[Any]:
    told = answer.get(call)
    if not isinstance(told, list) or len(told) != count:
        raise BrokenFrame(f"an answer without what was asked for under {call}")
    return told


def _error(told: object, path: str) -> AccessError:
    number = getattr(errno, str(told), 0)
    kind = KINDS.get(number, AccessError)
    if number:
        return kind(os.strerror(number), where=path)
    return kind("it could not be read there", where=path)
