"""One request from its arrival to the last byte of its answer: who tries it, what the client is told, what is known.

A stream that was begun and breaks ends in an error of the client's own dialect, never in what looks like its end.
"""

from __future__ import annotations

from typing import Protocol

from keepwell.gateway.choice.ask import Effect, Outcome, Refuse, Start, Wait
from keepwell.gateway.choice.rules import Ruled
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.wire.body import Peek
from keepwell.gateway.wire.heads import CHUNKED, UNTIL_CLOSED, render_framing, render_head
from keepwell.gateway.wire.inbound import Inbound
from keepwell.gateway.wire.outbound import Outbound
from keepwell.gateway.wire.request import Request
from keepwell.gateway.work.attempt import Attempt
from keepwell.gateway.work.attest import Attest
from keepwell.gateway.work.entry import Entry
from keepwell.gateway.work.loading import Loads
from keepwell.gateway.work.opening import Opening, describe_error, render_place, render_waited
from keepwell.gateway.work.proof import find_model, render_proof
from keepwell.gateway.work.relay import TAIL_BYTES, Relay, without_usage
from keepwell.plugins.dialect import Failure
from keepwell.plugins.routing import Ask
from keepwell.store.bodies import BODY_BYTES

#: Tries of one request, the first included.
TRIES = 3
#: Statuses of an engine for which another one is tried.
RETRIED = frozenset({429, 500, 502, 503, 504})
#: Those of them by which an engine says that it is full.
BUSY = frozenset({429, 503})


