"""Workers of a cluster that is none: each in a loop and thread of its own, as a node's would be; they can be killed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from keepwell.batch.job import Target
from keepwell.batch.lane import Lane
from keepwell.batch.ray_lanes import RayLane
from keepwell.batch.ray_node import Node, RayNode
from keepwell.batch.ray_worker import Worker


class WorkerDiedError(Exception):
    """What a call raises whose worker has gone."""


class Hosted:
    """A worker in its thread. When it is killed, calls that wait for it fail, and so do later ones."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.dead = False
        self._waiting: set[Future[Any]] = set()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.worker = asyncio.run_coroutine_threadsafe(self._make(), self.loop).result()

    async def _make(self) -> Worker:
        return Worker(8)

    def call(self, name: str, *values: object) -> Future[Any]:
        """One of its methods."""
        if self.dead:
            raise WorkerDiedError("it is dead\nand there is more to say of it")
        told: Future[Any] = Future()
        self._waiting.add(told)
        inner = asyncio.run_coroutine_threadsafe(getattr(self.worker, name)(*values), self.loop)
        inner.add_done_callback(lambda found: self._tell(told, found))
        return told

    def _tell(self, told: Future[Any], found: Future[Any]) -> None:
        self._waiting.discard(told)
        if not told.done() and not found.cancelled():
            told.set_result(found.result())

    def kill(self) -> None:
        """Nothing comes of it any more."""
        self.dead = True
        waiting, self._waiting = self._waiting, set()
        for one in waiting:
            if not one.done():
                one.set_exception(WorkerDiedError("it was killed"))

    def close(self) -> None:
        """End its thread."""
        self.kill()
        self.worker.close()
        self.loop.call_soon_threadsafe(self._stop)
        self._thread.join(10)
        self.loop.close()

    def _stop(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.call_soon(self.loop.stop)


class Hosts:
    """A cluster of so many nodes: `Workers` for them, and `Lanes` for a run."""

    gone: tuple[type[BaseException], ...] = (WorkerDiedError,)

    def __init__(self, count: int, seconds: float = 5.0) -> None:
        names = [f"node{number}" for number in range(count)]
        self.nodes = [RayNode(self, Node(id=name, address="127.0.0.1", name=name)) for name in names]
        self.made: dict[str, list[Hosted]] = {name: [] for name in names}
        self.away: set[str] = set()
        self.told: list[str] = []
        self.hidden = 0
        self._seconds = seconds
        self._given: set[tuple[int, str]] = set()

    def start(self, node: Node) -> Hosted:
        """See `Workers`."""
        made = Hosted()
        self.made[node.id].append(made)
        return made

    def call(self, worker: Any, name: str, *values: object) -> Future[Any]:
        """See `Workers`."""
        found: Future[Any] = worker.call(name, *values)
        return found

    def is_there(self, node: Node) -> bool:
        """See `Workers`."""
        return node.id not in self.away

    def lost(self, node: Node, why: str) -> None:
        """See `Workers`."""
        self.told.append(f"{node.name}: {why}")

    def find_new(self, place: int, target: Target) -> Sequence[Lane]:
        """See `Lanes`; the last `hidden` nodes are not there yet."""
        shown = self.nodes[: len(self.nodes) - self.hidden]
        fresh = [one for one in shown if (place, one.node.id) not in self._given]
        self._given |= {(place, one.node.id) for one in fresh}
        return [RayLane(one, target, self._seconds) for one in fresh]

    async def ready(self) -> Hosts:
        """All workers run."""
        for one in self.nodes:
            assert await one.is_ready()
        return self

    def close(self) -> None:
        """End all of it."""
        for one in self.nodes:
            one.close()
        for hosted in (one for made in self.made.values() for one in made):
            hosted.close()
