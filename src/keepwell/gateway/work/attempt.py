"""One try of a request on one replica: its connection, what the engine answers there, and where the body goes.

Nothing is sent to the client before the engine's first byte of body, so that until then another replica can be tried.
"""

from __future__ import annotations

from typing import Protocol

from keepwell.gateway.choice.ask import Outcome
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.wire.inbound import Inbound
from keepwell.gateway.wire.request import Request
from keepwell.gateway.work.entry import Entry
from keepwell.gateway.work.opening import Opening
from keepwell.gateway.work.pool import Pool
from keepwell.gateway.work.proof import find_model
from keepwell.gateway.work.relay import Relay
from keepwell.wire.heads import CHUNKED, UNTIL_CLOSED, render_framing
from keepwell.wire.outbound import WHOLE_BYTES, Outbound


class Asker(Protocol):
    """Whose request it is."""

    client: Inbound
    request: Request
    entry: Entry
    facts: Facts
    #: The client did not ask for the event with the counts.
    hides: bool
    #: Where the answer is kept, None if it is not to be.
    copy: bytearray | None
    #: A stream that may be begun while it waits.
    opening: Opening | None

    def make_body(self, model: str) -> bytes:
        """The body for a replica that knows the model by this name."""
        ...

    def connect_anew(self, attempt: Attempt) -> None:
        """The kept connection was none any more; the engine has not seen the request."""
        ...

    def answered(self, attempt: Attempt, answer: Outbound, body: bytes) -> None:
        """The whole answer is there; the client has nothing of it yet."""
        ...

    def relayed(self, attempt: Attempt, relay: Relay, status: int) -> None:
        """The client has the answer."""
        ...

    def attest(self, attempt: Attempt, status: int) -> bytes:
        """The lines of a head that say who answered; b"" where another model did and the client gets an error."""
        ...

    def failed(self, attempt: Attempt, outcome: Outcome, why: str, *, between: bool) -> None:
        """It failed; `between`: what the client has of it ends between two parts."""
        ...


