"""Blocking calls off the event loop, in threads that cannot keep the program from ending.

A read on a dead network mount, or of /proc while a driver holds a process's memory lock, may never return.
The pools of the standard library join their threads at exit, so one such read would hang keepwell for
ever; these threads are daemons, and one that hangs is replaced.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar

from keepwell.core.errors import AccessError, TimedOut

#: Threads that work at once: file calls mostly wait for the kernel, and more would not compute faster.
WORKERS = 4
#: Calls that may hang before new ones are refused: each holds a thread that may never come back.
HANGING = 32

T = TypeVar("T")
_Job: TypeAlias = tuple[Callable[[], Any], "Future[Any]"]


class Threads:
    """Runs blocking calls in a few daemon threads, each with a time limit. Costs about 0.1 ms a call."""

    def __init__(self, workers: int = WORKERS) -> None:
        self._workers = workers
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._running = 0
        self._hanging: list[Future[Any]] = []

    async def call(self, work: Callable[[], T], *, timeout_seconds: float, where: str) -> T:
        """What `work()` gives; raises its OSError, ValueError or AccessError, and TimedOut past the limit.

        `where` is the path that the call is about, for the message.
        """
        self._grow(where)
        answer: Future[T] = Future()
        self._jobs.put((work, answer))
        try:
            async with asyncio.timeout(timeout_seconds):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            if answer.running():
                self._hanging.append(answer)
            raise TimedOut(f"no answer within {timeout_seconds:g} s", where=where) from None

    def close(self) -> None:
        """Let the threads end when their present calls do; safe to call twice, and to call again after."""
        for _ in range(self._running):
            self._jobs.put(None)
        self._running = 0

    def _grow(self, where: str) -> None:
        self._hanging = [one for one in self._hanging if not one.done()]
        if len(self._hanging) >= HANGING:
            raise TimedOut(f"{HANGING} earlier reads still hang; no more are tried", where=where)
        if self._running < self._workers + len(self._hanging):
            self._running += 1
            threading.Thread(target=_work, args=(self._jobs,), name="keepwell-files", daemon=True).start()


def _work(jobs: SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        work, answer = job
        if answer.set_running_or_notify_cancel():
            _answer(work, answer)


def _answer(work: Callable[[], Any], answer: Future[Any]) -> None:
    try:
        answer.set_result(work())
    except (OSError, ValueError, AccessError) as error:
        answer.set_exception(error)
    finally:
        if not answer.done():
            answer.set_exception(RuntimeError("a bug ended this call; its trace is in the log of the thread"))
