"""The runner: asks each task of a job until it has an outcome, so many at a time, and keeps every outcome at once.

All of it happens in turns of one loop. A turn takes the tries that ended, decides what becomes of their tasks, reads as
many new ones as there is room for, keeps all that in one transaction, and only then sends: a task's place is given to
the next one when its outcome is safe, so that kill -9 costs at most what is in flight.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

import msgspec

from keepwell.batch.asking import Ended
from keepwell.batch.filing import AHEAD, Filing, make_kept
from keepwell.batch.item import Outcome, Task
from keepwell.batch.job import Job, Told
from keepwell.batch.lane import Directly, Lanes, Try
from keepwell.batch.lineup import Lineup
from keepwell.batch.progress import Progress
from keepwell.batch.settling import DEATHS_ALONE, Pending, condemn, describe, make_problem, settle
from keepwell.batch.station import Station
from keepwell.batch.stations import Stations
from keepwell.batch.troubles import CROWDED
from keepwell.core.clock import Clock
from keepwell.store.batch_state import Tries
from keepwell.store.batches import BatchJournal

#: Seconds between two looks at times, wishes to stop and limits.
LOOK_SECONDS = 0.1
#: Seconds between two times that somebody is told how it goes, and that the journal is told that the runner lives.
TELL_SECONDS, RENEW_SECONDS = 1.0, 10.0
#: Seconds that a run which is asked to end waits for what is in flight.
STOP_SECONDS = 30.0
#: Tasks that are settled in one turn without being asked: lines that are no tasks.
TURN = 1000


def tell_nobody(told: Told) -> None:
    """For a run that nobody watches."""


class Run:
    """One run of a job. `go` does it; `stop` and `stop_now` may be called meanwhile, by the same loop."""

    def __init__(
        self,
        job: Job,
        journal: BatchJournal,
        clock: Clock,
        *,
        tell: Callable[[Told], None] = tell_nobody,
        lanes: Lanes | None = None,
    ) -> None:
        """By `lanes` targets are asked, from here where there are none. Raises ConfigurationError for a target that is
        none, and as `Filing`.
        """
        now = monotonic()
        self._job = job
        self._journal = journal
        self._clock = clock
        self._tell = tell
        self._chance = random.Random()
        self._stations = Stations(job, lanes or Directly(), self._wake, now)
        self._lineup = Lineup(job.source.read(journal.is_done), journal.find_tries, len(job.targets), now)
        self._filing = Filing(journal, job.writes.begin, ordered=job.ordered)
        self._turn = asyncio.Event()
        self._ended: list[tuple[Try, Ended]] = []
        self._flying: dict[Try, tuple[Station, Pending]] = {}
        self._progress = Progress(now)
        self._begun = now
        self._done_before = journal.state.done
        self._tokens_before = journal.state.input_tokens + journal.state.output_tokens
        self._heard_at = self._looked_at = self._told_at = self._renewed_at = now
        self._ending = self._why = self._said = ""
        self._stop_by = 0.0

    async def go(self) -> Told:
        """Until every task has an outcome, or something ends the run. What is kept is in the output when this returns.

        Raises AccessError where journal or output cannot be written, ConfigurationError for a line of the input, and
        RefusedError where another runner took the job over; all that was kept stays so.
        """
        writing = asyncio.create_task(self._filing.run())
        try:
            while not self._is_over() and not writing.done():
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._turn.wait()
                self._turn.clear()
                self._take_turn(monotonic())
            self._filing.finish()
            await writing
            self._journal.end(self._ending or "done", self._clock.now())
            self._journal.sync()
        finally:
            self._stations.close()
            self._filing.finish()  # not cancelled: a thread may be writing, and what is kept is to be in the output
            await asyncio.wait([writing])
            self._filing.close()
        return self.told()

    def stop(self, word: str = "stopped", why: str = "", seconds: float = STOP_SECONDS) -> None:
        """Begin nothing more; wait for what is in flight, but not long."""
        if not self._ending:
            self._ending, self._why = word, why
            self._stop_by = monotonic() + seconds
            self._turn.set()

    def stop_now(self) -> None:
        """End at once; what is in flight is asked again another time."""
        self.stop()
        self._stop_by = 0.0
        self._wake()

    def told(self) -> Told:
        """How far it is."""
        now, state = monotonic(), self._journal.state
        total, left = self._job.total or state.total, (0.0, 0.0)
        if total > state.done:
            left = self._progress.find_left(total - state.done, now)
        ended = ""
        if self._is_over():
            ended = self._ending or "done"
        return Told(
            total=total,
            done=state.done,
            answered=state.troubles.get("", 0),
            troubles={name: count for name, count in state.troubles.items() if name},
            done_here=state.done - self._done_before,
            in_flight=len(self._flying),
            at_a_time=self._stations.at_a_time,
            input_tokens=state.input_tokens,
            output_tokens=state.output_tokens,
            seconds=now - self._begun,
            rate=self._progress.find_rate(now),
            left_low=left[0],
            left_high=left[1],
            ended=ended,
            why=self._why,
        )

    def _wake(self) -> None:
        self._turn.set()

    def _note(self, ask: Try, ended: Ended) -> None:
        self._ended.append((ask, ended))
        self._turn.set()

    def _is_over(self) -> bool:
        if self._flying:
            return False
        return bool(self._ending) or (self._lineup.exhausted and not self._lineup.waiting)

    def _take_turn(self, now: float) -> None:
        if now - self._looked_at >= LOOK_SECONDS:
            self._look(now)
        turn = _Turn()
        ended, self._ended = self._ended, []
        for ask, how in ended:
            self._settle(ask, how, now, turn)
        for station in self._stations:
            turn.tries.update((one.task.number, one.tries) for one in station.take_suspects())
        self._lineup.wake(now)
        if not self._ending and self._filing.waiting < AHEAD:
            self._choose(now, turn)
        self._keep(turn, now)
        for station, pending in turn.chosen:
            self._send(station, pending)

    def _settle(self, ask: Try, how: Ended, now: float, turn: _Turn) -> None:
        """What becomes of one try."""
        station, pending = self._flying.pop(ask)
        station.in_flight -= 1
        if how.failure == "stopped":
            return
        if how.failure == "connect":
            station.is_down(now)
            self._said = how.why
            self._lineup.put_back(pending)
            return
        alive = station.answered_at >= ask.begun
        settled = settle(self._job, pending, how, self._clock.now(), self._chance, alive=alive)
        if settled.trouble != "overloaded":
            self._heard_at = now
        if isinstance(settled, Outcome):
            turn.outcomes.append((pending.task, settled))
            if not settled.trouble:
                station.answered_at = now
                station.pace.answered(settled.output_tokens or 1, now)
            return
        again = settled.pending
        self._said = describe(how)
        if settled.trouble in CROWDED:
            station.pace.crowded(ask.begun, now)
            station.cool_until = max(station.cool_until, now + settled.cool)
        if how.failure == "cut":
            station.was_cut(again)
        turn.tries[again.task.number] = again.tries
        # a lost connection is not the price of a try: the target is looked for before anything is sent there
        self._lineup.put_off(again, now + settled.seconds, paid=settled.trouble in ("transport", "invalid"))

    def _choose(self, now: float, turn: _Turn) -> None:
        """What is sent now."""
        if self._lineup.alone and self._flying:
            return  # nothing, until what is in flight has ended
        for place in range(len(self._job.targets)):
            for station in self._stations.find_open(place, now):
                self._fill(place, station, now, turn)
        if len(turn.outcomes) >= TURN:
            self._wake()
        if self._lineup.alone and not turn.chosen:
            self._choose_alone(now, turn)

    def _fill(self, place: int, station: Station, now: float, turn: _Turn) -> None:
        """As much for this station as it has room for."""
        room = station.find_room(now)
        while room > 0 and len(turn.outcomes) < TURN:
            pending = self._lineup.take(place)
            if pending is None:
                return
            if pending.task.problem:
                turn.outcomes.append((pending.task, make_problem(pending.task)))
                continue
            turn.choose(station, pending)
            room -= 1

    def _choose_alone(self, now: float, turn: _Turn) -> None:
        pending = self._lineup.alone[0]
        station = self._stations.find_free(pending, now)
        if pending.tries.alone >= DEATHS_ALONE:
            turn.outcomes.append((pending.task, condemn(pending)))
            self._lineup.alone.popleft()
            self._wake()
        elif station is not None:
            pending.alone = True
            turn.choose(station, self._lineup.alone.popleft())

    def _keep(self, turn: _Turn, now: float) -> None:
        reached = max(self._journal.state.reached, self._lineup.reached)
        if not turn.outcomes and not turn.tries and reached == self._journal.state.reached:
            return
        kept = [make_kept(self._job, task, outcome) for task, outcome in turn.outcomes]
        self._journal.keep(kept, turn.tries, reached, self._clock.now())
        self._filing.note(len(kept))
        self._lineup.ended(len(kept))
        self._progress.add(len(kept), now)

    def _send(self, station: Station, pending: Pending) -> None:
        task, model = pending.task, station.lane.target.model
        body = pending.body or task.body
        if model:
            body = msgspec.json.encode({**msgspec.json.decode(body), "model": model})
        self._flying[station.lane.ask(task.method, task.path, body, self._note)] = (station, pending)

    def _look(self, now: float) -> None:
        """At all that comes with time."""
        self._looked_at = now
        self._stations.look(now)
        bounds = self._job.bounds
        for ask in [one for one in self._flying if now - one.begun > bounds.seconds]:
            ask.give_up("timeout", f"no answer within {bounds.seconds:g} s")
        state = self._journal.state
        if now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            self._tell(self.told())
            if self._journal.is_asked_to_stop():
                self.stop()
        if now - self._renewed_at >= RENEW_SECONDS:
            self._renewed_at = now
            self._journal.renew(self._clock.now())
        if bounds.until and self._clock.now() >= bounds.until:
            self.stop("until", "its time is over")
        if bounds.tokens and state.input_tokens + state.output_tokens - self._tokens_before >= bounds.tokens:
            self.stop("budget", f"{bounds.tokens} tokens were spent")
        if now - self._heard_at > bounds.patience and not self._stations.any_open(now):
            self.stop("unreachable", self._said)
        if self._ending and now >= self._stop_by:
            for ask in list(self._flying):
                ask.give_up("stopped", "the run was ended")


@dataclass(slots=True)
class _Turn:
    """What one turn decided."""

    outcomes: list[tuple[Task, Outcome]] = field(default_factory=list)
    tries: dict[int, Tries] = field(default_factory=dict)
    chosen: list[tuple[Station, Pending]] = field(default_factory=list)

    def choose(self, station: Station, pending: Pending) -> None:
        """This is sent when all else is kept."""
        station.in_flight += 1
        self.chosen.append((station, pending))