class Attempt:
    """The gateway gives it a connection, the connection tells it of the answer. `began` is an instant, in seconds."""

    #: The model has to be loaded first, as far as is known.
    cold = False
    relay: Relay | None = None
    #: The engine is not read on, because the client reads too slowly.
    held = False
    _connection: Outbound | None = None
    _pool: Pool | None = None
    _over = False

    def __init__(self, asker: Asker, replica: str, model: str, began: float) -> None:
        self.replica = replica
        self.began = began
        self.model = model
        self._asker = asker

    @property
    def begun(self) -> bool:
        """True once the client got the first byte of a body that may still break off."""
        return self.relay is not None and self.relay.begun

    @property
    def heard_at(self) -> float:
        """When the engine sent anything last, 0 before."""
        if self._connection is None:
            return 0.0
        return self._connection.heard_at

    @property
    def progress(self) -> tuple[float, float, int]:
        """The instants of the first and the newest part of the answer, 0 before, and how many parts there were."""
        connection = self._connection
        if connection is None:
            return 0.0, 0.0, 0
        return connection.body_at, connection.heard_at, connection.reads

    # The gateway's calls.

    def connected(self, connection: Outbound, pool: Pool) -> bool:
        """Send it; the connection belongs to the pool. False for one that comes too late."""
        if self._over or self._connection is not None:
            return False
        self._connection, self._pool = connection, pool
        asker = self._asker
        body = asker.make_body(self.model)
        head, own = asker.request.head.onward, asker.request.own
        connection.ask(self, b"%b%b%bcontent-length: %d\r\n\r\n%b" % (head, own, pool.lines, len(body), body))
        return True

    def failed_to_connect(self, why: str, outcome: Outcome = "refused") -> None:
        """No connection."""
        if not self._over and self._connection is None:
            self._over = True
            self._asker.failed(self, outcome, why, between=True)

    # Its request's calls.

    def cut(self) -> bool:
        """Give it up and free the engine; True if what the client has of it ends between two parts."""
        self._over = True
        connection, self._connection = self._connection, None
        if connection is None:
            return True
        between = connection.is_between()
        self._measure(connection)
        connection.let_go()
        return between

    def detach(self) -> Outbound | None:
        """The connection, where the engine loads the model for it and gave nothing yet: the load is to go on."""
        connection = self._connection
        if not self.cold or connection is None or connection.heard_at or connection.closed:
            return None
        self._over = True
        self._connection = None
        return connection

    def hold(self) -> None:
        """Do not read on from the engine."""
        self.held = True
        if self._connection is not None and not self._connection.closed:
            self._connection.transport.pause_reading()

    def go_on(self) -> None:
        """Read on."""
        self.held = False
        if self._connection is not None and not self._connection.closed:
            self._connection.resume()

    # The engine's calls.

    def head(self, answer: Outbound) -> Relay | None:
        """The engine begins to answer: streams are handed on as they come, the rest is kept until it is whole."""
        if answer.head.status >= 400 or (not self._asker.facts.stream and answer.length <= WHOLE_BYTES):
            return None
        return self.grew(answer)

    def grew(self, answer: Outbound) -> Relay:
        """It is handed on as it comes."""
        asker = self._asker
        length = answer.length
        if length == CHUNKED and asker.request.head.old:
            length = UNTIL_CLOSED
        if asker.opening is not None and asker.opening.opened:
            length = CHUNKED
        raw = answer.head.chunked and length == CHUNKED and asker.facts.stream and not asker.hides
        raw = raw and asker.copy is None
        self.relay = Relay(self, asker.client, asker.entry.dialect, length=length, raw=raw, hides=asker.hides)
        self.relay.copy = asker.copy
        return self.relay

    def begin(self, data: bytes, length: int) -> bytes:
        """The head of an answer that is handed on as it comes; its body begins with `data`. b"" for none at all."""
        connection = self._connection
        if connection is None:
            return b""
        head, asker = connection.head, self._asker
        facts = asker.facts
        facts.status, facts.replica, facts.answered = head.status, self.replica, find_model(data)
        own = asker.attest(self, head.status)
        if not own:
            return b""
        if asker.opening is not None and asker.opening.opened:
            return asker.opening.render_begin()
        own += b"x-accel-buffering: no\r\n" * facts.stream
        framing = render_framing(length, close=asker.request.close or length == UNTIL_CLOSED)
        return b"%b%b%b%b" % (head.onward, connection.own, own, framing)

    def whole(self, answer: Outbound, body: bytes) -> None:
        """The answer is there, all of it."""
        if answer.unframed and self._lacks_end(body):
            self._broke_unseen(answer)
            return
        self._release(answer)
        self._asker.answered(self, answer, body)

    def finished(self, answer: Outbound) -> None:
        """What was handed on is whole."""
        relay = self.relay
        if relay is not None:
            if answer.unframed and self._lacks_end(relay.tail):
                self._broke_unseen(answer)
                return
            relay.end()
            self._release(answer)
            self._asker.relayed(self, relay, answer.head.status)

    def broke(self, why: str) -> None:
        """The engine's connection ended too early."""
        connection, self._connection = self._connection, None
        if self._over or connection is None:
            return
        if connection.asked > 1 and not connection.heard_at:
            # a kept connection that the engine closed while it was idle says nothing about the engine
            self._asker.connect_anew(self)
            return
        self._over = True
        self._measure(connection)
        outcome: Outcome = "refused"
        if self.begun:
            outcome = "cut"
        self._asker.failed(self, outcome, why, between=connection.is_between())

    def _lacks_end(self, body: bytes) -> bool:
        """True for half of an answer, of which this is all or the end: a stream without its last word, or cut JSON."""
        entry = self._asker.entry
        if entry.endpoint.use not in ("generate", "embed"):
            return False
        if self._asker.facts.stream:
            return (entry.endpoint.end or entry.dialect.end) not in body
        return not body.rstrip().endswith((b"}", b"]"))

    def _broke_unseen(self, answer: Outbound) -> None:
        """The connection ended as if the answer were whole, and it is not."""
        self._connection = answer
        self.broke("the connection ended in the middle of the answer")

    def _release(self, answer: Outbound) -> None:
        self._over = True
        self._connection = None
        self._measure(answer)
        if answer.reusable and self._pool is not None:
            self._pool.put_back(answer)
        elif not answer.closed:
            answer.let_go()

    def _measure(self, answer: Outbound) -> None:
        """What the connection knows of the answer so far."""
        facts = self._asker.facts
        facts.first, facts.last = answer.body_at, answer.heard_at
        facts.stream_parts, facts.bytes_out, facts.times = answer.reads, answer.bytes, answer.times
