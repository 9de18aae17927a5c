"""One try of a request on a replica that does not have its path: asked in a format of the replica, answered to the
client in the client's own.

An answer goes through in whole reads: all events of one are written at once. Whatever the engine says that is an error,
or no answer at all, ends the try as a broken connection would: before the client's first byte another replica is tried,
after it the client's stream ends in an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from keepwell.gateway.choice.ask import Start
from keepwell.gateway.work.attempt import Asker, Attempt
from keepwell.gateway.work.heard import Heard
from keepwell.gateway.work.opening import TOLD
from keepwell.gateway.work.pool import Pool
from keepwell.gateway.work.relay import Relay
from keepwell.gateway.work.telling import render_json
from keepwell.gateway.work.translation import Wording, make_setting
from keepwell.plugins.answer_events import Event
from keepwell.plugins.codec import Reader, Writer
from keepwell.plugins.dialect import Failure, Usage
from keepwell.store.bodies import BODY_BYTES
from keepwell.wire.heads import CHUNKED, UNTIL_CLOSED, AnswerHead, render_head
from keepwell.wire.outbound import WHOLE_BYTES, Outbound

#: Seconds for which an engine's Retry-After is passed on at most.
RETRY_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Worded:
    """A whole answer for the client: lines of its head that are about its form, and its body; the `failure` that it
    tells of, if it is an error. `fault` is why it is none, "" for one.
    """

    own: bytes = b""
    body: bytes = b""
    failure: Failure | None = None
    fault: str = ""


class Teller(Asker, Protocol):
    """Whose request it is."""

    def answered_otherwise(self, attempt: TranslatedAttempt, head: AnswerHead, body: bytes) -> None:
        """The whole answer is there, in the engine's format; the client has nothing of it yet."""
        ...


class Broken(Protocol):
    """Who is told that an answer cannot be finished."""

    def begin(self, data: bytes, length: int) -> bytes:
        """The head of the answer, see `Relay`."""
        ...

    def spoilt(self) -> None:
        """The engine said so, or what it sent is no answer."""
        ...


class TranslatedRelay(Relay):
    """An answer on its way, read by the engine's codec and written by the client's."""

    def __init__(self, owner: Broken, asker: Asker, reader: Reader, writer: Writer, *, length: int) -> None:
        super().__init__(owner, asker.client, asker.entry.dialect, length=length, raw=False, hides=False)
        self.heard = Heard()
        self.content_type = writer.content_type
        self._owner = owner
        self._reader = reader
        self._writer = writer
        self._began = asker.facts.began

    def take(self, data: bytes) -> None:
        """Part of the engine's body."""
        self._pass_on(self._reader.feed(data))
        if self.heard.fault is not None:
            self._owner.spoilt()

    def end(self) -> None:
        """The engine's body is over. Nothing tells the client so where it is not whole: see `heard`."""
        if not self.heard.ended:
            self._pass_on(self._reader.end())
        if self.heard.fault is None and self.heard.ended and self.begun and self.length == CHUNKED:
            self._write(b"0\r\n\r\n")

    def read_usage(self) -> Usage:
        """Tokens."""
        return self.heard.usage

    def _pass_on(self, events: list[Event]) -> None:
        events = self.heard.note(events)
        if not events:
            return
        shown = self._writer.write(events, monotonic() - self._began)
        if not shown:
            return
        if self.copy is not None and len(self.copy) < BODY_BYTES:
            self.copy += shown
        framed = shown
        if self.length == CHUNKED:
            framed = b"%x\r\n%b\r\n" % (len(shown), shown)
        if not self.begun:
            head = self._opens.begin(shown, self.length)
            if not head:
                return
            framed = head + framed
            self.begun = True
        self._write(framed)


