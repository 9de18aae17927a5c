"""One request from its arrival to the last byte of its answer: tries on replicas, relaying, what is known of it.

Nothing is sent to the client before an engine's first byte of body, so that until then another replica can be tried.
Afterwards a stream that breaks ends in an error of the client's own dialect, never in what looks like its end.
"""

from __future__ import annotations

from typing import Protocol

from keepwell.gateway.ask import Effect, Outcome, Refuse, Start
from keepwell.gateway.body import Peek, rename_model
from keepwell.gateway.entry import Entry
from keepwell.gateway.facts import Facts
from keepwell.gateway.heads import CHUNKED, UNTIL_CLOSED, render_framing, render_head
from keepwell.gateway.inbound import Inbound, Request
from keepwell.gateway.outbound import WHOLE_BYTES, Outbound
from keepwell.gateway.proof import find_model, render_proof
from keepwell.gateway.relay import TAIL_BYTES, Relay, without_usage
from keepwell.plugins.dialect import Failure
from keepwell.plugins.routing import Ask

#: Tries of one request, the first included.
TRIES = 3
#: Statuses of an engine for which another one is tried.
RETRIED = frozenset({429, 500, 502, 503, 504})


class Gate(Protocol):
    """What an exchange needs of the gateway."""

    def now(self) -> float:
        """The gateway's clock, in seconds."""
        ...

    def connect(self, exchange: Exchange, replica: str, *, fresh: bool = False) -> None:
        """Give it a connection: `connected` or `failed_to_connect` is called, perhaps at once. `fresh`: a new one."""
        ...

    def put_back(self, replica: str, connection: Outbound) -> None:
        """Keep the connection for another request."""
        ...

    def tried(self, exchange: Exchange, replica: str, outcome: Outcome, why: str) -> None:
        """A try ended."""
        ...

    def again(self, exchange: Exchange, failed: frozenset[str]) -> Effect:
        """Another try, elsewhere."""
        ...

    def over(self, exchange: Exchange) -> None:
        """The request is over."""
        ...


