"""Sources: where a node's samples come from, asked alike: this machine, an agent, or any connection to a far end.

`take` gives what was sampled since it was asked last, the oldest first; never anything twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from keepwell.core.clock import Clock
from keepwell.core.errors import AccessError
from keepwell.core.series import Batch, Reading
from keepwell.plugins.collector import Moment
from keepwell.telemetry.fetched import Exchange, FetchedSight
from keepwell.telemetry.rounds import EVERY_SECONDS, Look, Plan, Rounds, Sample
from keepwell.telemetry.sampling import Sampler
from keepwell.telemetry.wire import Reader, render_heard
from keepwell.transport.far.client import FarTransport

#: Samples that wait to be taken; two minutes of one a second, as at an agent.
WAITING = 120
#: Seconds between two looks through a connection alone: each costs the other machine some milliseconds.
FAR_SECONDS = 5.0
#: Exchanges of the first look at most: what a collector wants shows from what it got before.
EXCHANGES = 6


class Source(Protocol):
    """Samples of one node. Belongs to one event loop; `every_seconds` is how often asking is worth it."""

    every_seconds: float

    async def take(self, watched: Mapping[int, str]) -> tuple[Batch, ...]:
        """What is new; `watched` are processes that matter from now on, pid to the text of a Ref. AccessErrors."""
        ...

    async def close(self) -> None:
        """Let go of what is the source's own; a transport that it was given is not. Safe to call twice."""
        ...


class HereSource:
    """This machine, sampled in a thread from the first `take` on."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self.every_seconds = plan.every_seconds
        self._node = plan.node
        self._waiting: deque[Sample] = deque(maxlen=WAITING)
        self._sampler = Sampler(plan, clock, self._waiting.append)

    async def take(self, watched: Mapping[int, str]) -> tuple[Batch, ...]:
        """What is new; nothing at the first call."""
        self._sampler.watch(watched)
        if not self._sampler.running:
            self._sampler.start()
        found = []
        while self._waiting:
            found.append(self._waiting.popleft().batch(self._node))
        return tuple(found)

    async def close(self) -> None:
        """Stop sampling; waits for the look under way, 2 s at most."""
        self._sampler.close()


class AgentSource:
    """A node whose agent samples for as long as it is asked. One that never does raises AccessError."""

    every_seconds = EVERY_SECONDS

    def __init__(self, node: str, transport: FarTransport) -> None:
        self._transport = transport
        self._reader = Reader(node)

    async def take(self, watched: Mapping[int, str]) -> tuple[Batch, ...]:
        """What is new."""
        args = {**render_heard(self._reader.heard), "watch": {str(pid): text for pid, text in watched.items()}}
        _, payload = await self._transport.samples(args)
        return self._reader.parse(payload)

    async def close(self) -> None:
        """Nothing is held; the agent stops when nobody asks for a while."""


@dataclass(frozen=True, slots=True)
class _Post:
    """One collector with what it asks for."""

    rounds: Rounds
    sight: FetchedSight


class FarSource:
    """A node through a far end alone, as over SSH: each `take` is one look of those collectors that need files only,
    and one exchange. The first makes up to EXCHANGES, to find out which files they want.
    """

    every_seconds = FAR_SECONDS

    def __init__(self, plan: Plan, clock: Clock, transport: FarTransport) -> None:
        self._plan = plan
        self._clock = clock
        self._transport = transport
        self._exchange = Exchange()
        self._posts: list[_Post] = []

    async def take(self, watched: Mapping[int, str]) -> tuple[Batch, ...]:
        """One look."""
        if not self._posts:
            self._posts = await self._prepare(watched)
        moment = Moment(self._clock.now(), self._clock.monotonic())
        due = [one for one in self._posts if one.rounds.is_due(moment)]
        await self._fetch([one.sight for one in due])
        readings: list[Reading] = []
        for post in due:
            post.sight.watched = watched
            sample = post.rounds.look(post.sight, moment, Look())
            if sample is not None:
                readings += (one for _, part in sample.parts for one in part)
        return (Batch(node=self._plan.node, at=moment.at, readings=readings),) * bool(readings)

    async def close(self) -> None:
        """Let collectors go."""
        for one in self._posts:
            one.rounds.close()
        self._posts = []

    async def _prepare(self, watched: Mapping[int, str]) -> list[_Post]:
        """Collectors that have looked around once, with lookers that are thrown away: nothing is told of that."""
        posts = self._make_posts()
        for _ in range(EXCHANGES):
            moment = Moment(self._clock.now(), self._clock.monotonic())
            for post, fresh in zip(posts, self._make_posts(), strict=True):
                post.sight.watched = watched
                fresh.rounds.look(post.sight, moment, Look())
                fresh.rounds.close()
            if not any(one.sight.news for one in posts):
                break
            await self._fetch([one.sight for one in posts])
        return posts

    def _make_posts(self) -> list[_Post]:
        return [
            _Post(
                Rounds(replace(self._plan, collectors={name: one}), self._clock.monotonic), FetchedSight(self._exchange)
            )
            for name, one in self._plan.collectors.items()
        ]

    async def _fetch(self, sights: list[FetchedSight]) -> None:
        self._exchange.fill(*await self._transport.gather(self._exchange.question(sights)))


async def open_source(plan: Plan, clock: Clock, transport: FarTransport, far_plan: Plan) -> Source:
    """The agent's own samples where the other end gives them, a look through the connection otherwise. AccessErrors of
    the connection itself.
    """
    agent = AgentSource(plan.node, transport)
    try:
        await agent.take({})
    except AccessError as error:
        if type(error) is not AccessError:  # the connection, not the answer
            raise
        return FarSource(far_plan, clock, transport)
    return agent
