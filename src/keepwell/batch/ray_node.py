"""One node of a Ray cluster as a run sees it: its worker, what was given to it, and that it has gone.

A call over a cluster takes milliseconds and may block, so calls are made in a thread of the node's own, and requests go
and come in groups: what gathers while one call is under way is the next one.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, Literal, Protocol, TypeAlias

from keepwell.batch.ray_worker import Request, Told
from keepwell.core.text import cut_text, escape_controls

#: Seconds for a worker to start on its node, and to tell whether the engine there takes connections.
START_SECONDS, REACH_SECONDS = 60.0, 20.0
#: Seconds after which a worker that nothing came to is asked again.
PULL_SECONDS = 5.0
#: Characters of what Ray says of a loss.
SHOWN = 160
#: Bytes of requests that are given to a worker at once, or one request that is larger.
GROUP_BYTES = 4 * 1024 * 1024
#: What is told of a request: what came; or that nothing was sent, or that nobody knows, and why.
Lost: TypeAlias = Literal["connect", "cut"]
Tell: TypeAlias = Callable[["Told | None", "Lost", str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node: Ray's id, its address, and its name."""

    id: str
    address: str
    name: str


class Workers(Protocol):
    """What a cluster has to be able to do (`keepwell.batch.ray_cluster`). Calls may block."""

    #: What is raised where a worker, its node or the way to it has gone.
    gone: tuple[type[BaseException], ...]

    def start(self, node: Node) -> Any:
        """A new worker on this node, which may not be ready yet. Raises one of `gone`."""
        ...

    def call(self, worker: Any, name: str, *values: object) -> Future[Any]:
        """One of its methods. Raises one of `gone`, and so may the future."""
        ...

    def is_there(self, node: Node) -> bool:
        """True if the node was alive when that was last looked at. Does not block."""
        ...

    def lost(self, node: Node, why: str) -> None:
        """Its worker has gone, and what it was asked is told to be lost. Called on the loop."""
        ...


