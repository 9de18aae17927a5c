"""One connection that is measured: when each part of its answer came, without reading each at once.

Once the head of a stream is there, parts are timed and wait. They are read together, each as of its own instant, when
the answer seems to end or some have come: most of them bring one token each, which is told by counting, not by reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic

from keepwell.bench.answer import Answer, Habits
from keepwell.bench.sample import Sample
from keepwell.wire.outbound import Outbound

#: Parts that may wait: some kilobytes a connection. Fewer turns of reading are cheaper than more of them.
WAITING = 72
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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected: what is written goes out at once, not at the end of the loop's turn."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=0)

    def begin(self, answer: Answer, request: bytes) -> None:
        """Send a request; its answer is noted in `answer`."""
        answer.connection = self
        self.answer = answer
        answer.sent = monotonic()
        self.ask(answer, request)

    def end(self, answer: Answer) -> None:
        """The answer is over."""
        self.answer, self.waits = None, False
        if not self.closed and not self.reusable:
            self.let_go()
        self._answered(self, answer)

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer. Its first half is done some hundred thousand times a second."""
        if self.waits:
            self._times.append(monotonic())
            self._parts_waiting.append(data)
            if data.endswith(_END) or len(self._times) >= WAITING:
                self.settle()
            return
        self.now = monotonic()
        super().data_received(data)

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
        if not one_each and not all(part.count(marker) for part in parts):
            return False
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
