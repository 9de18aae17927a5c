"""The answer to a client that waits for a stream, begun before any engine answered: comments keep its connection open.

The price is the status: 200 is told before anything is known, so that a failure comes as an event of the stream and a
client's own retries by status do not begin. A route has to ask for it (`comments`).
"""

from __future__ import annotations

from typing import Protocol

from keepwell.gateway.choice.ask import Wait
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.work.proof import header_text, render_proof
from keepwell.plugins.dialect import Dialect, Failure
from keepwell.wire.heads import CHUNKED, render_head

#: Seconds that a client waits in silence before its stream is begun: until then its status can still tell an error.
SILENT_SECONDS = 3.0
#: Seconds between two comments; proxies give a silent connection up after ten at the earliest.
COMMENT_SECONDS = 5.0
#: Characters of an engine's error that are told in an event.
TOLD = 2000
_OWN = b"content-type: text/event-stream\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n"


class Writes(Protocol):
    """Where the answer goes."""

    def write(self, data: bytes) -> None:
        """On to the client."""
        ...


class Opening:
    """The stream of one client, opened once it has waited too long. `opened` is True from then on."""

    def __init__(self, transport: Writes, dialect: Dialect, facts: Facts, lines: bytes) -> None:
        self.opened = False
        self._transport = transport
        self._dialect = dialect
        self._facts = facts
        self._lines = lines
        self._last = 0.0

    def keep(self, now: float, *, queued: bool) -> None:
        """Begin it, or say that it lives, if it is time."""
        if now - max(self._last, self._facts.began + SILENT_SECONDS - COMMENT_SECONDS) < COMMENT_SECONDS:
            return
        head = b""
        if not self.opened:
            own = _OWN + render_proof(self._facts) + self._lines
            head = render_head(200, own, length=CHUNKED, close=False)
            self.opened = True
        self._last = now
        self._transport.write(head + _comment({True: b"waiting", False: b"no answer yet"}[queued]))

    def render_begin(self, lines: bytes = b"") -> bytes:
        """What stands in the place of a head when an engine's first byte has come: who answers, and further lines."""
        facts = self._facts
        begin = _comment(b"%b from %b" % (header_text(facts.answered or facts.asked), header_text(facts.replica)))
        return begin + b"".join(map(_comment, lines.splitlines()))

    def end(self, body: bytes, lines: bytes = b"") -> None:
        """A whole stream of an engine is all that follows."""
        self._transport.write(self.render_begin(lines) + _chunk(body) + _chunk(b""))

    def end_in(self, failure: Failure) -> None:
        """It cannot be served: an event that says so, and never the stream's true end."""
        self._transport.write(_chunk(self._dialect.render_break(failure)) + _chunk(b""))


def describe_error(replica: str, status: int, body: bytes) -> Failure:
    """An engine's answer with an error, for a client that had its status before."""
    said = body[:TOLD].decode("utf-8", "replace")
    return Failure(status=status, kind="engine_error", message=f"{replica} answered HTTP {status}: {said}")


def render_place(place: Wait) -> bytes:
    """Lines of a head: how many were before it when it came, and how long it was to wait."""
    lines = b"x-keepwell-queue-position: %d\r\nx-keepwell-queue-estimate-ms: %d\r\n"
    return lines % (place.position, place.seconds * 1000)


def render_waited(seconds: float) -> bytes:
    """The line of a head that tells how long it waited."""
    return b"x-keepwell-queue-ms: %d\r\n" % (seconds * 1000)


def _comment(words: bytes) -> bytes:
    return _chunk(b": %b\n\n" % words)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
