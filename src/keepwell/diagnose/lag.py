"""What changed before it broke, as evidence: the shorter before the first sign, the more; after it, nothing. Pure.

An issue file names the kinds of change that make its cause likelier (`after`). The weight of the nearest such change
halves with every HALF_SECONDS between it and the first sign, which is the oldest dated line that the cause rests on,
else the moment of the look. A package, kernel or setting often lies there unused until the next start: then what
counts is the first start (or boot) that brought it into force.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from keepwell.core.event import Event, EventKind
from keepwell.core.hypothesis import Contribution
from keepwell.core.issue import Evidence
from keepwell.core.words import span

#: Log odds of a change right before the first sign: about 4.5 times likelier. A guess of the authors, kept below
#: that of any evidence which tells a fault by itself.
PEAK = 1.5
#: Seconds in which that halves; with LEAST this lets a change count for a day, as long as it is told beside a cause.
HALF_SECONDS = 6 * 3600.0
#: Less than this moves no answer and is not told.
LEAST = 0.1
#: Share that is left where the first sign has no time of its own, and where two looks only tell that the change may
#: have been before it.
UNDATED, UNORDERED = 0.7, 0.5
#: Clocks of the log and of the source of an event may differ by so much.
SLACK_SECONDS = 5.0
#: The check that tells of a change under a running engine: where it speaks for a cause, the change was counted.
SAME_CHECK = "clock.timeline"

#: The words that `after` may hold, and what each stands for.
WORDS: Mapping[str, str] = MappingProxyType(
    {
        "driver": "a driver of a GPU or NPU was installed, removed or loaded",
        "kernel": "another kernel was installed or booted",
        "engine": "an engine's release changed",
        "runtime": "the container runtime or its toolkit for GPUs changed",
        "package": "another package changed",
        "setting": "a setting or a file with settings changed",
        "model": "a model was pulled, made or removed",
        "image": "a container runs another image",
        "container": "a container was made anew",
        "boot": "the node booted",
        "suspend": "the node slept",
        "reload": "systemd read its units again",
        "network": "an interface changed",
        "clock": "the clock was set",
    }
)
_TOPICS = {
    "kernel": "kernel",
    "driver": "driver",
    "container-toolkit": "runtime",
    "container": "runtime",
    "engine": "engine",
}
_KINDS: dict[EventKind, str] = {
    "kernel": "kernel",
    "module": "driver",
    "engine-change": "engine",
    "setting": "setting",
    "file": "setting",
    "model": "model",
    "image": "image",
    "container-change": "container",
    "boot": "boot",
    "suspend": "suspend",
    "resume": "suspend",
    "reload": "reload",
    "network": "network",
    "clock": "clock",
}
#: What brings a change into force: a boot what lies in the kernel, a start anything else.
_STARTS: frozenset[EventKind] = frozenset({"process-start", "unit-start", "container-start", "boot"})
_BOOTS: frozenset[EventKind] = frozenset({"boot"})
_BY_BOOT = frozenset({"driver", "kernel"})
_AT_ONCE = frozenset({"boot", "suspend", "reload", "network", "clock"})


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is known to have happened on the node, in the order of time, and the moment of the look (seconds since
    the epoch).
    """

    events: tuple[Event, ...] = ()
    now: float = 0.0


#: Where nothing is known of what happened, as with a pasted text: no change counts.
NO_HISTORY = History()


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """The first sign of a cause: when (seconds since the epoch), and whether a line tells so (`dated`)."""

    at: float
    dated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lagged:
    """A change beside a cause: its weight (0 for one that came too late), what to say, and the event that it is."""

    weight: float
    say: str
    event: Event

    def contribution(self) -> Contribution:
        """The same as a reason that is shown, with the change quoted and its source."""
        told = not self.event.was or self.event.was in self.event.what
        sides = f": {self.event.was} -> {self.event.now}" * (not told)
        return Contribution(
            evidence=Evidence(say=self.say, weight=self.weight, group="what changed before"),
            weight=self.weight,
            quote=f"{self.event.what}{sides}",
            source=self.event.source,
        )


def find_lagged(after: Sequence[str], events: Sequence[Event], onset: Onset) -> Lagged | None:
    """The change of these kinds that counts most, else one that came after the first sign; None without either.

    `events` are in the order of time. An event whose time is not trusted counts for nothing.
    """
    wanted = [one for one in events if one.sure != "clock" and not words_of(one).isdisjoint(after)]
    counted = [found for one in wanted for found in _weigh(one, after, events, onset)]
    if counted:
        return max(counted, key=_strength)
    late = [one for one in wanted if _earliest(one) > onset.at + SLACK_SECONDS]
    if not late or not onset.dated:
        return None
    say = f"what could have brought it about came only {span(late[0].at - onset.at)} after the first sign of it"
    return Lagged(weight=0.0, say=say, event=late[0])


def words_of(event: Event) -> frozenset[str]:
    """The words of WORDS that an event is; none for what is a consequence or an everyday thing."""
    words = {_KINDS.get(event.kind, "")}
    if event.kind == "package":
        words = {_TOPICS.get(event.topic, "package")}
    if event.kind == "boot" and event.was and event.was != event.now:
        words.add("kernel")
    return frozenset(words & WORDS.keys())


def _weigh(event: Event, after: Sequence[str], events: Iterable[Event], onset: Onset) -> Iterator[Lagged]:
    """The change with its weight; nothing where it came after the first sign, or too long before it."""
    if _earliest(event) > onset.at + SLACK_SECONDS:
        return
    share = 1.0
    if not onset.dated:
        share *= UNDATED
    if event.at > onset.at + SLACK_SECONDS:
        share *= UNORDERED
    start = _in_force(event, after, events, onset)
    lag = max(0.0, onset.at - start.at)
    weight = PEAK * share * 0.5 ** (lag / HALF_SECONDS)
    if weight < LEAST:
        return
    until = {True: "the first sign", False: "this look"}[onset.dated]
    say = f"{span(lag)} before {until} something changed that can bring this about"
    if start is not event:
        say = f"{span(lag)} before {until} a change came into force that can bring this about ({start.what})"
    yield Lagged(weight=weight, say=say, event=event)


def _in_force(event: Event, after: Sequence[str], events: Iterable[Event], onset: Onset) -> Event:
    """The first start after a change and before the first sign, which brought it into force; else the change."""
    words = words_of(event) & set(after)
    if words <= _AT_ONCE:
        return event
    kinds = _STARTS
    if words <= _BY_BOOT | _AT_ONCE:
        kinds = _BOOTS
    starts = (one for one in events if one.kind in kinds and event.at <= one.at <= onset.at + SLACK_SECONDS)
    return next(starts, event)


def _earliest(event: Event) -> float:
    """When it can have happened at the earliest: two looks only tell that it was between them."""
    if event.sure == "between":
        return event.after
    return event.at


def _strength(one: Lagged) -> float:
    return one.weight
