"""What is asked next: tasks of the input in their order, those that are tried again when their time has come, and those
that are asked while nothing else is.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator

from keepwell.batch.item import Task
from keepwell.batch.settling import DEATHS_BESIDE, Pending
from keepwell.store.batch_state import Tries

#: Tasks that may wait to be tried again: with more of them nothing new is read, so that memory does not grow.
WAITING = 4096
#: Tries beyond the first, for each task that ended, and that may be saved up: a server that fails is not asked more
#: often than one that answers. A few a second are free, for the end, when nothing else is left.
AGAIN_EACH, AGAIN_SAVED, AGAIN_A_SECOND = 0.25, 100.0, 4.0


class Lineup:
    """Times are monotonic seconds."""

    def __init__(self, tasks: Iterator[Task], find_tries: Callable[[int], Tries], targets: int, now: float) -> None:
        self.alone: deque[Pending] = deque()
        #: The first number that was not read.
        self.reached = 0
        self.exhausted = False
        self._tasks = tasks
        self._find_tries = find_tries
        self._ready: list[deque[Pending]] = [deque() for _ in range(targets)]
        self._later: list[tuple[float, int, bool, Pending]] = []
        self._allowed, self._paid_at = AGAIN_SAVED, now

    @property
    def waiting(self) -> int:
        """Tasks that were read, have no outcome and are not being asked."""
        return len(self._later) + len(self.alone) + sum(map(len, self._ready))

    def put_off(self, pending: Pending, due: float, *, paid: bool = False) -> None:
        """To be tried again, not before `due`; `paid`: whatever others have used up."""
        heapq.heappush(self._later, (due, pending.task.number, paid, pending))

    def put_back(self, pending: Pending) -> None:
        """It was not asked after all; it is the next."""
        if pending.tries.deaths >= DEATHS_BESIDE:
            self.alone.appendleft(pending)
        else:
            self._ready[pending.tries.target].appendleft(pending)

    def ended(self, count: int) -> None:
        """So many tasks have their outcome: others may be tried again for it."""
        self._allowed = min(AGAIN_SAVED, self._allowed + AGAIN_EACH * count)

    def wake(self, now: float) -> None:
        """Tasks whose time has come are ready, as far as tries beyond the first are allowed."""
        self._allowed = min(AGAIN_SAVED, self._allowed + AGAIN_A_SECOND * (now - self._paid_at))
        self._paid_at = now
        while self._later and self._later[0][0] <= now and (self._allowed >= 1 or self._later[0][2]):
            _, _, paid, pending = heapq.heappop(self._later)
            self._allowed -= not paid
            if pending.tries.deaths >= DEATHS_BESIDE:
                self.alone.append(pending)
            else:
                self._ready[pending.tries.target].append(pending)

    def take(self, target: int) -> Pending | None:
        """The next one for this target, None where there is none now. Raises what reading the input raises."""
        if self._ready[target]:
            return self._ready[target].popleft()
        while not target and not self.exhausted and self.waiting < WAITING:
            pending = self._read()
            if pending is None:
                break
            if pending.tries.deaths >= DEATHS_BESIDE:
                self.alone.append(pending)
            elif pending.tries.target:
                self._ready[pending.tries.target].append(pending)
            else:
                return pending
        return None

    def _read(self) -> Pending | None:
        task = next(self._tasks, None)
        if task is None:
            self.exhausted = True
            return None
        self.reached = max(self.reached, task.number + 1)
        return Pending(task, self._find_tries(task.number))
