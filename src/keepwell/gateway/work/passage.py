"""An upload that goes to the desk as it comes: of a body of any size no more is in memory than two buffers hold.

Everything else that the gateway passes on is read whole first, because another engine may have to be asked. There is
one desk, and what a client leaves there is larger than a prompt.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Protocol

from keepwell.gateway.record.facts import Facts
from keepwell.gateway.wire.heads import render_replica
from keepwell.gateway.wire.inbound import Inbound
from keepwell.gateway.wire.request import Request
from keepwell.gateway.work.entry import Entry
from keepwell.plugins.dialect import Dialect, Failure
from keepwell.plugins.routing import Replica
from keepwell.wire.heads import render_framing
from keepwell.wire.outbound import Outbound, Sink

#: The path whose bodies pass, and bytes from which on they do: smaller ones go the usual way.
UPLOADS = b"/v1/files"
#: Seconds for a connection (a desk may have to be started), and in which something has to move.
CONNECT_SECONDS, STALL_SECONDS = 30.0, 120.0


class Owner(Protocol):
    """The gateway, as one upload sees it."""

    def now(self) -> float:
        """The gateway's clock, in seconds."""
        ...

    def passed(self, passage: Passage) -> None:
        """It is over."""
        ...

    def refuse(self, client: Inbound, request: Request, dialect: Dialect, failure: Failure) -> None:
        """Answer with this error, and end the request."""
        ...


class Passage:
    """One upload on its way. `size` bytes of its body have come."""

    def __init__(self, gate: Owner, client: Inbound, request: Request, entry: Entry, facts: Facts) -> None:
        self.client = client
        self.facts = facts
        self.size = 0
        #: When anything came or went last.
        self.moved_at = facts.began
        self._gate = gate
        self._request = request
        self._entry = entry
        self._length = int(request.named[b"content-length"])
        self._early: list[bytes] = []
        self._connection: Outbound | None = None
        self._opening: asyncio.Task[None] | None = None
        self._over = False

    def begin(self, replica: Replica) -> None:
        """Connect to the desk; until then the client is not read on."""
        self.client.transport.pause_reading()
        self._opening = asyncio.get_running_loop().create_task(self._open(replica))

    def look(self, now: float, *, slow: bool) -> None:
        """End it where nothing moves, or the client is too `slow`."""
        if slow or (now - self.moved_at > STALL_SECONDS and self.size < self._length):
            self._fail(Failure(status=408, kind="upload_late", message="the file did not come within its time"))
        elif now - self.moved_at > STALL_SECONDS:
            self._fail(Failure(status=504, kind="desk_silent", message="the desk did not answer within its time"))

    # The client's side.

    def take(self, data: bytes) -> None:
        """Part of the body."""
        self.size += len(data)
        self.moved_at = self._gate.now()
        if self._connection is None:
            self._early.append(data)
        else:
            self._connection.transport.write(data)

    def client_gone(self) -> None:
        """Nobody uploads any more: the desk keeps nothing."""
        self.facts.error = "client_gone"
        self._end()

    def hold(self) -> None:
        """The answer is short: it is written whole."""

    def go_on(self) -> None:
        """See `hold`."""

    # The desk's side.

    def pause(self) -> None:
        """It writes more slowly than the client sends."""
        if not self._over:
            self.client.transport.pause_reading()

    def resume(self) -> None:
        """It has written."""
        self.moved_at = self._gate.now()
        if not self._over:
            self.client.transport.resume_reading()

    def head(self, answer: Outbound) -> Sink | None:
        """The answer is wanted whole."""
        return None

    def grew(self, answer: Outbound) -> Sink:
        """It is none of the desk's."""
        self._fail(Failure(status=502, kind="desk_spoilt", message="the desk's answer is too large"))
        return _Nowhere()

    def whole(self, answer: Outbound, body: bytes) -> None:
        """The answer; the connection ends where it came before the body had."""
        if self._over:
            return
        head, facts = answer.head, self.facts
        facts.status = head.status
        close = self._request.close or self.size < self._length
        framing = render_framing(len(body), close=close)
        self.client.transport.write(b"%b%b%b%b%b" % (head.onward, answer.own, facts.page, framing, body))
        self._end()
        self.client.done(close=close)

    def finished(self, answer: Outbound) -> None:
        """Nothing was handed on."""

    def broke(self, why: str) -> None:
        """The desk's connection ended."""
        self._fail(Failure(status=502, kind="desk_gone", message=f"the desk did not take the file: {why}"))

    async def _open(self, replica: Replica) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, made = await loop.create_connection(partial(_Feed, self), replica.host, replica.port)
        except (OSError, TimeoutError) as error:
            self.broke(str(error) or "no connection in time")
            return
        if self._over:
            made.let_go()
            return
        if made.closed:  # it ended between the connection and this turn of the loop
            self.broke("the connection ended at once")
            return
        lines = b"%b%bcontent-length: %d\r\n\r\n" % (
            self._request.head.onward,
            render_replica(replica),
            self._length,
        )
        made.ask(self, lines)
        early, self._early = self._early, []
        for data in early:
            made.transport.write(data)
        self._connection = made
        self.resume()

    def _fail(self, failure: Failure) -> None:
        if self._over:
            return
        self.facts.status, self.facts.error = failure.status, failure.kind
        self._end()
        self._request.close = True
        self._gate.refuse(self.client, self._request, self._entry.dialect, failure)

    def _end(self) -> None:
        """Let go of the desk; the client is read on, by whom it concerns."""
        if self._over:
            return
        self._over = True
        if self._connection is not None:
            self._connection.let_go()
        if not self.client.transport.is_closing():
            self.client.transport.resume_reading()
        self._gate.passed(self)


class _Feed(Outbound):
    """The connection to the desk: it tells when it takes no more for a while."""

    def __init__(self, passage: Passage) -> None:
        super().__init__()
        self._passage = passage

    def pause_writing(self) -> None:
        """Enough waits to be written."""
        self._passage.pause()

    def resume_writing(self) -> None:
        """It was written."""
        self._passage.resume()


class _Nowhere:
    """Where an answer goes that nobody wants."""

    raw = False

    def take(self, data: bytes) -> None:
        """Nothing is kept."""
