"""What a client is told of its request: that it waits, what it cannot have, and who answers.

The half of an exchange that writes to the client; who tries the request is the other one's affair.
"""

from __future__ import annotations

from typing import Protocol

from keepwell.gateway.choice.ask import Effect, Outcome, Refuse, Wait
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.wire.body import Peek
from keepwell.gateway.wire.inbound import Inbound
from keepwell.gateway.wire.request import Request
from keepwell.gateway.work.attempt import Attempt
from keepwell.gateway.work.attest import Attest
from keepwell.gateway.work.entry import Entry
from keepwell.gateway.work.loading import Loads
from keepwell.gateway.work.opening import Opening, render_place, render_waited
from keepwell.gateway.work.proof import find_model, render_proof
from keepwell.gateway.work.relay import TAIL_BYTES, without_usage
from keepwell.gateway.work.translation import Translation, make_setting
from keepwell.plugins.dialect import Failure
from keepwell.plugins.routing import Ask
from keepwell.wire.heads import render_head


class Owner(Protocol):
    """The gateway, as one request sees it."""

    attest: Attest
    loads: Loads

    def now(self) -> float:
        """The gateway's clock, in seconds."""
        ...

    def connect(self, attempt: Attempt, *, fresh: bool = False) -> None:
        """Give it a connection: `connected` or `failed_to_connect` is called, perhaps at once. `fresh`: a new one."""
        ...

    def ended_well(self, exchange: Telling, attempt: Attempt) -> None:
        """The request is over, and this attempt was well."""
        ...

    def tried(self, exchange: Telling, replica: str, outcome: Outcome, why: str) -> None:
        """A try ended."""
        ...

    def again(self, exchange: Telling, failed: frozenset[str]) -> Effect:
        """Another try, elsewhere."""
        ...

    def over(self, exchange: Telling) -> None:
        """The request is over."""
        ...

    def find_room(self, route: str, replica: str) -> int:
        """Tokens of context that the replica has for the route's model, 0 where that is not known."""
        ...


class Telling:
    """One request's client. What most requests never change stands in the class, for the price of an instance."""

    #: In the queue.
    waiting = False
    #: Where the answer is kept, None if it is not to be.
    copy: bytearray | None = None
    #: A stream that may be begun while it waits.
    opening: Opening | None = None
    #: Since when the client takes nothing of what is there, 0 while it does.
    held_at = 0.0
    _place: Wait | None = None
    _lines = b""
    _over = False

    def __init__(self, gate: Owner, client: Inbound, request: Request, entry: Entry, look: Peek, ask: Ask) -> None:
        self._gate = gate
        self.client = client
        self.request = request
        self.entry = entry
        self.ask = ask
        self.facts = facts = Facts(ask.id, request.received_at)
        facts.key, facts.route, facts.dialect, facts.path = ask.key, ask.route, entry.dialect_name, entry.path
        facts.asked, facts.page = look.model or look.name, request.head.page
        facts.stream = entry.endpoint.streams
        if look.stream is not None:
            facts.stream = look.stream
        self.hides = facts.stream and entry.endpoint.counts and look.stream_options is None

    def end_stall(self, now: float) -> None:
        """The client takes something again, or it is over."""
        if self.held_at:
            self.facts.stalled += now - self.held_at
            self.held_at = 0.0

    def begin_early(self) -> None:
        """Its stream may be begun while it waits, if its client reads such."""
        if self.facts.stream and self.entry.dialect.comments and not self.request.head.old:
            lines = self.request.head.page
            if self._place is not None:
                lines += render_place(self._place)
            self.opening = Opening(self.client.transport, self.entry.dialect, self.facts, lines)

    def refuse(self, failure: Failure) -> None:
        """It cannot be served: an error in the client's own dialect."""
        if self.opening is None or not self.opening.opened:
            self._tell_place(self._gate.now())
        self._end(close=self._write_refusal(failure))

    def _tell_place(self, now: float) -> None:
        if self._place is not None:
            self._lines += render_place(self._place) + render_waited(now - self.facts.began)
            self._place = None

    def _write_refusal(self, failure: Failure) -> bool:
        """An error in the client's own dialect; True if its connection is to be closed then."""
        facts = self.facts
        facts.status, facts.error = failure.status, failure.kind
        if self.opening is not None and self.opening.opened:
            self.opening.end_in(failure)
            return True
        body = self.entry.dialect.render_refusal(failure)
        own = render_json(failure) + render_proof(facts) + self._lines
        close = self.request.close
        self.client.transport.write(render_head(failure.status, own, length=len(body), close=close) + body)
        return close

    def _end(self, *, close: bool) -> None:
        self._over = True
        self._gate.over(self)
        self.client.done(close=close)

    def _answer_load(self, translation: Translation, replica: str) -> None:
        """To whoever wants nothing but the model in memory, for an engine that cannot load."""
        facts = self.facts
        facts.status, facts.replica = 200, replica
        content_type, body = translation.answer_load(make_setting(facts), self._gate.now() - facts.began)
        own = b"content-type: %b\r\n" % content_type + render_proof(facts) + self._lines
        close = self.request.close
        self.client.transport.write(render_head(200, own, length=len(body), close=close) + body)
        self._end(close=close)

    def _note_stream(self, body: bytes) -> bytes:
        """A stream that came all at once: what it says of itself, and what the client gets of it."""
        dialect, facts = self.entry.dialect, self.facts
        facts.answered, facts.usage = find_model(body), dialect.read_usage(body[-TAIL_BYTES:])
        if any(alarm in body for alarm in dialect.alarms):
            facts.error = "error_in_stream"
        if self.hides:
            return without_usage(body, dialect)
        return body


def render_json(failure: Failure) -> bytes:
    """The lines of a refusal's head that are about its body, and when to ask again."""
    retry = b"retry-after: %d\r\n" % max(1, round(failure.retry_seconds)) * bool(failure.retry_seconds)
    return b"content-type: application/json\r\n" + retry


def describe_refusal(effect: Refuse) -> Failure:
    """What the scheduler said, for a client."""
    return Failure(status=effect.status, kind=effect.kind, message=effect.message, retry_seconds=effect.retry_seconds)
