"""The duty that collects the numbers of all nodes, each in a task of its own: one that is dead costs nothing but a try
now and then, and is a finding.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from keepwell.app.hub.duty import Hub
from keepwell.app.hub.failing import describe_end
from keepwell.config.model import NodeEntry
from keepwell.core.errors import AccessError, TimedOut
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import node
from keepwell.core.series import Batch, SeriesKey
from keepwell.telemetry.rounds import Plan
from keepwell.telemetry.sampling import load_collectors
from keepwell.telemetry.sources import HereSource, Source, open_source
from keepwell.transport.far.client import FarTransport

#: Seconds before a node that could not be reached is tried again: at first, and at most.
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 60.0
#: Seconds for one answer of a node.
TAKE_SECONDS = 15.0
#: Seconds for which a node may be away before that is a finding, and for all to be tried once after the start.
AWAY_SECONDS, FIRST_SECONDS = 30.0, 30.0
#: Seconds by which a node's clock may differ before its times are put right, and between two accounts of nodes.
CLOCK_SECONDS, ACCOUNT_SECONDS = 5.0, 10.0
#: How fast the known difference of a clock follows the newest one: an answer that was late is not a clock that is.
CLOCK_SHARE = 0.2


@dataclass(slots=True)
class Post:
    """One node: how it stands. `tried` is True once it was reached or not; `since` is when it was lost (seconds since
    the epoch), `why` "" while it is reached.
    """

    entry: NodeEntry | None
    tried: bool = False
    why: str = "not reached yet"
    since: float = 0.0
    pause: float = PAUSE_SECONDS
    offset: float = 0.0
    task: asyncio.Task[None] | None = None
    source: Source | None = None
    told: bool = field(default=False)


class Collecting:
    """`posts` are the nodes by name."""

    name = "collecting"
    every_seconds = 1.0

    def __init__(self, pause_seconds: float = PAUSE_SECONDS) -> None:
        self.posts: dict[str, Post] = {}
        self._pause = pause_seconds
        self._hub: Hub | None = None
        self._began = 0.0
        self._account = 0.0

    async def do(self, hub: Hub, now: float) -> None:
        """See that every node is asked, and tell how they are; never waits for one."""
        self._hub = hub
        self._began = self._began or now
        self._settle(hub)
        for name, post in self.posts.items():
            if post.task is None or post.task.done():
                if post.task is not None:
                    self._lose(hub, name, post, describe_end(post.task))
                post.task = asyncio.create_task(self._follow(name, post), name=f"node {name}")
        if now - self._account >= ACCOUNT_SECONDS:
            self._account = now
            self._tell_numbers(hub, now)
            if all(one.tried for one in self.posts.values()) or now - self._began > FIRST_SECONDS:
                hub.board.pin("nodes", find_away(self.posts, now), now)

    async def close(self) -> None:
        """Let go of all nodes."""
        tasks = [one.task for one in self.posts.values() if one.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _settle(self, hub: Hub) -> None:
        """Nodes as they are declared now."""
        wanted: dict[str, NodeEntry | None] = {hub.here: None}
        wanted.update((one.name, one) for one in hub.wiring.config.nodes if one.address)
        for name, post in list(self.posts.items()):
            if name not in wanted or wanted[name] != post.entry:
                if post.task is not None:
                    post.task.cancel()
                del self.posts[name]
        for name, entry in wanted.items():
            self.posts.setdefault(name, Post(entry, pause=self._pause))

    async def _follow(self, name: str, post: Post) -> None:
        """Ask one node again and again; opened anew whenever it was lost."""
        while True:
            hub = self._now()
            try:
                await self._ask(hub, name, post)
            except (AccessError, TimeoutError) as error:
                self._lose(hub, name, post, str(error) or str(TimedOut(f"no answer within {TAKE_SECONDS:g} s")))
            await asyncio.sleep(post.pause)
            post.pause = min(2 * post.pause, LONGEST_PAUSE_SECONDS)

    async def _ask(self, hub: Hub, name: str, post: Post) -> None:
        if post.entry is None:
            plan = Plan(node=name, collectors=load_collectors(here=not hub.careful), tell=hub.tell)
            await self._take(name, post, HereSource(plan, hub.wiring.clock))
            return
        way = await hub.wiring.ways.open(post.entry, hub.wiring.config)
        try:
            if not isinstance(way, FarTransport):
                raise AccessError("this way gives no numbers", where=name)
            plan = Plan(node=name, collectors=load_collectors(here=False), tell=hub.tell)
            async with asyncio.timeout(TAKE_SECONDS):
                source = await open_source(plan, hub.wiring.clock, way, plan)
            hub.ways.put(name, way)
            await self._take(name, post, source)
        finally:
            hub.ways.take_away(name)
            await way.close()

    async def _take(self, name: str, post: Post, source: Source) -> None:
        """Batches of one source until it fails."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                began = loop.time()
                hub = self._now()
                async with asyncio.timeout(TAKE_SECONDS):
                    batches = await source.take(hub.sites.watched(name))
                self._put(hub, post, batches)
                self._reach(hub, name, post)
                await asyncio.sleep(max(0.0, source.every_seconds - (loop.time() - began)))
        finally:
            await source.close()

    def _put(self, hub: Hub, post: Post, batches: Sequence[Batch]) -> None:
        if batches and post.entry is not None:
            found = batches[-1].at - hub.wiring.clock.now()
            if abs(found - post.offset) > CLOCK_SECONDS:
                post.offset = found
            post.offset += CLOCK_SHARE * (found - post.offset)
            if abs(post.offset) > CLOCK_SECONDS:
                batches = [Batch(node=one.node, at=one.at - post.offset, readings=one.readings) for one in batches]
        for one in batches:
            hub.table.put(one)

    def _reach(self, hub: Hub, name: str, post: Post) -> None:
        if post.why and post.told:
            hub.tell(f"hub: node {name} is reached again")
        post.tried, post.why, post.since, post.pause, post.told = True, "", 0.0, self._pause, False

    def _lose(self, hub: Hub, name: str, post: Post, why: str) -> None:
        if not post.told:
            hub.tell(f"hub: node {name} gives no numbers and is tried again: {why}")
        post.tried, post.why, post.told = True, why, True
        post.since = post.since or hub.wiring.clock.now()

    def _tell_numbers(self, hub: Hub, now: float) -> None:
        for name, post in self.posts.items():
            subject = str(node(name))
            readings = [(SeriesKey("hub.node_up", subject), float(not post.why))]
            if post.entry is not None:
                readings.append((SeriesKey("hub.clock_offset_seconds", subject), post.offset))
            hub.table.put(Batch(node=name, at=now, readings=readings))
        subject = str(node(hub.here))
        own = [
            (SeriesKey("hub.series", subject), float(hub.table.count)),
            (SeriesKey("hub.readings_refused_total", subject), float(hub.table.refused)),
        ]
        hub.table.put(Batch(node=hub.here, at=now, readings=own))

    def _now(self) -> Hub:
        """The hub with its newest configuration."""
        assert self._hub is not None
        return self._hub


def find_away(posts: dict[str, Post], now: float) -> tuple[Finding, ...]:
    """Nodes that have been away for a while."""
    return tuple(
        Finding(
            check="node.reached",
            subject=node(name),
            status=Status.CRITICAL,
            message=f"node {name} has given no numbers for {now - post.since:.0f} s: {post.why}",
            facts={"address": (post.entry and post.entry.address) or "", "why": post.why, "since": f"{post.since:.0f}"},
        )
        for name, post in posts.items()
        if post.why and post.since and now - post.since >= AWAY_SECONDS
    )