class TranslatedAttempt(Attempt):
    """See `Attempt`."""

    relay: TranslatedRelay | None = None

    def __init__(self, asker: Teller, start: Start, began: float, wording: Wording, body: bytes) -> None:
        super().__init__(asker, start.replica, start.model, began)
        self.cold = start.cold
        self.wording = wording
        self._teller = asker
        self._body = body

    @property
    def dialect(self) -> str:
        """For the record: the client's, and the one that the engine was asked in."""
        return f"{self._asker.entry.dialect_name} > {self.wording.way.dialect}"

    def connected(self, connection: Outbound, pool: Pool) -> bool:
        """Send it; the connection belongs to the pool. False for one that comes too late."""
        if self._over or self._connection is not None:
            return False
        self._connection, self._pool = connection, pool
        request, body = self._asker.request, self._body
        head = self.wording.render_head(request.head)
        connection.ask(self, b"%b%b%bcontent-length: %d\r\n\r\n%b" % (head, request.own, pool.lines, len(body), body))
        return True

    def cut(self) -> bool:
        """Give it up and free the engine. What the client has of it always ends between two parts."""
        super().cut()
        return True

    def head(self, answer: Outbound) -> Relay | None:
        """The engine begins to answer: streams are handed on as they come, the rest is kept until it is whole."""
        if answer.head.status >= 400 or (not self._asker.facts.stream and answer.length <= WHOLE_BYTES):
            return None
        return self.grew(answer)

    def grew(self, answer: Outbound) -> Relay:
        """It is handed on as it comes, and is as long as it is long."""
        asker = self._asker
        length = CHUNKED
        if asker.request.head.old:
            length = UNTIL_CLOSED
        reader = self.wording.way.codec.make_reader(stream=self._streams(answer.head))
        self.relay = TranslatedRelay(self, asker, reader, self._make_writer(), length=length)
        self.relay.copy = asker.copy
        return self.relay

    def begin(self, data: bytes, length: int) -> bytes:
        """The head of the answer; b"" where none is to be given."""
        asker, relay = self._asker, self.relay
        if self._connection is None or relay is None:
            return b""
        facts = asker.facts
        facts.status, facts.replica, facts.answered = self._connection.head.status, self.replica, relay.heard.model
        own = asker.attest(self, facts.status)
        if not own:
            return b""
        if asker.opening is not None and asker.opening.opened:
            return asker.opening.render_begin(self.wording.lines)
        facts.dialect = self.dialect
        own = (
            self._render_own(relay.content_type)
            + own
            + self.wording.lines
            + b"x-accel-buffering: no\r\n" * facts.stream
        )
        return render_head(facts.status, own, length=length, close=asker.request.close or length == UNTIL_CLOSED)

    def whole(self, answer: Outbound, body: bytes) -> None:
        """The answer is there, all of it."""
        self._release(answer)
        self._teller.answered_otherwise(self, answer.head, body)

    def finished(self, answer: Outbound) -> None:
        """The engine's body is over."""
        relay = self.relay
        if relay is None:
            return
        relay.end()
        if self._over:
            return
        self._release(answer)
        if relay.heard.fault is not None or not relay.heard.ended or not relay.begun:
            self._fail()
        else:
            self._asker.relayed(self, relay, answer.head.status)

    def broke(self, why: str) -> None:
        """The engine's connection ended too early, unless all was said by then."""
        connection, relay = self._connection, self.relay
        if connection is None or relay is None or not relay.begun:
            super().broke(why)
        elif relay.heard.ended:
            self.finished(connection)
        else:
            self.cut()
            self._asker.failed(self, "cut", why, between=True)

    def spoilt(self) -> None:
        """What the engine sent is an error, or no answer."""
        if not self._over:
            self.cut()
            self._fail()

    def word(self, head: AnswerHead, body: bytes, seconds: float) -> Worded:
        """A whole answer for the client, `seconds` after it asked; the facts know who gave it, and its tokens."""
        facts = self._asker.facts
        if head.status >= 400:
            failure = self._describe(head, body)
            shown = self._asker.entry.dialect.render_refusal(failure)
            return Worded(own=render_json(failure), body=shown, failure=failure)
        reader, heard = self.wording.way.codec.make_reader(stream=self._streams(head)), Heard()
        events = heard.note([*reader.feed(body), *reader.end()])
        if heard.fault is not None:
            return Worded(fault=heard.fault.message or "what came is no answer")
        facts.answered, facts.usage = heard.model, heard.usage
        writer = self._make_writer()
        return Worded(own=self._render_own(writer.content_type), body=writer.write(events, seconds))

    def _make_writer(self) -> Writer:
        """For the answer to the client."""
        codec = self._asker.entry.endpoint.codec or self.wording.way.codec
        return codec.make_writer(self.wording.asked, make_setting(self._asker.facts))

    def _describe(self, head: AnswerHead, body: bytes) -> Failure:
        """An engine's error: its status, its sentence, and when to come again."""
        said = self.wording.way.codec.read_error(body) or body[:TOLD].decode("utf-8", "replace")
        after = dict(head.headers).get(b"retry-after", b"")
        seconds = 0
        if after.isdigit():
            seconds = min(int(after[:9]), RETRY_SECONDS)
        message = said or f"{self.replica} answered HTTP {head.status}"
        return Failure(status=head.status, kind="engine_error", message=message, retry_seconds=seconds)

    def _render_own(self, content_type: bytes) -> bytes:
        """Lines of the answer's head that are about its form."""
        return b"content-type: %b\r\n" % content_type + b"cache-control: no-cache\r\n" * self._asker.facts.stream

    def _streams(self, head: AnswerHead) -> bool:
        """True unless the engine says that this is one JSON text, whatever it was asked for."""
        kind = dict(head.headers).get(b"content-type", b"")
        return self.wording.asked.stream and not kind.startswith(b"application/json")

    def _fail(self) -> None:
        relay = self.relay
        why = "the answer ended before its end"
        if relay is not None and relay.heard.fault is not None:
            why = relay.heard.fault.message or why
        self._asker.failed(self, "sick", why, between=True)
