"""Sends a load: each request at its instant whatever is answered, or each client when its last answer is there.

What cannot be sent at its instant waits, and its instant stays: what is counted from there has no coordinated omission.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from math import inf
from time import monotonic

from keepwell.bench.alarm import Alarm
from keepwell.bench.answer import Answer
from keepwell.bench.doors import MOST_OPEN, OPENING, Doors, Place, count_most_open
from keepwell.bench.load import Load
from keepwell.bench.request import RequestWriter
from keepwell.bench.schedule import make_instants
from keepwell.bench.share import Share
from keepwell.bench.tally import Tally
from keepwell.bench.timed import Timed
from keepwell.bench.turns import Turn, Turns

#: Seconds that a client waits after a failure: a server that refuses at once is not to be asked without end.
PAUSE_SECONDS = 0.1
#: Instants that may have gone by unsent; a load that is further behind is ended.
MOST_WAITING = 250_000
#: Requests that are sent in one go where several are late: reads come in between.
AT_ONCE = 32
#: Seconds between two looks at time limits and at the loop's own lag.
BEAT_SECONDS = 0.05
#: Beats after which what has come of an answer is read, whether it seems to have ended or not; of some at each beat.
SETTLE_BEATS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How requests are sent: seconds for each answer, seconds for those under way when a load of known length has
    ended, and lines for each head (a key among them), which no result keeps.
    """

    answer_seconds: float = 600.0
    rest_seconds: float = 600.0
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


