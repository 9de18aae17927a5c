"""The body of an answer on its way to the client as it comes: raw where it may stay as it is, else framed anew.

What is looked for in it is looked for by searches over a whole read; no event is taken apart unless one must be hidden.
"""

from __future__ import annotations

from typing import Protocol

from keepwell.gateway.wire.inbound import Inbound
from keepwell.plugins.dialect import Dialect, Usage
from keepwell.store.bodies import BODY_BYTES
from keepwell.wire.heads import CHUNKED, UNTIL_CLOSED

#: Bytes of the end of an answer in which tokens are counted.
TAIL_BYTES = 8192


class Opens(Protocol):
    """Who makes the head of the answer."""

    def begin(self, data: bytes, length: int) -> bytes:
        """The head, for a body that begins like this: from now on there is no way back."""
        ...


class Relay:
    """Where an engine's connection puts the body. `raw`: it comes, and goes, with its framing.

    `length` is what the client is told: the size, CHUNKED or UNTIL_CLOSED. `hides`: the client did not ask for the
    event with the counts. `alarm` is True once an error was seen inside the stream.
    """

    def __init__(self, opens: Opens, client: Inbound, dialect: Dialect, *, length: int, raw: bool, hides: bool) -> None:
        self.raw = raw
        self.length = length
        self.begun = False
        self.alarm = False
        self._opens = opens
        self._write = client.transport.write
        self._dialect = dialect
        self._hides = hides
        self._partial = b""
        self._tail = bytearray()
        #: Where the beginning of the body is kept, None if it is not to be.
        self.copy: bytearray | None = None

    @property
    def until_closed(self) -> bool:
        """True if only the connection's end tells the client the body's."""
        return self.length == UNTIL_CLOSED

    def take(self, data: bytes) -> None:
        """Part of the body, on to the client."""
        self._tail += data[-TAIL_BYTES:]
        if len(self._tail) > 4 * TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]
        if self.copy is not None and len(self.copy) < BODY_BYTES:
            self.copy += data
        if b'"error"' in data:
            self._look_for_error(data)
        shown = data
        if not self.raw:
            shown = self._frame(data)
            if not shown:
                return
        if not self.begun:
            head = self._opens.begin(data, self.length)
            if not head:
                return
            shown = head + shown
            self.begun = True
        self._write(shown)

    def end(self) -> None:
        """The body is whole."""
        if self.raw:
            return
        rest, self._partial, self._hides = self._partial, b"", False
        last = self._frame(rest) + b"0\r\n\r\n" * (self.length == CHUNKED)
        if not self.begun:
            last = self._opens.begin(b"", self.length) + last
            self.begun = True
        self._write(last)

    def end_in(self, event: bytes) -> None:
        """It broke off: `event`, in which the client is told so, is its end."""
        self._write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event))

    def read_usage(self) -> Usage:
        """Tokens, from the end of the body; an error that stands there across two reads is seen too."""
        tail = self.tail
        if b'"error"' in tail:
            self._look_for_error(tail)
        return self._dialect.read_usage(tail)

    @property
    def tail(self) -> bytes:
        """The end of the body so far."""
        return bytes(self._tail[-TAIL_BYTES:])

    def _look_for_error(self, data: bytes) -> None:
        self.alarm = self.alarm or any(alarm in data for alarm in self._dialect.alarms)

    def _frame(self, data: bytes) -> bytes:
        """Part of the body as this client's connection carries it."""
        if self._hides:
            data = self._without_usage(data)
        if data and self.length == CHUNKED:
            return b"%x\r\n%b\r\n" % (len(data), data)
        return data

    def _without_usage(self, data: bytes) -> bytes:
        """Whole events, without the one that only we asked for; what is not whole yet waits."""
        whole, mark, self._partial = (self._partial + data).rpartition(b"\n\n")
        return without_usage(whole + mark, self._dialect)


def without_usage(events: bytes, dialect: Dialect) -> bytes:
    """Whole events without those that hold nothing but the counts."""
    place = events.find(b'"usage"')
    while place >= 0:
        begin, end = events.rfind(b"\n\n", 0, place), events.find(b"\n\n", place)
        begin, end = begin + 2 * (begin >= 0), end + 2
        begin, end = max(0, begin), end * (end >= 2) or len(events)
        if dialect.is_usage(events[begin:end]):
            events, end = events[:begin] + events[end:], begin
        place = events.find(b'"usage"', end)
    return events
