"""Asks engines and exporters for their own numbers: the one place that does, each as often as it allows.

Nothing here waits: questions run as tasks of their own, and what came in is taken by the next call. One that is slow,
hangs or breaks costs only itself. One that does not answer is asked less and less often, and its series say why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from keepwell.core.event import Event
from keepwell.core.observation import Missing, absent
from keepwell.core.ref import node as node_ref
from keepwell.core.series import Batch, Reading, SeriesKey
from keepwell.metrics.engine_series import DECLARED, DISTRIBUTIONS
from keepwell.plugins import registry
from keepwell.plugins.engine import Engine, TellsNumbers
from keepwell.plugins.own_numbers import OwnNumbers, Teller
from keepwell.plugins.place import Site
from keepwell.plugins.services import ServiceSite, load_services
from keepwell.transport.base import Transport

#: Questions at once: of a fleet of 30 nodes with four engines each a quarter, so that all are asked within a second.
MOST_AT_ONCE = 32
#: The longest pause after questions without an answer, and after one that says that there is nothing to be told.
#: An engine that starts is noticed within half a minute; one that was started without its page stays so for hours.
PAUSE_SECONDS, ABSENT_SECONDS = 30.0, 300.0
#: Seconds after which it is said again what an engine never tells.
UNTOLD_SECONDS = 60.0
#: Seconds after which a question is given up whatever its teller does: more than all of a teller's own limits.
LIMIT_SECONDS = 20.0
#: Events of one node that are kept until they are taken.
MAX_EVENTS = 1_000

_ASKED = "engine.asked_seconds"
#: What tells one engine or exporter from another: its node, what it is, its address, and the process that serves (0 if
#: not known): one that was started again has another log, and its counters begin anew.
Identity: TypeAlias = tuple[str, str, str, int]


@dataclass(slots=True)
class _Source:
    """One that is asked: when next (by the clock that never jumps), and how often it did not answer in a row.

    `untold` are series that engines of its kind never tell, each with that reason.
    """

    node: str
    subject: str
    teller: Teller
    transport: Transport
    least_seconds: float = 0.0
    untold: tuple[Reading, ...] = ()
    untold_at: float = -UNTOLD_SECONDS
    due: float = 0.0
    silent: int = 0
    task: asyncio.Task[_Answer] | None = None
    began: float = 0.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a question gave, when it came (seconds since the epoch) and how long it took."""

    told: OwnNumbers
    at: float
    seconds: float


@dataclass(slots=True)
class _Held:
    batches: list[Batch] = field(default_factory=list)
    events: dict[str, list[Event]] = field(default_factory=dict)


