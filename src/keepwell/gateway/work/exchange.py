"""One request from its arrival to the last byte of its answer: who tries it, what the client is told, what is known.

A stream that was begun and breaks ends in an error of the client's own dialect, never in what looks like its end.
"""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.gateway.choice.ask import Effect, Outcome, Refuse, Route, Start, Wait
from keepwell.gateway.choice.rules import Ruled
from keepwell.gateway.choice.station import Station
from keepwell.gateway.work.attempt import Attempt
from keepwell.gateway.work.opening import Opening, describe_error
from keepwell.gateway.work.relay import Relay
from keepwell.gateway.work.telling import Telling, describe_refusal
from keepwell.gateway.work.translated import TranslatedAttempt
from keepwell.gateway.work.translation import Translation
from keepwell.plugins.dialect import Failure
from keepwell.plugins.routing import Replica
from keepwell.store.bodies import BODY_BYTES
from keepwell.wire.heads import CHUNKED, UNTIL_CLOSED, AnswerHead, render_framing, render_head
from keepwell.wire.outbound import Outbound

#: Tries of one request, the first included.
TRIES = 3
#: How often a request of a batch gives way before it is answered that it has to be asked again later, and the seconds
#: after which: it would keep its place in the queue for ever on a busy engine.
WAYS, LATER_SECONDS = 20, 10.0
#: Statuses of an engine for which another one is tried.
RETRIED = frozenset({429, 500, 502, 503, 504})
#: Those of them by which an engine says that it is full.
BUSY = frozenset({429, 503})


class Exchange(Telling):
    """The work for one request; the gateway owns it, the client's connection and its attempts call it.

    What most requests never change stands in the class, for the price of an instance.
    """

    attempt: Attempt | None = None
    #: Replicas that cannot do it, or failed.
    excluded: frozenset[str] = frozenset()
    #: The request in common words, where a replica may need it in another format.
    translation: Translation | None = None
    _nobody = ""
    #: How often it gave way.
    _ways = 0

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

    def reach(self, routes: Mapping[str, Route], route: Route, stations: Mapping[str, Station]) -> None:
        """Some replicas need it in another format. Where all do, those are out that cannot be told what is asked."""
        native = self.entry.reached.routes[route.name]
        self.translation = Translation(self.entry, self.request.body, native=native)
        if not native:
            self.excluded |= self.translation.leave_out(routes, route, stations)

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
            facts.cold = int(effect.cold)
            if effect.to is not None:
                self._begin_otherwise(effect, effect.to, now)
                return
            self.attempt = Attempt(self, effect.replica, effect.model, now)
            if effect.cold:
                self.attempt.cold = True
            self._gate.connect(self.attempt)
        elif isinstance(effect, Refuse):
            if effect.ahead >= 0:
                self._place = Wait(effect.ask, effect.ahead, effect.retry_seconds)
            failure = describe_refusal(effect)
            if self.translation is not None:
                failure = self.translation.explain(failure, self.ask.route, tried=self.attempt is not None)
            self.refuse(failure)
        else:
            self.waiting = True
            self._place = self._place or effect
            if self.translation is not None and not self.translation.native and self.translation.loads:
                self._answer_load(self.translation, "")

    def _begin_otherwise(self, start: Start, replica: Replica, now: float) -> None:
        """On a replica that needs the request in another format."""
        translation = self.translation = self.translation or Translation(self.entry, self.request.body)
        wording = translation.find(replica)
        if isinstance(wording, str):
            translation.unable[start.replica] = wording
            self._gate.tried(self, start.replica, "gone", wording)
            self.excluded |= {start.replica}
            self.follow(self._gate.again(self, self.excluded))
        elif translation.loads:
            self._gate.tried(self, start.replica, "gone", "there is nothing to load")
            self._answer_load(translation, start.replica)
        else:
            body = wording.render_body(start.model, self._gate.find_room(self.ask.route, replica.id))
            self.attempt = TranslatedAttempt(self, start, now, wording, body)
            self._gate.connect(self.attempt)

    def keep_open(self, now: float) -> None:
        """Tell the client that its request lives, if it is time."""
        relay = self.attempt and self.attempt.relay
        if self.opening is not None and (relay is None or (self.opening.opened and not relay.begun)):
            self.opening.keep(now, queued=self.waiting)

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

    def give_way(self) -> None:
        """A request of a batch, and its engine is wanted for somebody who waits: it is cut there and goes back into the
        queue, unless its client has a part of the answer.
        """
        attempt = self.attempt
        if attempt is None or attempt.begun or self.waiting or self._over:
            return
        attempt.cut()
        self._gate.tried(self, attempt.replica, "gone", "it gave way")
        self._ways += 1
        if self._ways >= WAYS:
            message = f"it gave way to others {WAYS} times"
            self.refuse(Failure(status=503, kind="gave_way", message=message, retry_seconds=LATER_SECONDS))
            return
        self.follow(self._gate.again(self, self.excluded))

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
        self.held_at = self._gate.now()
        if self.attempt is not None:
            self.attempt.hold()

    def go_on(self) -> None:
        """Read on."""
        self.end_stall(self._gate.now())
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
        if head.status in RETRIED and self._is_tried_again(attempt, head.status):
            return
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

    def answered_otherwise(self, attempt: TranslatedAttempt, head: AnswerHead, body: bytes) -> None:
        """The same for an answer in another format: what it says in the client's own, and so its error."""
        facts = self.facts
        if head.status in RETRIED and self._is_tried_again(attempt, head.status):
            return
        facts.status, facts.replica, facts.dialect = head.status, attempt.replica, attempt.dialect
        worded = attempt.word(head, body, self._gate.now() - facts.began)
        if worded.fault:
            self.failed(attempt, "sick", worded.fault, between=True)
            return
        if self.copy is not None:
            self.copy += worded.body[:BODY_BYTES]
        lines = self.attest(attempt, head.status)
        if not lines:
            return
        close = self.request.close
        if self.opening is None or not self.opening.opened:
            own = worded.own + lines + attempt.wording.lines
            begin = render_head(head.status, own, length=len(worded.body), close=close)
            self.client.transport.write(begin + worded.body)
        elif worded.failure is None:
            self.opening.end(worded.body, attempt.wording.lines)
        else:
            self.opening.end_in(worded.failure)
            close = True
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

    def _is_tried_again(self, attempt: Attempt, status: int) -> bool:
        """True if another replica is asked because of this status."""
        if not self.entry.endpoint.judged:
            return False
        if self._try_again(attempt, _WORDS[status in BUSY], f"HTTP {status}"):
            return True
        self.facts.error = "engine_error"
        return False

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


_WORDS: dict[bool, Outcome] = {True: "busy", False: "sick"}
