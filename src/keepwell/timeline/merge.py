"""One ordered list of what happened on a node, from everything that was seen about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from keepwell.core.event import KINDS, SURE, Event
from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, rows_of, text_of

#: Seconds within which two sources tell the same event about the same thing.
SAME_SECONDS = 5.0
#: A clock that was set by less than this leaves times as good as they were.
CLOCK_SECONDS = 60.0
#: Seconds that an event may lie ahead of now: the clocks of node and files differ a little.
AHEAD_SECONDS = 60.0
#: From a look's own table of a node, what a fuller history tells as well.
_IN_HISTORY = frozenset({"boot", "suspend", "resume", "reload", "unit-start", "package"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A source that could not be read, and why; or one that is not on this node (`absent`)."""

    source: str
    reason: str
    absent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What happened, oldest first, and what could not be read."""

    events: tuple[Event, ...]
    unread: tuple[Unread, ...] = ()


def build_timeline(seen: Seen, node: Ref, *, now: float, remembered: Iterable[Event] = ()) -> Timeline:
    """Everything that is known to have happened on this node, oldest first, each thing once.

    `remembered` are changes that earlier looks saw, and keepwell's own repairs. An event later than `now`, or
    before the clock was set in the same boot, says that its time is doubtful.
    """
    events = [
        *_history(seen, node),
        *_look(seen, node),
        *_containers(seen, node),
        *remembered,
        *_files(seen, node),
        *_models(seen, node),
    ]
    return Timeline(events=tuple(doubt(_once(events), now)), unread=tuple(_unread(seen, node)))


def doubt(events: Iterable[Event], now: float) -> Iterator[Event]:
    """The events with those marked whose time the node's clock got wrong: in the future, or earlier in a boot in
    which the clock was later set by more than CLOCK_SECONDS.
    """
    ordered = list(events)
    wrong: set[int] = set()
    since: list[int] = []
    for index, one in enumerate(ordered):
        if one.kind == "boot":
            since = []
        if one.kind == "clock" and abs(_seconds(one.now)) > CLOCK_SECONDS:
            wrong.update(since)
            since = []
        since.append(index)
    for index, one in enumerate(ordered):
        if one.sure in ("exact", "zone") and (index in wrong or one.at > now + AHEAD_SECONDS):
            one = replace(one, sure="clock")
        yield one


def event_of_row(row: Mapping[str, Value]) -> Event | None:
    """The event in a row of host.history; None for a row without a known kind or time."""
    at, kind, sure = find_number(row.get("at")), text_of(row, "kind"), text_of(row, "sure") or "exact"
    if at is None or kind not in KINDS:
        return None
    return Event(
        at=at,
        kind=KINDS[KINDS.index(kind)],
        what=text_of(row, "what"),
        source=text_of(row, "source") or "host.timeline",
        sure=SURE[sure in SURE and SURE.index(sure)],
        topic=text_of(row, "topic"),
        about=text_of(row, "about") or text_of(row, "unit"),
        was=text_of(row, "was"),
        now=text_of(row, "now") or text_of(row, "version") or f"pid {text_of(row, 'pid')}" * ("pid" in row),
        after=find_number(row.get("after")) or 0.0,
    )


def _history(seen: Seen, node: Ref) -> Iterator[Event]:
    for row in rows_of(seen.value(node, "host.history")):
        event = event_of_row(row)
        if event is not None:
            yield event


def _look(seen: Seen, node: Ref) -> Iterator[Event]:
    """What the short table of the node tells; only starts of processes where the whole history was read."""
    whole = not isinstance(seen.value(node, "host.history"), Missing)
    for row in rows_of(seen.value(node, "host.timeline")):
        event = event_of_row(row)
        if event is not None and not (whole and event.kind in _IN_HISTORY):
            yield event


def _containers(seen: Seen, node: Ref) -> Iterator[Event]:
    """When each container was made, last started and last ended, as the runtime tells of the container itself."""
    for row in rows_of(seen.value(node, "host.containers")):
        name, source = text_of(row, "name"), f"{text_of(row, 'runtime')} inspect"
        made, ended = _moment(text_of(row, "created_at")), _moment(text_of(row, "finished_at"))
        if made:
            what = f"container {name} was made from {text_of(row, 'image')}"
            yield Event(at=made, kind="container-change", what=what, source=source, about=name)
        if ended and text_of(row, "state") != "running":
            how = f"exit code {text_of(row, 'exit_code')}"
            if row.get("oom_killed") is True:
                how = "killed: its memory limit was reached"
            what = f"container {name} ended ({how})"
            yield Event(at=ended, kind="container-stop", what=what, source=source, about=name)


def _files(seen: Seen, node: Ref) -> Iterator[Event]:
    for row in rows_of(seen.value(node, "host.files")):
        at, path = find_number(row.get("modified_at")), text_of(row, "path")
        if at:
            what = f"{path} was last changed"
            yield Event(at=at, kind="file", what=what, source=f"date of {path}", sure="last", about=path)


def _models(seen: Seen, node: Ref) -> Iterator[Event]:
    for one in seen.named("engine.models"):
        for row in rows_of(one.value):
            at, name = find_number(row.get("modified_at")), text_of(row, "name")
            if at and one.subject.node == node.name:
                what = f"model {name} was pulled or made at {'/'.join(one.subject.path)}"
                yield Event(at=at, kind="model", what=what, source=one.source, sure="last", about=name)


def _once(events: Iterable[Event]) -> list[Event]:
    """Ordered by time, each thing once: of two that tell the same, the one that came first in the given order."""
    kept: list[Event] = []
    told: dict[tuple[str, str], list[float]] = {}
    for one in events:
        times = told.setdefault(_same(one), [])
        if not any(abs(one.at - at) <= SAME_SECONDS for at in times):
            times.append(one.at)
            kept.append(one)
    return sorted(kept, key=_order)


def _same(one: Event) -> tuple[str, str]:
    """What two sources that tell the same thing agree on besides its time."""
    names = {"process-start": one.now, "package": one.what, "boot": one.kind}
    return one.kind, names.get(one.kind) or one.about or one.what


def _order(event: Event) -> tuple[float, int, str]:
    return event.at, KINDS.index(event.kind), event.what


def _unread(seen: Seen, node: Ref) -> Iterator[Unread]:
    history = seen.value(node, "host.history")
    if isinstance(history, Missing):
        yield Unread(source="the node's history", reason=history.reason)
    for row in rows_of(seen.value(node, "host.history_sources")):
        state = text_of(row, "state")
        if state != "read":
            yield Unread(source=text_of(row, "source"), reason=text_of(row, "reason"), absent=state == "absent")
    for row in rows_of(seen.value(node, "host.files")):
        if text_of(row, "problem"):
            yield Unread(source=text_of(row, "path"), reason=text_of(row, "problem"))


def _moment(text: str) -> float:
    """Seconds since the epoch; 0 for what is no time, or the year 1 of something that never was."""
    try:
        return max(0.0, datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        return 0.0


def _seconds(text: str) -> float:
    """By how many seconds a clock was set; a leap that is not told counts as a large one."""
    try:
        return float(text)
    except ValueError:
        return float("inf")
