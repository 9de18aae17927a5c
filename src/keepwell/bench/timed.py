"""One connection that is measured: when each part of its answer came, without reading each at once.

Once the head of a stream is there, parts are timed and wait. They are read together, each as of its own instant, when
the answer seems to end or some have come: most of them bring one token each, which is told by counting, not by reading.

An answer that is not read closely is left to itself once its first token is there: see `keepwell.bench.direct`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic

from keepwell.bench.answer import Answer, Habits
from keepwell.bench.direct import Direct
from keepwell.bench.sample import Sample
from keepwell.wire.outbound import Outbound

#: Parts that may wait: some kilobytes a connection. Fewer turns of reading are cheaper than more of them.
WAITING = 72
#: The same where each part holds what came in a turn.
TURNS_WAITING = 3
#: How a stream ends whose end is looked for at once; any other end is found by `settle`.
_END = b"0\r\n\r\n"
#: What follows a marker where the token is empty.
_EMPTY = b'"'


class Timed(Outbound):
    """A connection with at most one request on it. `answered` is told when that ended, `lost` when the connection ended
    while nothing was asked; it may be `closed` in both.
    """

    def __init__(
        self,
        sample: Sample,
        habits: Habits,
        answered: Callable[[Timed, Answer], None],
        lost: Callable[[Timed], None],
    ) -> None:
        super().__init__()
        self.habits = habits
        self.answer: Answer | None = None
        #: When what is read now came.
        self.now = 0.0
        #: Parts may wait to be read.
        self.waits = False
        #: Gaps between reads that bring tokens, of all connections.
        self.sample = sample
        self._answered = answered
        self._lost = lost
        self._times: list[float] = []
        self._parts_waiting: list[bytes] = []
        self._direct: Direct | None = None
        #: It is to be slowed down at the first token; parts that may wait.
        self._slows, self._most = False, WAITING

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected: what is written goes out at once, not at the end of the loop's turn."""
        super().connection_made(transport)
        if isinstance(transport, Direct):
            self._direct = transport
        self.transport.set_write_buffer_limits(high=0)

    def begin(self, answer: Answer, request: bytes) -> None:
        """Send a request; its answer is noted in `answer`."""
        answer.connection = self
        self.answer = answer
        self._slows = not answer.closely and self._direct is not None
        answer.sent = monotonic()
        self.ask(answer, request)

    def end(self, answer: Answer) -> None:
        """The answer is over."""
        self.answer, self.waits, self._slows = None, False, False
        if self._direct is not None and self._direct.slow:
            self._most = WAITING
            self._direct.speed_up()
        if not self.closed and not self.reusable:
            self.let_go()
        self._answered(self, answer)

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer, now."""
        self.received(data, monotonic())

    def received(self, data: bytes, at: float) -> None:
        """Bytes of the answer. Its first half is done some hundred thousand times a second."""
        answer = self.answer
        if self.waits:
            self._times.append(at)
            self._parts_waiting.append(data)
            if data.endswith(_END) or len(self._times) >= self._most:
                self.settle()
        else:
            self.now = at
            super().data_received(data)
        if self._slows and answer is not None and answer is self.answer:  # else it may be on its next request already
            self._slow_down(answer, data)

    def _slow_down(self, answer: Answer, data: bytes) -> None:
        """Let it be read in turns if its first token is there, which may be in these bytes."""
        direct, marker = self._direct, self.habits.marker
        if direct is None:
            return
        if not answer.events:
            place = data.find(marker)
            if not marker:
                self.settle()
            if not answer.events and (not marker or place < 0 or data.startswith(_EMPTY, place + len(marker))):
                return
        if self.answer is answer:
            self._slows, self._most = False, TURNS_WAITING
            direct.slow_down()

    def connection_lost(self, exc: Exception | None) -> None:
        """The engine closed it, or it was cut."""
        self.settle()
        self.now = monotonic()
        asked = self.answer is not None
        super().connection_lost(exc)
        if not asked:
            self._lost(self)

    def settle(self) -> None:
        """Read what waits."""
        parts, times, answer = self._parts_waiting, self._times, self.answer
        if not parts or answer is None:
            return
        self._parts_waiting, self._times = [], []
        if not answer.closely:
            self._cut_end(parts, times)
        stop = len(parts) - parts[-1].endswith(_END)
        place = 0
        if stop and not answer.torn and self._pass(answer, parts[:stop], times[:stop]):
            place = stop
        while place < len(parts) and self.answer is answer:
            one = slice(place, place + 1)
            if place >= stop or answer.torn or not self._pass(answer, parts[one], times[one]):
                self.now = times[place]
                super().data_received(parts[place])
            place += 1

    def _cut_end(self, parts: list[bytes], times: list[float]) -> None:
        """Make two parts of an end that holds many tokens: the last of them and what follows is read, no more."""
        last, marker = parts[-1], self.habits.marker
        if not marker or not last.endswith(_END):
            return
        place = last.rfind(b"\n", 0, max(0, last.rfind(marker))) + 1
        if marker in last[:place]:
            parts[-1:] = [last[:place], last[place:]]
            times.append(times[-1])

    def _pass(self, answer: Answer, parts: Sequence[bytes], times: Sequence[float]) -> bool:
        """Count them, if each brings tokens and nothing else; False where they must be read.

        What counts as many tokens as lines has no other lines. As many as parts of about one size are one for each.
        """
        marker, data = self.habits.marker, b"".join(parts)
        count = data.count(marker)
        if not marker or count < len(parts) or count != data.count(self.habits.lead) or marker + _EMPTY in data:
            return False
        sizes = list(map(len, parts))
        one_each = count == len(parts) and max(sizes) < 2 * min(sizes)
        if not one_each and not all(marker in part for part in parts):
            return False
        if answer.closely:
            self._sample(answer, times)
        answer.pass_over(times, count, parts[-1])
        self.now = times[-1]
        super().data_received(data)
        answer.read_again()
        return True

    def _sample(self, answer: Answer, times: Sequence[float]) -> None:
        """The gaps before these times, but for those whose turn it is not."""
        sample = self.sample
        place = int(not answer.events)
        while sample.left < len(times) - place:
            place += sample.left
            sample.left = 0
            before = answer.last
            if place:
                before = times[place - 1]
            sample.offer(times[place] - before)
            place += 1
        sample.left -= len(times) - place