class RayNode:
    """Everything but calls happens on the loop that it was made in."""

    def __init__(self, workers: Workers, node: Node) -> None:
        self.node = node
        self._workers = workers
        self._loop = asyncio.get_running_loop()
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._numbers = itertools.count(1)
        #: The worker that was started; and the same once it has answered: only then it is given anything.
        self._made: Any = None
        self._worker: Any = None
        self._waiting: list[tuple[Request, Tell]] = []
        self._flying: dict[int, Tell] = {}
        self._pushing = self._pulling = False
        Thread(target=self._make_calls, daemon=True, name=f"ray {node.name}").start()

    def next_number(self) -> int:
        """One that no request of this node had."""
        return next(self._numbers)

    def ask(self, request: Request, tell: Tell) -> None:
        """Give it to the worker; `tell` is called once, and not before this returns."""
        self._waiting.append((request, tell))
        if not self._pushing:
            self._pushing = True
            self._loop.call_soon(self._push)

    def drop(self, number: int) -> None:
        """Nobody waits for this request any more, and nobody is told of it."""
        self._waiting = [one for one in self._waiting if one[0][0] != number]
        if self._flying.pop(number, None) is not None:
            self._call(self._worker, "drop", number, then=self._dropped)

    async def answers(self, url: str) -> bool:
        """True if the node is there, its worker runs and something takes connections at this address, as it sees it.

        The worker is started where there is none.
        """
        return await self._ask_worker("answers", url)

    async def is_ready(self) -> bool:
        """True if its worker runs; it is started where there is none."""
        return await self._ask_worker("is_ready")

    async def _ask_worker(self, name: str, *values: object) -> bool:
        if not self._workers.is_there(self.node):
            return False
        future: Future[bool] = Future()
        self._calls.put(partial(self._look, name, values, future))
        try:
            async with asyncio.timeout(START_SECONDS + REACH_SECONDS):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            return False

    def close(self) -> None:
        """End its thread, without waiting. Its worker ends with the connection to the cluster."""
        self._calls.put(None)

    # In the node's thread.

    def _make_calls(self) -> None:
        while (call := self._calls.get()) is not None:
            call()

    def _look(self, name: str, values: tuple[object, ...], found: Future[bool]) -> None:
        """Ask the worker something; a new one where it has gone."""
        worker = self._made
        try:
            if worker is None:
                worker = self._made = self._workers.start(self.node)
            looked = self._workers.call(worker, name, *values)
        except self._workers.gone:
            self._to_loop(self._saw, worker, None, found)
        else:
            looked.add_done_callback(partial(self._looked, worker, found))

    def _looked(self, worker: Any, found: Future[bool], looked: Future[Any]) -> None:
        try:
            well = looked.result()
        except self._workers.gone:
            self._to_loop(self._saw, worker, None, found)
        else:
            self._to_loop(self._saw, worker, bool(well), found)

    def _to_loop(self, call: Callable[..., object], *values: object) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(call, *values)

    def _call(self, worker: Any, name: str, *values: object, then: Callable[[Any, Future[Any]], None]) -> None:
        """Make a call in the thread; `then` gets the worker and the future on the loop, when it is done."""
        self._calls.put(partial(self._call_now, worker, name, values, then))

    def _call_now(
        self, worker: Any, name: str, values: tuple[object, ...], then: Callable[[Any, Future[Any]], None]
    ) -> None:
        try:
            future = self._workers.call(worker, name, *values)
        except self._workers.gone as error:
            future = Future()
            future.set_exception(error)
        future.add_done_callback(partial(self._to_loop, then, worker))

    # On the loop.

    def _saw(self, worker: Any, well: bool | None, found: Future[bool]) -> None:
        """What a look told: None where the worker has gone."""
        if well is None:
            self._lost(worker, "its worker has gone")
        elif self._made is worker:
            self._worker = worker
        if not found.done():
            found.set_result(bool(well))

    def _push(self) -> None:
        """Give the worker what waits."""
        self._pushing = False
        if self._worker is None:
            self._tell_unsent(f"{self.node.name} has no worker now")
            return
        group, size = 0, 0
        while group < len(self._waiting) and size < GROUP_BYTES:
            size += len(self._waiting[group][0][5])
            group += 1
        taken, self._waiting = self._waiting[:group], self._waiting[group:]
        if not taken:
            return
        self._pushing = True
        self._flying.update((request[0], tell) for request, tell in taken)
        self._call(self._worker, "push", [request for request, _ in taken], then=self._pushed)

    def _pushed(self, worker: Any, future: Future[Any]) -> None:
        error = future.exception()
        if error is not None:
            self._failed(worker, error)
        self._push()
        self._pull()

    def _pull(self) -> None:
        if self._flying and not self._pulling and self._worker is not None:
            self._pulling = True
            self._call(self._worker, "pull", PULL_SECONDS, then=self._pulled)

    def _pulled(self, worker: Any, future: Future[Any]) -> None:
        self._pulling = False
        error = future.exception()
        if error is not None:
            self._failed(worker, error)
        else:
            for told in future.result():
                tell = self._flying.pop(told[0], None)
                if tell is not None:
                    tell(told, "cut", "")
        self._pull()

    def _dropped(self, worker: Any, future: Future[Any]) -> None:
        error = future.exception()
        if error is not None:
            self._failed(worker, error)

    def _failed(self, worker: Any, error: BaseException) -> None:
        if not isinstance(error, self._workers.gone):
            raise error
        self._lost(worker, _describe(error))

    def _lost(self, worker: Any, why: str) -> None:
        """The worker has gone, and with it what it was asked."""
        if worker is None or worker is not self._made:
            return
        self._made = self._worker = None
        self._workers.lost(self.node, why)
        flying, self._flying = self._flying, {}
        for tell in flying.values():
            tell(None, "cut", f"{self.node.name}: {why}")
        self._tell_unsent(f"{self.node.name}: {why}")

    def _tell_unsent(self, why: str) -> None:
        waiting, self._waiting = self._waiting, []
        for _, tell in waiting:
            tell(None, "connect", why)


def _describe(error: BaseException) -> str:
    """The first line of what Ray says."""
    words = str(error).strip().splitlines()
    return cut_text(escape_controls((words or [type(error).__name__])[0]), SHOWN)