class Exchange:
    """The work for one request; the gateway owns it, the client's and the engine's connections call it.

    What most requests never change stands in the class, for the price of an instance.
    """

    #: In the queue.
    waiting = False
    #: When the try that runs began.
    tried_at = 0.0
    _replica = ""
    _model = ""
    _connection: Outbound | None = None
    _relay: Relay | None = None
    _failed: frozenset[str] = frozenset()
    _over = False
    _nobody = ""

    def __init__(self, gate: Gate, client: Inbound, request: Request, entry: Entry, look: Peek, ask: Ask) -> None:
        self._gate = gate
        self._client = client
        self._request = request
        self._entry = entry
        self._look = look
        self.ask = ask
        self.facts = facts = Facts(ask.id, request.received_at)
        facts.key, facts.route, facts.dialect, facts.path = ask.key, ask.route, ask.dialect, entry.path
        facts.asked = look.model or look.name
        facts.stream = entry.endpoint.streams
        if look.stream is not None:
            facts.stream = look.stream
        self._hides = facts.stream and entry.endpoint.counts and look.stream_options is None

    @property
    def begun(self) -> bool:
        """True once the client got the first byte of a body that may still break off."""
        return self._relay is not None and self._relay.begun

    @property
    def heard_at(self) -> float:
        """When the engine sent anything last, 0 before."""
        if self._connection is None:
            return 0.0
        return self._connection.heard_at

    # The gateway's calls.

    def follow(self, effect: Effect) -> None:
        """Do what the scheduler said."""
        if isinstance(effect, Start):
            facts = self.facts
            now = facts.began
            if self.waiting or facts.retries:
                now = self._gate.now()
                self.waiting = False
            self.tried_at = now
            if not facts.started:
                facts.started = now
            self._replica, self._model = effect.replica, effect.model
            self._gate.connect(self, effect.replica)
        elif isinstance(effect, Refuse):
            failure = Failure(
                status=effect.status, kind=effect.kind, message=effect.message, retry_seconds=effect.retry_seconds
            )
            self.refuse(failure)
        else:
            self.waiting = True

    def connected(self, connection: Outbound, replica: str, lines: bytes) -> None:
        """Send it, with the `lines` of its head that stand for this replica. A connection that comes too late is kept
        for others.
        """
        if self._over or self._replica != replica or self._connection is not None:
            self._gate.put_back(replica, connection)
            return
        self._connection = connection
        body = self._make_body()
        head = self._request.head.onward
        connection.ask(self, b"%b%bcontent-length: %d\r\n\r\n%b" % (head, lines, len(body), body))

    def failed_to_connect(self, replica: str, why: str) -> None:
        """No connection."""
        if self._replica == replica and self._connection is None and not self._over:
            self._fail("refused", why)

    def late(self, outcome: Outcome, why: str) -> None:
        """A deadline is over."""
        between = self._connection is None or self._connection.is_between()
        self._free_engine()
        self._fail(outcome, why, between=between)

    def refuse(self, failure: Failure) -> None:
        """It cannot be served: an error in the client's own dialect."""
        facts = self.facts
        facts.status, facts.error = failure.status, failure.kind
        body = self._entry.dialect.render_refusal(failure)
        retry = b"retry-after: %d\r\n" % max(1, round(failure.retry_seconds)) * bool(failure.retry_seconds)
        own = b"content-type: application/json\r\n" + retry + render_proof(facts)
        close = self._request.close
        self._client.transport.write(render_head(failure.status, own, length=len(body), close=close) + body)
        self._end(close=close)

    # The client's calls.

    def client_gone(self) -> None:
        """Nobody waits for the answer: the engine is freed."""
        if self._over:
            return
        self._over = True
        self.facts.error = self.facts.error or "client_gone"
        if self._connection is not None:
            self._measure(self._connection)
        self._free_engine()
        if self._replica:
            self._gate.tried(self, self._replica, "gone", "the client left")
        self._gate.over(self)

    def hold(self) -> None:
        """Do not read on from the engine."""
        if self._connection is not None and not self._connection.closed:
            self._connection.transport.pause_reading()

    def go_on(self) -> None:
        """Read on."""
        if self._connection is not None and not self._connection.closed:
            self._connection.transport.resume_reading()

    # The engine's calls.

    def head(self, answer: Outbound) -> Relay | None:
        """The engine begins to answer: streams are handed on as they come, the rest is kept until it is whole."""
        if answer.head.status >= 400 or (not self.facts.stream and answer.length <= WHOLE_BYTES):
            return None
        return self.grew(answer)

    def grew(self, answer: Outbound) -> Relay:
        """It is handed on as it comes."""
        length = answer.length
        if length == CHUNKED and self._request.head.old:
            length = UNTIL_CLOSED
        raw = answer.head.chunked and length == CHUNKED and self.facts.stream and not self._hides
        self._relay = Relay(self, self._client, self._entry.dialect, length=length, raw=raw, hides=self._hides)
        return self._relay

    def begin(self, data: bytes) -> bytes:
        """The head of an answer whose body is handed on as it comes."""
        answer, relay, facts = self._connection, self._relay, self.facts
        if answer is None or relay is None:
            return b""
        head, length = answer.head, relay.length
        facts.status = head.status
        facts.replica = self._replica
        facts.answered = find_model(data)
        own = render_proof(facts) + b"x-accel-buffering: no\r\n" * facts.stream
        return head.onward + own + render_framing(length, close=self._request.close or length == UNTIL_CLOSED)

    def whole(self, answer: Outbound, body: bytes) -> None:
        """The engine's answer is there, all of it."""
        status = answer.head.status
        if status in RETRIED:
            self._fail_or_pass(answer, body)
        else:
            self._pass(answer, body)

    def finished(self, answer: Outbound) -> None:
        """What was handed on is whole."""
        relay, facts = self._relay, self.facts
        self._release(answer)
        if relay is None:
            return
        facts.usage = relay.read_usage()
        relay.end()
        if relay.alarm:
            facts.error = "error_in_stream"
        self._conclude(answer.head.status, close=self._request.close or relay.until_closed)

    def broke(self, why: str) -> None:
        """The engine's connection ended too early."""
        connection, self._connection = self._connection, None
        if self._over or connection is None:
            return
        if connection.asked > 1 and not connection.heard_at:
            # a kept connection that the engine closed while it was idle says nothing about the engine
            self._gate.connect(self, self._replica, fresh=True)
            return
        self._measure(connection)
        outcome: Outcome = "refused"
        if self.begun:
            outcome = "cut"
        self._fail(outcome, why, between=connection.is_between())

    # What they come to.

    def _make_body(self) -> bytes:
        body = self._request.body
        if self._model and self.facts.asked != self._model:
            body = rename_model(body, self._model)
        if self._hides:
            body = self._entry.dialect.add_usage(body)
        return body

    def _pass(self, answer: Outbound, body: bytes) -> None:
        """An answer that is whole, with what it says of itself."""
        self._release(answer)
        facts, head = self.facts, answer.head
        if facts.stream and head.status < 400:
            body = self._note_stream(body)
        else:
            said = self._entry.dialect.read_answer(body)
            facts.answered, facts.usage = said.model, said.usage
        facts.status, facts.replica = head.status, self._replica
        framing = render_framing(len(body), close=self._request.close)
        self._client.transport.write(b"%b%b%b%b" % (head.onward, render_proof(facts), framing, body))
        self._conclude(head.status, close=self._request.close)

    def _note_stream(self, body: bytes) -> bytes:
        """A stream that came all at once: what it says of itself, and what the client gets of it."""
        dialect, facts = self._entry.dialect, self.facts
        facts.answered, facts.usage = find_model(body), dialect.read_usage(body[-TAIL_BYTES:])
        if any(alarm in body for alarm in dialect.alarms):
            facts.error = "error_in_stream"
        if self._hides:
            return without_usage(body, dialect)
        return body

    def _conclude(self, status: int, *, close: bool) -> None:
        """The client has its answer, whatever it says."""
        if self.facts.error == "error_in_stream":
            self._gate.tried(self, self._replica, "sick", "an error in the stream")
        elif status >= 500:
            self.facts.error = "engine_error"
            self._gate.tried(self, self._replica, "sick", f"HTTP {status}")
        else:
            self._gate.tried(self, self._replica, "well", "")
        self._end(close=close)

    def _fail_or_pass(self, answer: Outbound, body: bytes) -> None:
        """An engine's error: another replica, or where there is none the error as it is."""
        outcome: Outcome = "sick"
        if answer.head.status in (429, 503):
            outcome = "busy"
        self._release(answer)
        if not self._try_again(outcome, f"HTTP {answer.head.status}"):
            self.facts.error = "engine_error"
            self._pass(answer, body)

    def _fail(self, outcome: Outcome, why: str, *, between: bool = True) -> None:
        if self.begun:
            self._break_off(outcome, why, between=between)
            return
        self._relay = None
        if not self._try_again(outcome, why):
            message = f"{self._replica} did not answer ({outcome}: {why}); {self._nobody}"
            status = {"silent": 504}.get(outcome, 502)
            self.refuse(Failure(status=status, kind=f"replica_{outcome}", message=message))

    def _try_again(self, outcome: Outcome, why: str) -> bool:
        """Try elsewhere; False where the budget is spent or nobody is left."""
        self._gate.tried(self, self._replica, outcome, why)
        self._failed |= {self._replica}
        if self.facts.retries + 1 >= TRIES:
            self._nobody = f"it was tried {TRIES} times"
            return False
        effect = self._gate.again(self, self._failed)
        if isinstance(effect, Refuse):
            self._nobody = effect.message
            return False
        self.facts.retries += 1
        self.follow(effect)
        return True

    def _break_off(self, outcome: Outcome, why: str, *, between: bool) -> None:
        """End a stream that was begun: with an error where the framing allows it, else by cutting the connection."""
        facts, relay = self.facts, self._relay
        facts.error = f"replica_{outcome}"
        self._gate.tried(self, self._replica, outcome, why)
        if relay is None or not facts.stream or not between or relay.length != CHUNKED:
            self._over = True
            self._client.drop()
            self._gate.over(self)
            return
        message = f"the answer of {self._replica} broke off ({outcome}: {why})"
        relay.end_in(self._entry.dialect.render_break(Failure(status=502, kind=facts.error, message=message)))
        self._end(close=True)

    def _measure(self, answer: Outbound) -> None:
        """What the connection knows of the answer so far."""
        facts = self.facts
        facts.first, facts.last = answer.body_at, answer.heard_at
        facts.stream_parts, facts.bytes_out = answer.reads, answer.bytes

    def _release(self, answer: Outbound) -> None:
        """The connection is free for others."""
        if self._connection is None:
            return
        self._connection = None
        self._measure(answer)
        if answer.reusable:
            self._gate.put_back(self._replica, answer)
        elif not answer.closed:
            answer.let_go()

    def _free_engine(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.let_go()

    def _end(self, *, close: bool) -> None:
        self._over = True
        self._gate.over(self)
        self._client.done(close=close)
