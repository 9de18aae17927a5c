"""Lines of text on the screen: one that is always there, or many that can be scrolled. Only what changed is drawn."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import ClassVar, TypeAlias

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from keepwell.tui.cells import Tone
from keepwell.tui.styles import Look
from keepwell.tui.widths import pad_text

#: A line as texts and how each is meant.
Words: TypeAlias = tuple[tuple[str, Tone], ...]
_REVERSE = Style(reverse=True)
WHEEL_LINES = 3


class Line(Widget):
    """One line; `chosen` is the number of the part that stands out, -1 for none."""

    def __init__(self, name: str, look: Look) -> None:
        super().__init__(id=name)
        self._look = look
        self._words: Words = ()
        self._chosen = -1

    def show(self, words: Words, chosen: int = -1) -> None:
        """Another text, if it is another."""
        if chosen != self._chosen:
            self.refresh()
        elif words != self._words:
            begin, end = _find_changed(self._words, words)
            self.refresh(Region(begin, 0, end - begin, 1))
        self._words, self._chosen = words, chosen

    def render_line(self, y: int) -> Strip:
        """Its parts, cut where the line ends."""
        segments = _draw(self._words, self._look)
        if 0 <= self._chosen < len(segments):
            segments[self._chosen] = Segment(segments[self._chosen].text, _REVERSE)
        return Strip(segments).adjust_cell_length(self.size.width)

    def on_click(self, event: events.Click) -> None:
        """Leave it to whoever has it."""


class Lines(Widget, can_focus=True):
    """Many lines, scrolled by keys and wheel."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "move(-10)", "Page up", show=False),
        Binding("pagedown", "move(10)", "Page down", show=False),
        Binding("home,g", "move(-1000000)", "First", show=False),
        Binding("end,G", "move(1000000)", "Last", show=False),
    ]

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.lines: tuple[Words, ...] = ()
        self.top = 0
        self._look = look

    def show(self, lines: Sequence[Words]) -> None:
        """Others; those that are the same are not drawn."""
        before, self.lines = self.lines, tuple(lines)
        self.top = max(0, min(self.top, len(self.lines) - self.size.height))
        for line in range(self.size.height):
            place = self.top + line
            if before[place : place + 1] != self.lines[place : place + 1]:
                self.refresh(Region(0, line, self.size.width, 1))

    def action_move(self, count: int) -> None:
        """So many lines down."""
        top = max(0, min(self.top + count, len(self.lines) - self.size.height))
        if top != self.top:
            self.top = top
            self.refresh()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self.action_move(WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self.action_move(-WHEEL_LINES)

    def render_line(self, y: int) -> Strip:
        """One of them."""
        words: Words = ()
        if self.top + y < len(self.lines):
            words = self.lines[self.top + y]
        return Strip(_draw(words, self._look)).adjust_cell_length(self.size.width)


def _find_changed(old: Words, new: Words) -> tuple[int, int]:
    """Where two lines begin to differ, and where the longer one ends."""
    begin = 0
    for (was, was_tone), (now, now_tone) in zip(old, new, strict=False):
        if (was, was_tone) != (now, now_tone):
            break
        begin += cell_len(now)
    return begin, max(sum(cell_len(text) for text, _ in words) for words in (old, new))


def _draw(words: Words, look: Look) -> list[Segment]:
    return [Segment(look.text(one), look.style(tone)) for one, tone in words]


def wrap(text: str, width: int) -> list[str]:
    """A text in lines of at most so many characters, broken at blanks where there are any."""
    return textwrap.wrap(text, max(8, width), break_on_hyphens=False)


def fill(words: str, width: int) -> str:
    """A label in so many characters."""
    return pad_text(words, width)
