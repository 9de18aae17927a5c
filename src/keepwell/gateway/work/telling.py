"""What a client is told of its request: that it waits, what it cannot have, and who answers.

The half of an exchange that writes to the client; who tries the request is the other one's affair.
"""

from __future__ import annotations

from keepwell.gateway.choice.ask import Refuse, Wait
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.wire.body import Peek
from keepwell.gateway.wire.heads import render_head
from keepwell.gateway.wire.inbound import Inbound
from keepwell.gateway.wire.request import Request
from keepwell.gateway.work.entry import Entry
from keepwell.gateway.work.opening import Opening, render_place, render_waited
from keepwell.gateway.work.proof import find_model, render_proof
from keepwell.gateway.work.relay import TAIL_BYTES, without_usage
from keepwell.plugins.dialect import Failure
from keepwell.plugins.routing import Ask


class Telling:
    """One request's client. What most requests never change stands in the class, for the price of an instance."""

    #: In the queue.
    waiting = False
    #: Where the answer is kept, None if it is not to be.
    copy: bytearray | None = None
    #: A stream that may be begun while it waits.
    opening: Opening | None = None
    _place: Wait | None = None
    _lines = b""

    def __init__(self, client: Inbound, request: Request, entry: Entry, look: Peek, ask: Ask) -> None:
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

    def begin_early(self) -> None:
        """Its stream may be begun while it waits, if its client reads such."""
        if self.facts.stream and self.entry.dialect.comments and not self.request.head.old:
            lines = self.request.head.page
            if self._place is not None:
                lines += render_place(self._place)
            self.opening = Opening(self.client.transport, self.entry.dialect, self.facts, lines)

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