class Sender:
    """One load on its way; `done` has a result once it is over."""

    def __init__(self, load: Load, turns: Turns, place: Place, terms: Terms, tally: Tally) -> None:
        self.load = load
        self.tally = tally
        self.limited = self.refused = ""
        #: True if it was ended before its time.
        self.stopped = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns = turns
        self._terms = terms
        self._writer = RequestWriter(place, terms.headers)
        self.doors = Doors(place, tally.gaps, self._answered, self._pump, self._not_opened)
        self._share = Share(load, able=self.doors.can_be_slow and turns.follow is None)
        #: Requests under way, the oldest first.
        self._active: dict[Answer, Turn] = {}
        #: What is to be sent: when it was planned, and what, None for whatever comes next.
        self._due: deque[tuple[float, Turn | None]] = deque()
        self._cap = min(count_most_open(), load.clients or MOST_OPEN)
        #: True while the load's own bound on requests under way delays others.
        self._held = False
        #: Further requests that the clients of a concurrent load may send.
        self._left = inf
        #: Instants are still to come; clients that wait after a failure.
        self._pacing, self._pausing = True, 0
        self._rest_at, self._beats = inf, 0

    async def open(self, wished: int) -> bool:
        """Open connections before the load begins; False where not one could be opened."""
        return await self.doors.open_ahead(min(wished, self._cap))

    def begin(self, at: float, beat: Callable[[float], None]) -> None:
        """Begin at this instant; `beat` is called some times a second with the time that it is."""
        self.tally.begin = at
        self._beat = beat
        self._heart, self._alarm = Alarm(self._look), Alarm(self._rang)
        self._heart_at = at + BEAT_SECONDS
        self._heart.set(self._heart_at)
        self._instants = self._plan()
        self._go_on()
        self._alarm.set(at)

    def stop(self) -> None:
        """End it now: what is under way is given up."""
        self.stopped = True
        self._cut_short()

    async def close(self) -> None:
        """Let go of everything."""
        self._alarm.close()
        self._heart.close()
        await self.doors.close()

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return len(self._active)

    @property
    def waiting(self) -> int:
        """Instants that have gone by unsent."""
        return len(self._due)

    def _plan(self) -> Iterator[tuple[float, Turn | None]]:
        load, begin = self.load, self.tally.begin
        if load.shape == "replay":
            return self._plan_replay()
        if load.shape != "concurrent":
            return ((begin + one, None) for one in make_instants(load))
        if load.requests:
            self._left = load.requests + load.warm
        if load.seconds:
            self._rest_at = begin + load.seconds + self._terms.rest_seconds
        at_first = min(load.clients, self._left)
        self._left -= at_first
        return repeat((begin, None), int(at_first))

    def _plan_replay(self) -> Iterator[tuple[float, Turn | None]]:
        """Each prompt at its own instant, which counts also where it has to wait for another one's answer."""
        load, begin = self.load, self.tally.begin
        most = load.requests + load.warm
        number = 0
        while not load.requests or number < most:
            turn = self._turns.pull()
            if turn is None or (load.seconds and turn.prompt.at >= load.seconds):
                return
            yield begin + turn.prompt.at, turn._replace(planned=begin + turn.prompt.at)
            number += 1

    def _go_on(self) -> bool:
        """Plan the next instant; False after the last."""
        planned = next(self._instants, None)
        if planned is None:
            self._pacing = False
            if self.load.shape != "concurrent":
                self._rest_at = monotonic() + self._terms.rest_seconds
            self._finish()
            return False
        self._next = planned
        return True

    def _rang(self) -> None:
        """Send what is due. Where much is, some of it: reads are to come in between."""
        for _ in range(AT_ONCE):
            if not self._pacing:
                return  # the alarm was set for an instant that was sent already
            planned, turn = self._next
            if planned > monotonic():
                break
            if turn is None or self._turns.is_ready(turn):
                self._due.append(self._next)
                self._pump()
            if not self._go_on():
                return
        self._alarm.set(self._next[0])

    def _pump(self) -> None:
        """Send what waits, as far as connections and bounds go."""
        due = self._due
        while due:
            if len(self._active) >= self._cap:
                self._held = True
                break
            connection = self.doors.take()
            if connection is None:
                self._open_more()
                break
            planned, turn = due[0]
            turn = turn or self._turns.take()
            if turn is None:
                self.doors.put_back(connection)
                self._run_dry()
                break
            due.popleft()
            self._send(connection, planned, turn)
        else:
            self._held = False
        if len(due) > MOST_WAITING:
            self.limited = f"more than {MOST_WAITING} requests waited to be sent"
            self._cut_short()

    def _open_more(self) -> None:
        doors = self.doors
        while doors.opening < min(len(self._due), OPENING) and doors.count < self._cap:
            doors.open_one()

    def _run_dry(self) -> None:
        """No prompt can be sent now: the load ends where none will come."""
        if self._turns.exhausted and not self._turns.waiting and not self._active:
            self._end_pacing()

    def _send(self, connection: Timed, planned: float, turn: Turn) -> None:
        tally, prompt = self.tally, turn.prompt
        closely = not prompt.stream or self._share.pick(prompt.output_tokens)
        answer = Answer(tally.sent, planned, stream=prompt.stream, keep=self._turns.follow is not None, closely=closely)
        tally.sent += 1
        self._active[answer] = turn
        connection.begin(answer, self._writer.render(prompt))
        if not self._held and prompt.after < 0:
            tally.note_lag(answer.sent - planned)

    def _answered(self, connection: Timed, answer: Answer) -> None:
        turn = self._active.pop(answer)
        self.doors.put_back(connection)
        if answer.outcome == "cut" and connection.asked > 1 and not connection.heard_at:
            # the engine closed it between two requests, as some do behind each stream: it never saw this one
            self.tally.sent -= 1
            self._due.appendleft((answer.planned, turn))
            self._pump()
            return
        self.tally.add(answer, turn.prompt.model)
        well = answer.outcome == "ok"
        for one in self._turns.ended(turn, answer.body, well=well):
            self._due.append((one.planned, one))
        self._next_of_client(well=well)
        self._pump()
        self._finish()

    def _not_opened(self, why: str) -> None:
        self.refused = why
        if not self._due or self._active:
            return  # others are under way, and their connections will be free
        planned, turn = self._due.popleft()
        self.tally.add_unsent(planned, "connect", why)
        if turn is not None:
            self._turns.ended(turn, b"", well=False)
        self._next_of_client(well=False)
        self._pump()
        self._finish()

    def _next_of_client(self, *, well: bool) -> None:
        """A client of a concurrent load goes on, after a pause where it failed."""
        if self.load.shape != "concurrent" or self._left <= 0 or self.done.done():
            return
        now = monotonic()
        if self.load.seconds and now >= self.tally.begin + self.load.seconds:
            self._left = 0
            return
        self._left -= 1
        if well:
            self._due.append((now, None))
        else:
            self._pausing += 1
            asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._go_on_after_pause)

    def _go_on_after_pause(self) -> None:
        self._pausing -= 1
        self._due.append((monotonic(), None))
        self._pump()
        self._finish()

    def _look(self) -> None:
        """Look at time limits, and how late the loop is."""
        now = monotonic()
        self.tally.loop_lags.offer(now - self._heart_at)
        self._heart_at = now + BEAT_SECONDS
        self._heart.set(self._heart_at)
        self._share.learn(self.tally.answered, self.tally.pieces)
        late = []
        for answer in self._active:
            if answer.sent + self._terms.answer_seconds > now:
                break
            late.append(answer)
        self._beats += 1
        for answer in [one for one in self._active if not (one.order + self._beats) % SETTLE_BEATS]:
            answer.settle()
        for answer in late:
            answer.give_up("timeout", now)
        if now > self._rest_at:
            self._cut_short()
        self._beat(now)

    def _end_pacing(self) -> None:
        self._pacing, self._left = False, 0
        self._instants = iter(())
        self._due.clear()
        self._finish()

    def _cut_short(self) -> None:
        self._end_pacing()
        now = monotonic()
        for answer in list(self._active):
            answer.give_up("given_up", now)
        self._finish(at_once=True)

    def _finish(self, *, at_once: bool = False) -> None:
        over = not (self._pacing or self._due or self._active or self._pausing)
        if (over or at_once) and not self.done.done():
            self.done.set_result(None)
