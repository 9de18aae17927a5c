"""All that is known of one thing, with its last minutes."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from keepwell.app.overview.model import Overview
from keepwell.core.words import size
from keepwell.tui.details import LABEL, Course, Detail, describe, render_rows
from keepwell.tui.feed import Feed
from keepwell.tui.lines import Line, Lines, Words, fill
from keepwell.tui.options import Options
from keepwell.tui.sparks import draw_spark

#: Samples that are kept of a course: more than any screen is wide.
KEPT = 600


class DetailScreen(Screen[None]):
    """`subject` is what a row is about; Esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,backspace", "leave", "Back"),
        Binding("q", "leave", "Back"),
    ]

    def __init__(self, feed: Feed, subject: str, options: Options) -> None:
        super().__init__()
        self.subject = subject
        self._feed = feed
        self._options = options
        self._title = Line("detail-title", options.look)
        self._lines = Lines(options.look)
        self._seen: dict[str, list[float]] = {}
        self._at = 0.0
        self._detail = Detail(title=subject)

    def compose(self) -> ComposeResult:
        """A heading and lines."""
        yield self._title
        yield self._lines

    def on_mount(self) -> None:
        """Show it, and fetch what was before."""
        self._lines.focus()
        if self._feed.overview is not None:
            self.take(self._feed.overview)
        self.run_worker(self._fetch(), name="history")

    def on_resize(self) -> None:
        """Other lines fit."""
        self.call_after_refresh(self._draw)

    def take(self, overview: Overview) -> None:
        """A newer picture."""
        self._detail = describe(overview, self.subject)
        if overview.at > self._at:
            self._at = overview.at
            for one in self._detail.courses:
                if one.now is not None:
                    self._seen.setdefault(one.metric, []).append(one.now)
                    del self._seen[one.metric][:-KEPT]
        self._draw()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)

    async def _fetch(self) -> None:
        for one in self._detail.courses:
            before = await self._feed.recent(one.metric, one.about)
            if before:
                self._seen[one.metric] = list(before)[-KEPT:]
        self._draw()

    def _draw(self) -> None:
        acts = "   a acts" * (not self._options.readonly)
        self._title.show(((self._detail.title, "bold"), (f"   Esc goes back{acts}", "dim")))
        width = max(20, self._lines.size.width)
        lines: list[Words] = [(), *render_rows(self._detail, width)]
        for one in self._detail.courses:
            lines += self._draw_course(one, width)
        self._lines.show(lines)

    def _draw_course(self, one: Course, width: int) -> list[Words]:
        values = self._seen.get(one.metric, [])
        if not values:
            return []
        spark = draw_spark(values, width - LABEL - 12, top=one.top, plain=self._options.plain)
        return [(), ((fill(one.title, LABEL), "dim"), (spark, "good"), (f"  {_say(one)}", "bold"))]


def _say(one: Course) -> str:
    if one.now is None:
        return ""
    if one.metric.endswith("_bytes"):
        return size(one.now)
    if one.unit == "%":
        return f"{one.now * 100:.0f} %"
    return f"{one.now:.3g}{one.unit}"
