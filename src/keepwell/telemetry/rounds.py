"""Rounds: has each collector look when it is due, one after the other, and lets none of them stop another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from keepwell.core import ref
from keepwell.core.series import Batch, Reading, SeriesKey
from keepwell.plugins.collector import Collector, Looker, Moment, Sight

#: Seconds between two looks unless somebody wishes otherwise.
EVERY_SECONDS = 1.0
#: Seconds after which a look of one collector is taken for hanging.
HANG_SECONDS = 10.0
#: Seconds until a collector that failed on a bug is begun anew, doubled each time up to the second number.
PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0
#: Seconds between two accounts of what the collectors themselves do and cost.
ACCOUNT_SECONDS = 10.0
#: A collector is due this part of a second early: timers are late, and a look that is passed over is worse.
SLACK_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is sampled: the node's name, its collectors by name, how often; `tell` gets a line about each failure."""

    node: str
    collectors: Mapping[str, Collector]
    tell: Callable[[str], None]
    every_seconds: float = EVERY_SECONDS
    hang_seconds: float = HANG_SECONDS


@dataclass(frozen=True, slots=True)
class Sample:
    """What was read at one instant: a part for each collector that was due, by its name."""

    at: float
    parts: Sequence[tuple[str, Sequence[Reading]]]

    def batch(self, node: str) -> Batch:
        """All of it as one batch."""
        return Batch(node=node, at=self.at, readings=[one for _, part in self.parts for one in part])


class Fence:
    """Keeps a bug of one task from the others: what is raised within its block ends the block, and stands in `error`.

    The root of a supervised task; whoever uses it must tell of the error.
    """

    error: Exception | None = None

    def __enter__(self) -> Fence:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if isinstance(error, Exception):
            self.error = error
            return True
        return False


@dataclass(slots=True)
class _Post:
    """One collector, its looker, when it is due by the clock of `Moment`, and how it has gone so far."""

    collector: Collector
    looker: Looker
    keys: tuple[SeriesKey, SeriesKey]
    due: float = 0.0
    pause: float = PAUSE_SECONDS
    up: float = 1.0
    seconds: float = 0.0
    out: bool = False

    def is_due(self, moment: Moment) -> bool:
        """True if it is to look by then."""
        return not self.out and moment.clock >= self.due - SLACK_SECONDS


@dataclass(slots=True)
class Look:
    """A look under way: which collector has been at it since when. `over` is set when nobody waits for it any more."""

    name: str = ""
    since: float = 0.0
    over: bool = False


class Rounds:
    """`timer` gives seconds that never go backwards, as the clock of each `Moment`.

    One thread calls `look`. Only where a look hangs, another may go on with a new `Look` after `leave_out`.
    """

    def __init__(self, plan: Plan, timer: Callable[[], float]) -> None:
        self._plan = plan
        self._timer = timer
        self._account_due = 0.0
        self._posts: dict[str, _Post] = {}
        subject = str(ref.node(plan.node))
        for name, one in plan.collectors.items():
            label = (("collector", name),)
            keys = SeriesKey("collector.up", subject, label), SeriesKey("collector.duration_seconds", subject, label)
            self._posts[name] = _Post(one, one.open(plan.node), keys)

    def is_due(self, moment: Moment) -> bool:
        """True if any collector has something to look at by then."""
        return any(post.is_due(moment) for post in self._posts.values())

    def look(self, sight: Sight, moment: Moment, look: Look) -> Sample | None:
        """All that are due; None where the look was given up meanwhile."""
        parts: list[tuple[str, Sequence[Reading]]] = []
        for name, post in self._posts.items():
            if not post.is_due(moment):
                continue
            look.since = self._timer()
            look.name = name
            readings = self._ask(name, post, sight, moment)
            if look.over:
                post.out = False
                return None
            look.name = ""
            if readings:
                parts.append((name, readings))
        if moment.clock >= self._account_due - SLACK_SECONDS:
            self._account_due = moment.clock + ACCOUNT_SECONDS
            parts.append(("", self._account()))
        return Sample(moment.at, parts)

    def leave_out(self, name: str) -> None:
        """Pass a collector over that hangs, until its look comes back."""
        post = self._posts[name]
        post.out = True
        post.up = 0.0
        self._account_due = 0.0
        self._plan.tell(f"the collector {name} hangs; it is left out until it comes back")

    def close(self) -> None:
        """Let all lookers go but those that hang."""
        for post in self._posts.values():
            if not post.out:
                post.looker.close()

    def _ask(self, name: str, post: _Post, sight: Sight, moment: Moment) -> Sequence[Reading]:
        started = self._timer()
        readings: Sequence[Reading] = ()
        with Fence() as fence:
            readings = list(post.looker.look(sight, moment))
        post.seconds = self._timer() - started
        post.due = moment.clock + post.collector.every_seconds
        if fence.error is None:
            post.up, post.pause = 1.0, PAUSE_SECONDS
            return readings
        self._begin_anew(name, post, moment, fence.error)
        return ()

    def _begin_anew(self, name: str, post: _Post, moment: Moment, error: Exception) -> None:
        self._plan.tell(f"the collector {name} failed ({type(error).__name__}: {error}); again in {post.pause:g} s")
        post.up, post.due = 0.0, moment.clock + post.pause
        post.pause = min(2 * post.pause, LONGEST_PAUSE_SECONDS)
        with Fence():
            post.looker.close()
        post.looker = post.collector.open(self._plan.node)

    def _account(self) -> list[Reading]:
        return [
            reading
            for post in self._posts.values()
            for reading in ((post.keys[0], post.up), (post.keys[1], post.seconds))
        ]
