"""One request and its answer, as they are measured."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan
from typing import Protocol

from keepwell.bench.cold import was_loaded
from keepwell.bench.marks import Said, count_tokens, find_lead, find_marker, find_words, is_end, read_line, read_object
from keepwell.bench.result import OUTCOMES, Row
from keepwell.bench.sample import Sample
from keepwell.wire.outbound import Outbound, Sink

#: A line of a stream that is longer is not read.
LINE_BYTES = 1024 * 1024
#: Bytes of an answer that are kept for who makes the next request of it.
KEPT_BYTES = 1024 * 1024
#: What a line that brings a token has to name, so that it is read for more: counts of tokens, in any format.
_USAGE = b'usage"'
#: What a status says of a request, where its hundreds do not tell.
_STATUSES = {
    **dict.fromkeys((401, 403, 407), "refused"),
    **dict.fromkeys((429, 503), "overloaded"),
    **dict.fromkeys((408, 504), "timeout"),
}
_HUNDREDS = {2: "ok", 4: "bad_request", 5: "server_error"}


class Habits:
    """How a server writes what it streams, as its last answers showed: what stands before each token, and how each line
    begins that says something; b"" before it is known.
    """

    __slots__ = ("lead", "marker")

    def __init__(self) -> None:
        self.marker = self.lead = b""


class Way(Protocol):
    """The connection that an answer comes over, as far as the answer knows it: see `keepwell.bench.timed`."""

    now: float
    waits: bool
    sample: Sample
    habits: Habits
    spoilt: bool

    def let_go(self) -> None:
        """Cut it."""
        ...

    def settle(self) -> None:
        """Read what waits."""
        ...

    def end(self, answer: Answer) -> None:
        """The answer is over."""
        ...


class Answer:
    """What is noted of one request. Instants are of the monotonic clock, nan: there is none.

    It is the taker and the sink of its connection. `order` is its place among all that were sent, `events` are reads
    that brought tokens, `pieces` the texts in them. Where it is not read `closely`, several parts come in one read.
    """

    __slots__ = (
        *("_counted", "_kept", "_line", "_size", "_tail", "closely", "connection", "ended", "error", "events"),
        *("first", "keep", "last", "order", "outcome", "pieces", "planned", "said", "sent", "stream"),
    )
    #: As a sink it gets the body without its framing.
    raw = False

    def __init__(self, order: int, planned: float, *, stream: bool, keep: bool = False, closely: bool = True) -> None:
        self.connection: Way | None = None
        self.order, self.planned, self.keep = order, planned, keep
        self.sent = self.first = self.last = self.ended = nan
        self.events = self.pieces = 0
        self.outcome = self.error = ""
        self.said = Said()
        self.stream, self.closely = stream, closely
        #: Its tokens are counted already.
        self._counted = False
        self._line = self._tail = b""
        self._kept: list[bytes] = []
        self._size = 0

    @property
    def body(self) -> bytes:
        """The body, as much as is kept of it; b"" where nobody wants it."""
        return b"".join(self._kept)

    @property
    def torn(self) -> bool:
        """True if a line has begun that has not ended."""
        return bool(self._line)

    def make_row(self, begin: float) -> Row:
        """As seconds from `begin`."""
        wait = self.first
        if isnan(wait):
            wait = self.ended
        tokens = self.said.output_tokens
        if isnan(tokens) and self.stream and self.outcome == "ok":
            tokens = float(self.pieces)
        events = float(self.events)
        if not self.closely:
            events = nan
        return Row(
            planned=self.planned - begin,
            sent=self.sent - begin,
            first=self.first - begin,
            last=self.last - begin,
            ended=self.ended - begin,
            input_tokens=self.said.input_tokens,
            output_tokens=tokens,
            events=events,
            outcome=float(OUTCOMES.index(self.outcome)),
            cold=float(was_loaded(self.said.load_seconds, wait - self.sent)),
        )

    def head(self, answer: Outbound) -> Sink | None:
        """A stream is read as it comes, all else at once."""
        if self.stream and 200 <= answer.head.status < 300:
            if self.connection is not None:
                self.connection.waits = answer.head.chunked
            return self
        return None

    def grew(self, answer: Outbound) -> Sink:
        """Too large to be kept whole: it is measured all the same."""
        return self

    def take(self, data: bytes) -> None:
        """Part of the body."""
        if self.keep and self._size < KEPT_BYTES:
            self._size += len(data)
            self._kept.append(data)
        if self._counted:
            self._line = data[data.rfind(b"\n") + 1 :]
            if find_marker(self._line):
                self._line = b""  # it is counted already, and its rest brings nothing new
            return
        lines = (self._line + data).split(b"\n")
        self._line = lines.pop()[:LINE_BYTES]
        self._read(lines)

    def _read(self, lines: list[bytes]) -> None:
        """Count tokens. Of lines that bring some only the last may tell something else."""
        tokens, last = 0, b""
        for line in lines:
            found = count_tokens(line)
            if found:
                tokens += found
                last = line
            elif line:
                read_line(line, self.said)
        if tokens:
            self.said.ended = self.said.ended or is_end(last)
            if _USAGE in last:
                read_line(last, self.said)
            self._note(tokens, last)

    def _note(self, tokens: int, line: bytes) -> None:
        """So many tokens came, the last of them in this line."""
        connection = self.connection
        if connection is None:
            return
        now = connection.now
        self.events += 1
        self.pieces += tokens
        if self.events == 1:
            self.first = now
        elif self.closely:
            connection.sample.offer(now - self.last)
        self.last = now
        connection.habits.marker, connection.habits.lead = find_marker(line), find_lead(line)

    def pass_over(self, times: Sequence[float], tokens: int, tail: bytes) -> None:
        """Reads brought so many tokens at these times; what comes now are they, and `tail` is their end."""
        if not self.events:
            self.first = times[0]
        self.events += len(times)
        self.pieces += tokens
        self.last = times[-1]
        self._counted, self._tail = True, tail

    def read_again(self) -> None:
        """What comes from now on has not been counted."""
        self._counted = False

    def whole(self, answer: Outbound, body: bytes) -> None:
        """The answer is there, all at once."""
        status = answer.head.status
        outcome = _STATUSES.get(status) or _HUNDREDS.get(status // 100, "invalid")
        if outcome != "ok":
            self.close(outcome, f"HTTP {status}: {find_words(body)}")
        elif self.stream:
            self.take(body)
            self.finished(answer)
        else:
            self._end_object(body)

    def _end_object(self, body: bytes) -> None:
        if self.keep:
            self._kept = [body[:KEPT_BYTES]]
        if not read_object(body, self.said):
            self.close("invalid", "the answer is no JSON object of a known form")
        elif self.said.error:
            self.close("server_error", self.said.error)
        else:
            self.close("ok", "")

    def finished(self, answer: Outbound) -> None:
        """The stream was whole, as far as HTTP tells."""
        if self._line:
            self._read([self._line])
        if self.said.error:
            self.close("server_error", self.said.error)
        elif self.said.ended or is_end(self._tail):
            self.close("ok", "")
        else:
            self.close("truncated", "the stream ended without saying so")

    def broke(self, why: str) -> None:
        """The connection ended, or what came is no answer."""
        connection = self.connection
        if connection is not None and connection.spoilt:
            self.close("invalid", why)
        else:
            self.close("cut", why)

    def settle(self) -> None:
        """Read what has come of it."""
        if self.connection is not None:
            self.connection.settle()

    def close(self, outcome: str, error: str) -> None:
        """It is over."""
        connection, self.connection = self.connection, None
        self.outcome, self.error = outcome, error
        if connection is not None:
            self.ended = connection.now
            connection.end(self)

    def give_up(self, outcome: str, now: float) -> None:
        """Wait for it no more: the connection is cut, so that the engine stops."""
        connection = self.connection
        if connection is None:
            return
        connection.settle()
        if self.connection is not None:
            connection.let_go()
            connection.now = now
            self.close(outcome, {"timeout": "no answer within the time limit"}.get(outcome, ""))
