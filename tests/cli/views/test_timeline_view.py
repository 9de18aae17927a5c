"""`keepwell timeline` on a screen of 80 columns."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator

import pytest
from rich.console import Console

from keepwell.app.timeline_report import TimelineReport, choose_kinds
from keepwell.cli.views.timeline import render
from keepwell.core.errors import ConfigurationError
from keepwell.core.event import KINDS, Event
from keepwell.timeline.merge import Unread

NOW = 1_767_225_600.0


@pytest.fixture(autouse=True)
def _utc() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def shown(*events: Event, unread: tuple[Unread, ...] = (), first_error_at: float | None = None) -> str:
    report = TimelineReport(
        at=NOW,
        node="box",
        since_seconds=172_800.0,
        kinds=(),
        events=events,
        unread=unread,
        first_error_at=first_error_at,
        cause="The driver does not fit" * (first_error_at is not None),
    )
    out = io.StringIO()
    Console(file=out, width=80, highlight=False).print(render(report))
    return out.getvalue()


def test_days_times_and_the_first_error_in_its_place() -> None:
    text = shown(
        Event(at=NOW - 90_000, kind="boot", what="the machine was started", source="wtmp"),
        Event(at=NOW - 500, kind="package", what="driver was upgraded 1 -> 2", source="log", was="1", now="2"),
        Event(at=NOW - 100, kind="file", what="/e.env was changed", source="x", was="A=1", now="A=2", sure="last"),
        first_error_at=NOW - 260,
    )
    assert "Tue 2025-12-30" in text
    assert "Wed 2025-12-31" in text
    assert "driver was upgraded 1 -> 2 (4 min before the first error)" in " ".join(text.split())
    order = [text.index(word) for word in ("driver was", "FIRST ERROR: The driver does not fit", "/e.env")]
    assert order == sorted(order)
    assert "was A=1" in text
    assert "is  A=2" in text
    assert "by the last date" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_the_same_again_and_again_is_one_line() -> None:
    text = shown(*(Event(at=NOW - 100 + n, kind="oom", what="w", source="s", about="x") for n in range(9)))
    assert "9 times until Wed 23:58:28" in text
    assert text.count("oom") == 1


def test_an_empty_timeline_says_what_could_not_be_read_and_why() -> None:
    unread = (
        Unread(source="journalctl", reason="not permitted"),
        Unread(source="pacman.log", reason="", absent=True),
        Unread(source="zypp", reason="", absent=True),
    )
    text = shown(unread=unread)
    assert "Nothing is known to have happened in the last 2 d." in text
    assert "journalctl  not permitted" in text
    assert "Not on this node: pacman.log, zypp" in text


def test_escapes_in_what_happened_are_shown_and_never_sent() -> None:
    assert "\x1b" not in shown(Event(at=NOW, kind="image", what="\x1b[2Jimage", source="s", was="\x1b", now="x"))


def test_doubtful_times_say_so() -> None:
    text = shown(
        Event(at=NOW - 50, kind="package", what="a", source="s", sure="zone"),
        Event(at=NOW - 40, kind="file", what="b", source="s", sure="between", after=NOW - 3600),
        Event(at=NOW + 7200, kind="package", what="c", source="s", sure="clock"),
    )
    assert "summer time unsure" in text
    assert "some time since Wed 23:00" in text
    assert "2 h ahead, the clock was wrong then" in text


def test_kinds_are_asked_for_by_words() -> None:
    assert choose_kinds("") == frozenset(KINDS)
    assert {"boot", "suspend", "file", "setting"} <= choose_kinds("boot, file")
    with pytest.raises(ConfigurationError, match="containr") as refused:
        choose_kinds("containr")
    assert "container" in refused.value.hint
