"""The lines around the panes: what there is in all, the tabs, the keys, and whence it comes. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence

from keepwell.app.overview.model import Overview
from keepwell.core.finding import Status
from keepwell.core.words import clean
from keepwell.tui.cells import Tone
from keepwell.tui.feed import Feed
from keepwell.tui.figures import length
from keepwell.tui.lines import Words
from keepwell.tui.settings import USUAL_SECONDS
from keepwell.tui.tables.signs import count

#: Tabs by name; the first shows all panes that there is room for.
TABS = ("all", "fleet", "engines", "requests", "work", "alerts")
_KEYS = (
    ("q", "quit"),
    ("?", "help"),
    ("/", "filter"),
    ("s", "sort"),
    ("Enter", "detail"),
    ("[ ]", "tabs"),
    ("Space", "pause"),
)
#: Pictures that may be late before that is told.
LATE = 3.0


def render_head(overview: Overview | None, feed: Feed, now: float, *, plain: bool) -> Words:
    """The fleet in one line, and how old it is where that matters."""
    words: list[tuple[str, Tone]] = [("keepwell top", "bold")]
    if overview is None:
        return (*words, ("  looking ...", "dim"))
    dot = {True: " | ", False: " · "}[plain]
    devices = sum(len(one.devices) for one in overview.nodes)
    engines = [one for node in overview.nodes for one in node.engines]
    words.append(
        (f"  {count(len(overview.nodes), 'node')}{dot}{count(devices, 'GPU')}{dot}{count(len(engines), 'engine')}", "")
    )
    words += _count(overview, dot, plain=plain)
    late = now - overview.at
    if feed.paused:
        words.append((f"{dot}PAUSED at {time.strftime('%H:%M:%S', time.localtime(overview.at))}", "warn"))
    elif feed.problem or late > LATE * max(feed.interval_seconds, 1.0):
        words.append((f"{dot}! {length(late // 5 * 5)} old", "bad"))
    if feed.interval_seconds != USUAL_SECONDS:
        words.append((f"{dot}every {feed.interval_seconds:g}s", "dim"))
    return tuple(words)


def _count(overview: Overview, dot: str, *, plain: bool) -> Sequence[tuple[str, Tone]]:
    things = [one.status for one in overview.nodes]
    things += [one.status for node in overview.nodes for one in node.engines]
    bad, warned = things.count(Status.CRITICAL), things.count(Status.WARNING)
    words: list[tuple[str, Tone]] = []
    if bad:
        words.append((f"{dot}{ {True: 'X', False: '✗'}[plain] } {bad} critical", "bad"))
    if warned:
        words.append((f"{dot}! {warned} warned", "warn"))
    if not bad and not warned:
        words.append((f"{dot}all well", "good"))
    return words


def render_tabs(overview: Overview | None) -> Words:
    """Names with the keys that show them."""
    counts = {"all": ""}
    if overview is not None:
        counts["requests"] = f" {len(overview.requests)}" * bool(overview.requests)
        counts["work"] = f" {len(overview.work)}" * bool(overview.work)
        counts["alerts"] = f" {len(overview.alerts)}" * bool(overview.alerts)
    return tuple((f" {number} {name}{counts.get(name, '')} ", "") for number, name in enumerate(TABS, start=1))


def render_foot(feed: Feed, needle: str, notes: Sequence[str], width: int) -> Words:
    """What is wrong with the source or what is filtered; else keys, and where it comes from."""
    if feed.problem:
        return ((clean(f"! {feed.problem}"), "bad"),)
    if needle:
        return ((clean(f"filter: {needle}"), "bold"), ("   Esc shows all", "dim"))
    words: list[tuple[str, Tone]] = []
    for key, does in _KEYS:
        words += [(key, "bold"), (f" {does}  ", "dim")]
    left = width - sum(len(text) for text, _ in words)
    said = clean((*notes, feed.where)[0])
    if left > 12:
        words.append((said[:left].rjust(left), "dim"))
    return tuple(words)