class Gate(Protocol):
    """What an exchange needs of the gateway."""

    attest: Attest
    loads: Loads

    def now(self) -> float:
        """The gateway's clock, in seconds."""
        ...

    def connect(self, attempt: Attempt, *, fresh: bool = False) -> None:
        """Give it a connection: `connected` or `failed_to_connect` is called, perhaps at once. `fresh`: a new one."""
        ...

    def ended_well(self, exchange: Exchange, attempt: Attempt) -> None:
        """The request is over, and this attempt was well."""
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
    """The work for one request; the gateway owns it, the client's connection and its attempts call it.

    What most requests never change stands in the class, for the price of an instance.
    """

    #: In the queue.
    waiting = False
    attempt: Attempt | None = None
    #: Where the answer is kept, None if it is not to be.
    copy: bytearray | None = None
    #: Replicas that cannot do it, or failed.
    excluded: frozenset[str] = frozenset()
    #: A stream that may be begun while it waits.
    opening: Opening | None = None
    _place: Wait | None = None
    _lines = b""
    _over = False
    _nobody = ""

    def __init__(self, gate: Gate, client: Inbound, request: Request, entry: Entry, look: Peek, ask: Ask) -> None:
        self.client = client
        self.request = request
        self.entry = entry
        self.ask = ask
        self._gate = gate
        self.facts = facts = Facts(ask.id, request.received_at)
        facts.key, facts.route, facts.dialect, facts.path = ask.key, ask.route, ask.dialect, entry.path
        facts.asked, facts.page = look.model or look.name, request.head.page
        facts.stream = entry.endpoint.streams
        if look.stream is not None:
            facts.stream = look.stream
        self.hides = facts.stream and entry.endpoint.counts and look.stream_options is None

    @property
    def begun(self) -> bool:
        """True once the client got the first byte of a body that may still break off."""
        return self.attempt is not None and self.attempt.begun

    @property
    def tried_at(self) -> float:
        """When the last try began, 0 before."""
        if self.attempt is None:
            return 0.0
        return self.attempt.began

    @property
    def heard_at(self) -> float:
        """When an engine sent anything last, 0 before."""
        if self.attempt is None:
            return 0.0
        return self.attempt.heard_at

    # The gateway's calls.

    def obey(self, ruled: Ruled) -> None:
        """Replicas that cannot do it are out; the client is told what was changed in its request."""
        self.excluded, self._lines = ruled.unable, ruled.lines
        self.facts.changed_options = ruled.changed

    def follow(self, effect: Effect) -> None:
        """Do what the scheduler said."""
        if isinstance(effect, Start):
            facts = self.facts
            now = facts.began
            if self.waiting or facts.retries:
                now = self._gate.now()
                self.waiting = False
                self._tell_place(now)
            if not facts.started:
                facts.started = now
            self.attempt = Attempt(self, effect.replica, effect.model, now)
            if effect.cold:
                self.attempt.cold = True
            self._gate.connect(self.attempt)
        elif isinstance(effect, Refuse):
            if effect.ahead >= 0:
                self._place = Wait(effect.ask, effect.ahead, effect.retry_seconds)
            failure = Failure(
                status=effect.status, kind=effect.kind, message=effect.message, retry_seconds=effect.retry_seconds
            )
            self.refuse(failure)
        else:
            self.waiting = True
            self._place = self._place or effect

    def begin_early(self) -> None:
        """Its stream may be begun while it waits, if its client reads such."""
        if self.facts.stream and self.entry.dialect.comments and not self.request.head.old:
            lines = self.request.head.page
            if self._place is not None:
                lines += render_place(self._place)
            self.opening = Opening(self.client.transport, self.entry.dialect, self.facts, lines)

    def keep_open(self, now: float) -> None:
        """Tell the client that its request lives, if it is time."""
        relay = self.attempt and self.attempt.relay
        if self.opening is not None and (relay is None or (self.opening.opened and not relay.begun)):
            self.opening.keep(now, queued=self.waiting)

    def _tell_place(self, now: float) -> None:
        if self._place is not None:
            self._lines += render_place(self._place) + render_waited(now - self.facts.began)
            self._place = None

    def late(self, outcome: Outcome, why: str) -> None:
        """A deadline is over."""
        if self.attempt is not None:
            between = self.attempt.cut()
            self.failed(self.attempt, outcome, why, between=between)

    def give_up(self, why: str) -> None:
        """It cannot go on: the client is told, in the stream where it has part of one."""
        attempt = self.attempt
        if attempt is not None:
            between = attempt.cut()
            if attempt.begun:
                self._break_off(attempt, "gone", why, between=between)
                return
            self._gate.tried(self, attempt.replica, "gone", why)
        self.refuse(Failure(status=503, kind="gateway_ends", message=why))

    def refuse(self, failure: Failure) -> None:
        """It cannot be served: an error in the client's own dialect."""
        facts = self.facts
        facts.status, facts.error = failure.status, failure.kind
        if self.opening is not None and self.opening.opened:
            self.opening.end_in(failure)
            self._end(close=True)
            return
        self._tell_place(self._gate.now())
        body = self.entry.dialect.render_refusal(failure)
        retry = b"retry-after: %d\r\n" % max(1, round(failure.retry_seconds)) * bool(failure.retry_seconds)
        own = b"content-type: application/json\r\n" + retry + render_proof(facts) + self._lines
        close = self.request.close
        self.client.transport.write(render_head(failure.status, own, length=len(body), close=close) + body)
        self._end(close=close)

    # The client's calls.

    def client_gone(self) -> None:
        """Nobody waits for the answer: the engine is freed."""
        if self._over:
            return
        self._over = True
        self.facts.error = self.facts.error or "client_gone"
        attempt = self.attempt
        if attempt is not None:
            loading = attempt.detach()
            if loading is not None:
                self._gate.loads.keep(attempt.replica, attempt.model, loading, attempt.began)
            else:
                attempt.cut()
            self._gate.tried(self, attempt.replica, "gone", "the client left")
        self._gate.over(self)

    def hold(self) -> None:
        """Do not read on from the engine."""
        if self.attempt is not None:
            self.attempt.hold()

    def go_on(self) -> None:
        """Read on."""
        if self.attempt is not None:
            self.attempt.go_on()

    # The attempt's calls.

    def make_body(self, model: str) -> bytes:
        """The body for a replica that knows the model by this name, and will be asked for counts."""
        body = self.request.body
        if model and self.facts.asked != model:
            body = self.entry.reading.rename(body, model)
        if self.hides:
            body = self.entry.dialect.add_usage(body)
        return body

    def connect_anew(self, attempt: Attempt) -> None:
        """The kept connection was none any more."""
        self._gate.connect(attempt, fresh=True)

    def answered(self, attempt: Attempt, answer: Outbound, body: bytes) -> None:
        """A whole answer: passed on with what it says of itself, unless it is an error and another replica has none."""
        facts, head, own = self.facts, answer.head, answer.own  # the connection may be another's soon
        if head.status in RETRIED and self.entry.endpoint.judged:
            if self._try_again(attempt, _WORDS[head.status in BUSY], f"HTTP {head.status}"):
                return
            facts.error = "engine_error"
        if facts.stream and head.status < 400:
            body = self._note_stream(body)
        else:
            said = self.entry.dialect.read_answer(body)
            facts.answered, facts.usage = said.model, said.usage
        facts.status, facts.replica = head.status, attempt.replica
        if self.copy is not None:
            self.copy += body[:BODY_BYTES]
        lines = self.attest(attempt, head.status)
        if not lines:
            return
        if self.opening is not None and self.opening.opened:
            self._answer_opened(self.opening, attempt, head.status, body)
            return
        close = self.request.close
        length = len(body)
        if not body and (head.empty or self.request.head.method == b"HEAD"):
            length = UNTIL_CLOSED  # nothing is told of a body that there never is
        framing = render_framing(length, close=close)
        self.client.transport.write(b"%b%b%b%b%b" % (head.onward, own, lines, framing, body))
        self._conclude(attempt, head.status, close=close)

    def _answer_opened(self, opening: Opening, attempt: Attempt, status: int, body: bytes) -> None:
        """The client has its head already: a whole stream follows, or an event that tells of the error."""
        if status < 400:
            opening.end(body)
        else:
            opening.end_in(describe_error(attempt.replica, status, body))
        self._conclude(attempt, status, close=self.request.close or status >= 400)

    def attest(self, attempt: Attempt, status: int) -> bytes:
        """The lines of a head that say who answered; b"" where another model did and the client gets an error."""
        attest, facts = self._gate.attest, self.facts
        lines = attest.attest(facts, attempt.model)
        if facts.proof == "mismatch" and attest.refuses and status < 400:
            attempt.cut()
            message = f"{attempt.replica} was asked for {attempt.model}, and {facts.answered} answered"
            if not self._try_again(attempt, "sick", message):
                self.refuse(Failure(status=502, kind="model_mismatch", message=f"{message}; {self._nobody}"))
            return b""
        return lines + self._lines

    def relayed(self, attempt: Attempt, relay: Relay, status: int) -> None:
        """The client has the answer."""
        self.facts.usage = relay.read_usage()
        if relay.alarm:
            self.facts.error = "error_in_stream"
        self._conclude(attempt, status, close=self.request.close or relay.until_closed)

    def failed(self, attempt: Attempt, outcome: Outcome, why: str, *, between: bool) -> None:
        """Another replica, while the client has nothing yet; else the end."""
        if self._over:
            return
        if attempt.begun:
            self._break_off(attempt, outcome, why, between=between)
        elif not self._try_again(attempt, outcome, why):
            message = f"{attempt.replica} did not answer ({outcome}: {why}); {self._nobody}"
            status = {"silent": 504}.get(outcome, 502)
            self.refuse(Failure(status=status, kind=f"replica_{outcome}", message=message))

    # What they come to.

    def _note_stream(self, body: bytes) -> bytes:
        """A stream that came all at once: what it says of itself, and what the client gets of it."""
        dialect, facts = self.entry.dialect, self.facts
        facts.answered, facts.usage = find_model(body), dialect.read_usage(body[-TAIL_BYTES:])
        if any(alarm in body for alarm in dialect.alarms):
            facts.error = "error_in_stream"
        if self.hides:
            return without_usage(body, dialect)
        return body

    def _conclude(self, attempt: Attempt, status: int, *, close: bool) -> None:
        """The client has its answer, whatever it says."""
        facts = self.facts
        if facts.error == "error_in_stream":
            self._gate.tried(self, attempt.replica, "sick", "an error in the stream")
        elif status >= 500 and self.entry.endpoint.judged:
            facts.error = "engine_error"
            self._gate.tried(self, attempt.replica, "sick", f"HTTP {status}")
        else:
            self._over = True
            self._gate.ended_well(self, attempt)
            self.client.done(close=close)
            return
        self._end(close=close)

    def _try_again(self, attempt: Attempt, outcome: Outcome, why: str) -> bool:
        """Try elsewhere; False where the budget is spent or nobody is left."""
        self._gate.tried(self, attempt.replica, outcome, why)
        self.excluded |= {attempt.replica}
        if self.facts.retries + 1 >= TRIES:
            self._nobody = f"it was tried {TRIES} times"
            return False
        effect = self._gate.again(self, self.excluded)
        if isinstance(effect, Refuse):
            self._nobody = effect.message
            return False
        self.facts.retries += 1
        self.follow(effect)
        return True

    def _break_off(self, attempt: Attempt, outcome: Outcome, why: str, *, between: bool) -> None:
        """End a stream that was begun: with an error where the framing allows it, else by cutting the connection."""
        facts, relay = self.facts, attempt.relay
        facts.error = f"replica_{outcome}"
        self._gate.tried(self, attempt.replica, outcome, why)
        if relay is None or not facts.stream or not between or relay.length != CHUNKED:
            self._over = True
            self.client.drop()
            self._gate.over(self)
            return
        message = f"the answer of {attempt.replica} broke off ({outcome}: {why})"
        relay.end_in(self.entry.dialect.render_break(Failure(status=502, kind=facts.error, message=message)))
        self._end(close=True)

    def _end(self, *, close: bool) -> None:
        self._over = True
        self._gate.over(self)
        self.client.done(close=close)


_WORDS: dict[bool, Outcome] = {True: "busy", False: "sick"}