class Asker:
    """Keeps who is to be asked. Used in one event loop; `close` ends what is under way."""

    def __init__(self) -> None:
        self._sources: dict[Identity, _Source] = {}
        self._held = _Held()

    def watch(
        self,
        node: str,
        sites: Sequence[Site],
        transport: Transport,
        services: Sequence[ServiceSite] = (),
        least_seconds: float = 0.0,
    ) -> None:
        """In place of what was asked of this node before; those that stay the same keep what is known of them.

        Nobody there is asked more often than `least_seconds`: for a way on which each question is dear.
        """
        wanted: dict[Identity, tuple[str, Site | ServiceSite]] = {}
        for site in sites:
            wanted[node, site.engine, site.url, _pid(site)] = str(site.ref), site
        for service in services:
            wanted[node, service.kind, service.url, 0] = str(node_ref(node)), service
        for gone in [one for one in self._sources if one[0] == node and one not in wanted]:
            self._drop(gone)
        for identity, (subject, one) in wanted.items():
            known = self._sources.get(identity)
            if known is not None:
                known.transport, known.least_seconds = transport, least_seconds
                continue
            teller = _open(node, one)
            if teller is not None:
                untold = tuple(_find_untold(one, subject))
                self._sources[identity] = _Source(node, subject, teller, transport, least_seconds, untold)

    def forget(self, node: str) -> None:
        """Ask nobody on this node any more."""
        for one in [one for one in self._sources if one[0] == node]:
            self._drop(one)

    def ask(self, now: float, clock: float) -> list[Batch]:
        """Begin the questions that are due and give what came in since the last call, oldest first. Never waits.

        `now` is in seconds since the epoch, `clock` seconds of a clock that never jumps. Raises what a plug-in raised
        (a bug of it) once all others are seen to; their answers are there at the next call.
        """
        running = 0
        bugs: list[BaseException] = []
        for source in self._sources.values():
            if source.task is not None and source.task.done():
                bugs += self._finish(source, source.task, now)
            running += source.task is not None
        for source in sorted(self._sources.values(), key=_due):
            if running >= MOST_AT_ONCE or source.due > clock:
                break
            if source.task is None:
                source.began, running = clock, running + 1
                source.task = asyncio.create_task(_limited(source, now), name=f"ask {source.subject}")
        if bugs:
            raise bugs[0]
        batches, self._held.batches = self._held.batches, []
        return batches

    @property
    def busy(self) -> int:
        """Questions that are under way."""
        return sum(source.task is not None and not source.task.done() for source in self._sources.values())

    def take_events(self) -> dict[str, list[Event]]:
        """What happened since the last call, by node."""
        events, self._held.events = self._held.events, {}
        return events

    async def close(self) -> None:
        """End the questions that are under way. Safe to call twice."""
        tasks = [one.task for one in self._sources.values() if one.task is not None]
        self._sources.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _drop(self, identity: Identity) -> None:
        source = self._sources.pop(identity)
        if source.task is not None:
            source.task.cancel()

    def _finish(self, source: _Source, task: asyncio.Task[_Answer], now: float) -> list[BaseException]:
        """Take an answer that came; gives what was raised instead, if anything was."""
        source.task = None
        error = task.exception()
        answer = _Answer(OwnNumbers(readings=(), answered=False), now, 0.0)
        if error is None:
            answer = task.result()
        source.silent = (source.silent + 1) * (not answer.told.answered)
        source.due = source.began + _pause(source, answer.told)
        self._keep(source, answer)
        if error is None or isinstance(error, TimeoutError):
            return []
        return [error]

    def _keep(self, source: _Source, answer: _Answer) -> None:
        told = answer.told
        readings: list[Reading] = list(told.readings)
        if told.answered and source.subject.startswith("engine:"):
            readings.append((SeriesKey(_ASKED, source.subject), answer.seconds))
        if readings and source.began - source.untold_at >= UNTOLD_SECONDS:
            readings += source.untold
            source.untold_at = source.began
        if readings:
            self._held.batches.append(Batch(node=source.node, at=answer.at, readings=readings))
        if told.events:
            held = self._held.events.setdefault(source.node, [])
            held += told.events[: MAX_EVENTS - len(held)]


async def _limited(source: _Source, now: float) -> _Answer:
    loop = asyncio.get_running_loop()
    began = loop.time()
    told = await asyncio.wait_for(source.teller.ask(source.transport, now), LIMIT_SECONDS)
    seconds = loop.time() - began
    return _Answer(told, now + seconds, seconds)


def _pause(source: _Source, told: OwnNumbers) -> float:
    least = max(source.teller.every_seconds, source.least_seconds)
    if told.answered:
        return least
    if told.absent:
        return max(least, ABSENT_SECONDS)
    return max(least, min(PAUSE_SECONDS, 2.0 ** min(source.silent, 10)))


def _find_untold(one: Site | ServiceSite, subject: str) -> Iterator[Reading]:
    """Every declared series of an engine that this one never tells; of histograms the number, not each bucket."""
    if not isinstance(one, Site):
        return
    plug_in = registry.load("engines", one.engine)
    if not isinstance(plug_in, Engine) or not isinstance(plug_in, TellsNumbers):
        return
    buckets = {names.bucket for names in DISTRIBUTIONS.values()}
    told = {*plug_in.tells, *buckets, _ASKED}
    reason = absent(f"{plug_in.title} does not tell it")
    for metric in DECLARED:
        if metric.about == "engine" and metric.name not in told:
            yield SeriesKey(metric.name, subject), reason


def _pid(site: Site) -> int:
    if isinstance(site.process, Missing):
        return 0
    return site.process.pid


def _due(source: _Source) -> float:
    return source.due


def _open(node: str, one: Site | ServiceSite) -> Teller | None:
    """Who asks this one; None where it has nothing to tell."""
    if isinstance(one, Site):
        plug_in = registry.load("engines", one.engine)
        if isinstance(plug_in, TellsNumbers):
            return plug_in.open_numbers(one)
        return None
    kind = load_services().get(one.kind)
    if kind is None or kind.numbers is None:
        return None
    return kind.numbers(one, node)
