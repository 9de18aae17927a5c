"""One request from its arrival to the last byte of its answer: tries on replicas, relaying, what is known of it.

Nothing is sent to the client before an engine's first byte of body, so that until then another replica can be tried.
Afterwards a stream that breaks ends in an error of the client's own dialect, never in what looks like its end.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from keepwell.gateway.ask import Effect, Outcome, Refuse, Start
from keepwell.gateway.body import Peek, peek_answer, rename_model
from keepwell.gateway.facts import Facts
from keepwell.gateway.heads import render_head, render_request
from keepwell.gateway.inbound import Inbound, Request
from keepwell.gateway.outbound import Outbound
from keepwell.gateway.proof import find_model, render_proof
from keepwell.plugins.dialect import Dialect, Endpoint, Failure
from keepwell.plugins.routing import Ask, Replica

#: Tries of one request, the first included.
TRIES = 3
#: An answer that is not streamed is kept up to this size until it is whole, so that its head can say who answered.
WHOLE_BYTES = 1024 * 1024
#: Bytes of the end of a stream in which tokens are counted.
TAIL_BYTES = 8192
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
    """The work for one request; the gateway owns it, the client's and the engine's connections call it."""

    def __init__(
        self, gate: Gate, client: Inbound, request: Request, dialect: Dialect, endpoint: Endpoint, look: Peek, ask: Ask
    ) -> None:
        self._gate = gate
        self._client = client
        self._request = request
        self._dialect = dialect
        self._look = look
        self._endpoint = endpoint
        self.ask = ask
        self.facts = Facts(ask.id, request.received_at)
        self.facts.stream = endpoint.streams
        if look.stream is not None:
            self.facts.stream = look.stream
        self._hides = self.facts.stream and endpoint.counts and look.stream_options is None
        self.wants_parts = True
        self.waiting = False
        self.tried_at = 0.0
        self.heard_at = 0.0
        self._replica = ""
        self._model = ""
        self._connection: Outbound | None = None
        self._failed: frozenset[str] = frozenset()
        self._begun = False
        self._over = False
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._partial = b""
        self._tail = b""
        self._last = b""
        self._alarm = False
        self._nobody = ""

    @property
    def begun(self) -> bool:
        """True once the client got the first byte."""
        return self._begun

    # The gateway's calls.

    def follow(self, effect: Effect) -> None:
        """Do what the scheduler said."""
        if isinstance(effect, Start):
            now = self._gate.now()
            self.waiting = False
            self.facts.started = self.facts.started or now
            self._replica, self._model = effect.replica, effect.model
            self.tried_at, self.heard_at = now, 0.0
            self._gate.connect(self, effect.replica)
        elif isinstance(effect, Refuse):
            failure = Failure(
                status=effect.status, kind=effect.kind, message=effect.message, retry_seconds=effect.retry_seconds
            )
            self.refuse(failure)
        else:
            self.waiting = True

    def connected(self, connection: Outbound, replica: Replica) -> None:
        """Send it. A connection that comes too late is kept for others."""
        if self._over or self._replica != replica.id or self._connection is not None:
            self._gate.put_back(replica.id, connection)
            return
        self._connection = connection
        self.wants_parts = True
        connection.ask(self, render_request(self._request, replica, self._make_body()))

    def failed_to_connect(self, replica: str, why: str) -> None:
        """No connection."""
        if self._replica == replica and self._connection is None and not self._over:
            self._fail("refused", why)

    def late(self, outcome: Outcome, why: str) -> None:
        """A deadline is over."""
        self._free_engine()
        self._fail(outcome, why)

    def refuse(self, failure: Failure) -> None:
        """It cannot be served: an error in the client's own dialect."""
        self.facts.status, self.facts.error = failure.status, failure.kind
        body = self._dialect.render_refusal(failure)
        retry = b"retry-after: %d\r\n" % max(1, round(failure.retry_seconds)) * bool(failure.retry_seconds)
        own = b"content-type: application/json\r\n" + retry + render_proof(self.facts)
        self._write(render_head(failure.status, (), own, length=len(body), close=self._request.close) + body)
        self._end(close=self._request.close)

    # The client's calls.

    def client_gone(self) -> None:
        """Nobody waits for the answer: the engine is freed."""
        if self._over:
            return
        self._over = True
        self.facts.error = self.facts.error or "client_gone"
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

    def head(self, answer: Outbound) -> None:
        """The engine begins to answer."""
        self.heard_at = self._gate.now()
        keeps = not self.facts.stream and answer.length <= WHOLE_BYTES
        self.wants_parts = keeps or answer.status >= 400 or self._hides or self._request.old or not answer.chunked

    def part(self, data: bytes) -> None:
        """Part of the body, without framing."""
        answer = self._connection
        if answer is None:
            return
        self._note(data)
        if not self._begun and (answer.status >= 400 or not self.facts.stream):
            self._kept.append(data)
            self._kept_bytes += len(data)
            if self._kept_bytes <= WHOLE_BYTES:
                return
            data, self._kept = b"".join(self._kept), []
        head = b""
        if not self._begun:
            head = self._begin(answer, data, length=answer.length)
        self._write(head + self._frame(data, answer))

    def raw(self, data: bytes) -> None:
        """Bytes of the body with their framing: handed on as they are."""
        self._note(data)
        if not self._begun and self._connection is not None:
            data = self._begin(self._connection, data, length=-1) + data
        self._write(data)

    def finished(self, *, reusable: bool) -> None:
        """The engine's answer is whole."""
        answer, self._connection = self._connection, None
        if answer is None or self._over:
            return
        if reusable:
            self._gate.put_back(self._replica, answer)
        elif not answer.closed:
            answer.let_go()
        if not self._begun and answer.status in RETRIED:
            self._fail_or_pass(answer)
            return
        self._finish(answer)

    def broke(self, why: str) -> None:
        """The engine's connection ended too early."""
        if self._over:
            return
        outcome: Outcome = "refused"
        if self._begun:
            outcome = "cut"
        connection, self._connection = self._connection, None
        if connection is not None and connection.asked > 1 and not self.heard_at:
            # a kept connection that the engine closed while it was idle says nothing about the engine
            self._gate.connect(self, self._replica, fresh=True)
            return
        between = connection is not None and (connection.between or self.wants_parts)
        self._fail(outcome, why, between=between)

    # What they come to.

    def _make_body(self) -> bytes:
        body = self._request.body
        if self._model and (self._look.model or self._look.name) != self._model:
            body = rename_model(body, self._model)
        if self._hides:
            body = self._dialect.add_usage(body)
        return body

    def _note(self, data: bytes) -> None:
        """Keep what the end of the answer tells, and how fast it came."""
        facts = self.facts
        facts.last = self.heard_at = self._gate.now()
        if not facts.first:
            facts.first = facts.last
        facts.stream_parts += 1
        facts.bytes_out += len(data)
        self._tail, self._last = self._last, data
        if b'"error"' in data and any(alarm in data for alarm in self._dialect.alarms):
            self._alarm = True

    def _begin(self, answer: Outbound, data: bytes, *, length: int) -> bytes:
        """The head, to be sent with the first bytes of the body: from now on there is no way back."""
        self._begun = True
        facts = self.facts
        facts.status = answer.status
        facts.answered = facts.answered or find_model(data)
        facts.replica = self._replica
        if self._request.old and length < 0:
            length = -2
        own = render_proof(facts) + b"x-accel-buffering: no\r\n" * facts.stream
        close = self._request.close or length == -2
        return render_head(answer.status, answer.headers, own, length=length, close=close)

    def _frame(self, data: bytes, answer: Outbound) -> bytes:
        """Part of the body as this client's connection carries it."""
        if self._hides:
            data = self._without_usage(data)
        if not data or answer.length >= 0 or self._request.old:
            return data
        return b"%x\r\n%b\r\n" % (len(data), data)

    def _without_usage(self, data: bytes) -> bytes:
        """Whole events, without the one that only we asked for; what is not whole yet waits."""
        data = self._partial + data
        whole, mark, self._partial = data.rpartition(b"\n\n")
        if b'"usage"' not in whole:
            return whole + mark
        events = whole.split(b"\n\n")
        return b"".join(one + mark for one in events if not self._dialect.is_usage(one))

    def _finish(self, answer: Outbound) -> None:
        facts = self.facts
        tail = (self._tail + self._last)[-TAIL_BYTES:]
        facts.usage = self._dialect.read_usage(tail)
        if not self._begun:
            body = b"".join(self._kept)
            facts.answered = _answered(body)
            self._write(self._begin(answer, body, length=len(body)) + body)
        elif self.wants_parts:
            self._end_parts(answer)
        if self._alarm:
            facts.error = "error_in_stream"
            self._gate.tried(self, self._replica, "sick", "an error in the stream")
        elif answer.status >= 500:
            facts.error = "engine_error"
            self._gate.tried(self, self._replica, "sick", f"HTTP {answer.status}")
        else:
            self._gate.tried(self, self._replica, "well", "")
        self._end(close=self._request.close or (self._request.old and answer.length < 0))

    def _end_parts(self, answer: Outbound) -> None:
        rest, self._partial, self._hides = self._partial, b"", False
        end = b"0\r\n\r\n" * (answer.length < 0 and not self._request.old)
        self._write(self._frame(rest, answer) + end)

    def _fail_or_pass(self, answer: Outbound) -> None:
        """An engine's error: another replica, or where there is none the error as it is."""
        outcome: Outcome = "sick"
        if answer.status in (429, 503):
            outcome = "busy"
        kept, self._kept, self._kept_bytes = self._kept, [], 0
        if self._try_again(outcome, f"HTTP {answer.status}"):
            return
        self._kept = kept
        self.facts.error = "engine_error"
        self._finish(answer)

    def _fail(self, outcome: Outcome, why: str, *, between: bool = True) -> None:
        if self._begun:
            self._break_off(outcome, why, between=between)
            return
        self._kept, self._kept_bytes = [], 0
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
        self.facts.error = f"replica_{outcome}"
        self._gate.tried(self, self._replica, outcome, why)
        message = f"the answer of {self._replica} broke off ({outcome}: {why})"
        if not self.facts.stream or not between or self._request.old:
            self._over = True
            self._client.drop()
            self._gate.over(self)
            return
        event = self._dialect.render_break(Failure(status=502, kind=self.facts.error, message=message))
        self._write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event))
        self._end(close=True)

    def _free_engine(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.let_go()

    def _write(self, data: bytes) -> None:
        self._client.transport.write(data)

    def _end(self, *, close: bool) -> None:
        self._over = True
        self._gate.over(self)
        self._client.done(close=close)


def _answered(body: bytes) -> str:
    """The model that an answer names."""
    try:
        return peek_answer(body).model
    except msgspec.DecodeError:
        return ""
