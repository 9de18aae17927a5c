"""A Ray cluster that runs already: its nodes as lanes of a batch. Ray itself is loaded when a cluster is named.

Nothing of keepwell has to be there: the one file that nodes run (`keepwell.batch.ray_worker`) is sent to them. The
cluster is left as it was: nothing is started but a worker a node, and these end with the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import warnings
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from threading import Thread
from time import monotonic
from typing import Any, TypeVar

from keepwell.batch import ray_worker
from keepwell.batch.job import Bounds, Target
from keepwell.batch.lane import Lane
from keepwell.batch.ray_aim import HERE, INSTALL, Aim, explain, name_apart
from keepwell.batch.ray_lanes import RayLane
from keepwell.batch.ray_node import START_SECONDS, Node, RayNode
from keepwell.core.errors import ConfigurationError, TimedOut, Unreachable

#: Seconds for the head to take a connection, and for Ray to make what a program needs there; and to leave.
REACH_SECONDS, CONNECT_SECONDS, LEAVE_SECONDS = 5.0, 60.0, 10.0
#: Seconds between two looks at the nodes, and before another try where the head has gone.
LOOK_SECONDS, AGAIN_SECONDS = 2.0, 10.0
#: Seconds that the first node's worker waits for those of others, which may come later.
LATE_SECONDS = 5.0
#: Times that a head which takes connections is asked for what a program needs there, if it says no within so many
#: seconds.
TRIES, QUICK_SECONDS = 3, 20.0
#: Calls of a worker at a time: groups of requests, what came, what is dropped.
CALLS = 64
#: Names of nodes that are told.
TOLD_NODES = 8
#: What Ray logs of a connection that is lost is told in keepwell's own words.
_LOUD = ("ray", "ray.util.client.logsclient")
_Given = TypeVar("_Given")


@contextlib.asynccontextmanager
async def open_cluster(aim: Aim, bounds: Bounds, tell: Callable[[str], None]) -> AsyncIterator[RayCluster]:
    """Its nodes may be asked meanwhile; `tell` hears which they are.

    Raises ConfigurationError where Ray is not installed or is another release, Unreachable and TimedOut where the head
    does not answer or no node has the resource.
    """
    cluster = RayCluster(_load_ray(), aim, bounds, tell)
    await cluster.open()
    looking = asyncio.create_task(cluster.keep())
    try:
        yield cluster
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await cluster.close()


class RayCluster:
    """The `Lanes` of a run, and the `Workers` of its nodes."""

    def __init__(self, ray: Any, aim: Aim, bounds: Bounds, tell: Callable[[str], None]) -> None:
        self.gone: tuple[type[BaseException], ...] = (ray.exceptions.RayError, OSError, *_find_errors())
        self._ray = ray
        self._aim = aim
        self._bounds = bounds
        self._tell = tell
        self._alive: frozenset[str] = frozenset()
        self._told = self._leaving = False
        self._nodes: dict[str, RayNode] = {}
        self._given: set[tuple[int, str]] = set()
        self._starting: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect, and wait for the first node. Raises as `open_cluster`."""
        await self._connect()
        try:
            found = await self._find_nodes()
            if not found:
                raise Unreachable(self._describe_lack(), where=self._aim.address, hint="ray status")
            await self._look_at(found)
            await asyncio.wait(self._starting, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if self._starting:
                await asyncio.wait(self._starting, timeout=LATE_SECONDS)
        except (Unreachable, TimedOut):
            await self.close()
            raise
        if not self._nodes:
            await self.close()
            hint = "ray status shows who holds it"
            raise TimedOut(f"no worker started within {START_SECONDS:g} s", where=self._aim.address, hint=hint)
        names = [one.node.name for one in self._nodes.values()]
        more = f" and {len(names) - TOLD_NODES} more" * (len(names) > TOLD_NODES)
        self._told = True
        self._tell(f"nodes of {self._aim.address} that ask: {', '.join(names[:TOLD_NODES])}{more}")

    async def keep(self) -> None:
        """Look at the nodes until cancelled: some go, some come, and so may the head."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                found = await self._find_nodes()
            except (Unreachable, TimedOut):
                await self._come_back()
            else:
                await self._look_at(found)

    async def close(self) -> None:
        """Leave the cluster; its workers for this batch end."""
        self._leaving = True
        for task in self._starting:
            task.cancel()
        for one in self._nodes.values():
            one.close()
        with contextlib.suppress(TimedOut, Unreachable):
            await self._call(self._ray.shutdown, LEAVE_SECONDS)

    # Lanes.

    def find_new(self, place: int, target: Target) -> Sequence[Lane]:
        """See `Lanes`."""
        fresh = [one for name, one in self._nodes.items() if (place, name) not in self._given]
        self._given |= {(place, one.node.id) for one in fresh}
        return [RayLane(one, target, self._bounds.seconds) for one in fresh]

    # Workers: called in the nodes' threads.

    def start(self, node: Node) -> Any:
        """See `Workers`."""
        strategies = importlib.import_module("ray.util.scheduling_strategies")
        made = self._ray.remote(ray_worker.Worker).options(
            num_cpus=0,
            resources=self._aim.wanted,
            max_concurrency=CALLS,
            scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(node.id, soft=False),
        )
        return made.remote(self._bounds.concurrency)

    def call(self, worker: Any, name: str, *values: object) -> Future[Any]:
        """See `Workers`."""
        found: Future[Any] = getattr(worker, name).remote(*values).future()
        return found

    def is_there(self, node: Node) -> bool:
        """See `Workers`."""
        return node.id in self._alive

    def lost(self, node: Node, why: str) -> None:
        """See `Workers`."""
        if node.id in self._nodes and not self._leaving:
            self._tell(f"the worker on {node.name} has gone ({why}); what it was asked is asked again")

    # The connection.

    async def _connect(self) -> None:
        aim = self._aim
        if aim.host:
            hint = "ray start --head opens it for programs elsewhere at port 10001, where ray[client] is installed"
            try:
                async with asyncio.timeout(REACH_SECONDS):
                    _, writer = await asyncio.open_connection(aim.host, aim.port)
                writer.close()
            except (OSError, TimeoutError) as error:
                raise Unreachable("the head of the cluster does not answer", where=aim.address, hint=hint) from error
        begun = monotonic()
        for left in reversed(range(TRIES)):
            try:
                await self._call(self._begin, CONNECT_SECONDS)
                return
            except Unreachable:  # a head that has just begun, or makes room for many programs
                if not left or monotonic() - begun > QUICK_SECONDS:
                    raise
                await asyncio.sleep(LOOK_SECONDS)

    def _begin(self) -> None:
        """In a thread: Ray's own connection. The file that nodes run goes with each worker."""
        warnings.filterwarnings("ignore", category=UserWarning, module=r"ray\.")
        self._ray.cloudpickle.register_pickle_by_value(ray_worker)
        address = {True: self._aim.address, False: HERE}[bool(self._aim.host)]
        self._ray.init(address, namespace="keepwell", log_to_driver=False, logging_level=logging.CRITICAL)
        for name in _LOUD:
            logging.getLogger(name).setLevel(logging.CRITICAL)

    async def _come_back(self) -> None:
        """The head has gone: begin anew as soon as it is there."""
        self._alive = frozenset()
        self._tell(f"{self._aim.address} has gone; looks for it every {AGAIN_SECONDS:g} s")
        while True:
            try:
                await self._call(self._ray.shutdown, LEAVE_SECONDS)
                await self._connect()
            except (ConfigurationError, Unreachable, TimedOut):
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                self._tell(f"{self._aim.address} is back")
                return

    async def _call(self, call: Callable[[], _Given], seconds: float) -> _Given:
        """Something of Ray's that blocks, in a thread that nobody waits for longer. Raises as `open_cluster`."""
        future: Future[_Given] = Future()
        Thread(target=_settle, args=(call, future, self.gone), daemon=True).start()
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            raise TimedOut(f"Ray did not answer within {seconds:g} s", where=self._aim.address) from error
        except (RuntimeError, ValueError, ImportError) as error:
            raise explain(str(error), self._aim.address) from error
        except self.gone as error:
            raise explain(str(error) or type(error).__name__, self._aim.address) from error

    # The nodes.

    async def _find_nodes(self) -> Sequence[Node]:
        aim = self._aim
        found = await self._call(self._ray.nodes, CONNECT_SECONDS)
        return name_apart(
            Node(id=one["NodeID"], address=one["NodeManagerAddress"], name=one.get("NodeName") or "")
            for one in found
            if one["Alive"] and (not aim.resource or one["Resources"].get(aim.resource, 0) >= aim.amount)
        )

    async def _look_at(self, found: Sequence[Node]) -> None:
        """Begin with those that are new; tell of those that have gone."""
        before, self._alive = self._alive, frozenset(one.id for one in found)
        for name in sorted(before - self._alive):
            if name in self._nodes:
                told = self._nodes[name].node.name
                self._tell(f"the node {told} has left the cluster")
        for node in found:
            if node.id not in before and node.id not in self._nodes:
                task = asyncio.create_task(self._start(node))
                self._starting.add(task)
                task.add_done_callback(self._starting.discard)

    async def _start(self, node: Node) -> None:
        """A new node counts when its worker has answered."""
        made = RayNode(self, node)
        while self.is_there(node):
            if await made.is_ready():
                self._nodes[node.id] = made
                if self._told:
                    self._tell(f"the node {node.name} has come")
                return
            await asyncio.sleep(LOOK_SECONDS)
        made.close()

    def _describe_lack(self) -> str:
        if self._aim.resource:
            return f"no node of the cluster has {self._aim.amount:g} of the resource {self._aim.resource!r}"
        return "the cluster has no node"


def _load_ray() -> Any:
    try:
        ray = importlib.import_module("ray")
        importlib.import_module("ray.cloudpickle")
    except ImportError as error:
        raise ConfigurationError("a batch on a cluster needs Ray, which is not installed", hint=INSTALL) from error
    return ray


def _find_errors() -> tuple[type[BaseException], ...]:
    """What a lost connection may raise besides."""
    try:
        return (importlib.import_module("grpc").RpcError,)
    except ImportError:
        return ()


def _settle(call: Callable[[], _Given], future: Future[_Given], gone: tuple[type[BaseException], ...]) -> None:
    caught: tuple[type[BaseException], ...] = (*gone, RuntimeError, ValueError, ImportError)
    try:
        found = call()
    except caught as error:
        if not future.cancelled():
            future.set_exception(error)
    else:
        if not future.cancelled():
            future.set_result(found)
