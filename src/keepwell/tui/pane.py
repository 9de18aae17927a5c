"""A table on the screen. It draws lines itself and has only those cells drawn anew whose text or tone changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from keepwell.tui.cells import Row, Table
from keepwell.tui.order import Order, arrange
from keepwell.tui.styles import CURSOR, FOCUSED, HEADER, Look
from keepwell.tui.widths import GAP, fit, pad_text

#: Rows that the wheel moves at once.
WHEEL_ROWS = 3


class Pane(Widget, can_focus=True):
    """One table. `table` is what was given last, `rows` those of it that the filter leaves, in order."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "move(-1000000)", "First", show=False),
        Binding("end,G", "move(1000000)", "Last", show=False),
        Binding("enter", "open", "Detail", show=False),
    ]

    @dataclass
    class Opened(Message):
        """A row was chosen."""

        row: Row

    def __init__(self, table: Table, look: Look) -> None:
        super().__init__(id=table.name)
        self.table = table
        self.rows: tuple[Row, ...] = ()
        self.order = Order()
        self.cursor = 0
        self.top = 0
        #: Lines that it was given last; 0: all that there are.
        self.lines_given = 0
        self._widths: tuple[int, ...] = ()
        self._look = look

    @property
    def chosen(self) -> Row | None:
        """The row under the cursor."""
        if not self.rows:
            return None
        return self.rows[min(self.cursor, len(self.rows) - 1)]

    def show(self, table: Table) -> None:
        """Newer rows. What is the same as before is not drawn."""
        titled = table.title != self.table.title
        if table.columns is not self.table.columns:
            self.refresh()
        self.table = table
        rows = arrange(table.rows, self.order)
        chosen = self.chosen
        before, self.rows, cursor = self.rows, rows, self.cursor
        if titled:
            self._widths = fit(table.columns, self.size.width)
            self._refresh_title()
        if [one.key for one in before] != [one.key for one in rows]:
            self._follow(chosen)
        self._refresh_rows(before, rows)
        if self.cursor != cursor:
            self.refresh(*(Region(0, 1 + one - self.top, self.size.width, 1) for one in (cursor, self.cursor)))

    def sort(self, order: Order) -> None:
        """Other rows, or another order."""
        chosen, self.order = self.chosen, order
        self.rows = arrange(self.table.rows, order)
        self._follow(chosen)
        self.refresh()

    def find_sortable(self) -> list[int]:
        """Columns that can be sorted by: those with a title that are shown."""
        widths = self._widths or fit(self.table.columns, self.size.width)
        return [number for number, one in enumerate(self.table.columns) if one.title and widths[number]]

    def on_resize(self, event: events.Resize) -> None:
        """Other columns fit."""
        self._widths = fit(self.table.columns, event.size.width)
        self._hold_cursor()
        self.refresh()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self.action_move(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self.action_move(-WHEEL_ROWS)

    def on_click(self, event: events.Click) -> None:
        """A row is chosen, and opened by a second click."""
        place = self.top + event.y - 1
        if 0 <= place < len(self.rows) and event.y > 0:
            self._go(place)
            if event.chain == 2:
                self.action_open()

    def on_focus(self) -> None:
        """The heading and the cursor look otherwise."""
        self.refresh()

    def on_blur(self) -> None:
        """And back."""
        self.refresh()

    def action_move(self, count: int) -> None:
        """So many rows down."""
        self._go(self.cursor + count)

    def action_page(self, count: int) -> None:
        """So many pages down."""
        self._go(self.cursor + count * max(1, self._room - 1))

    def action_open(self) -> None:
        """Tell of the row under the cursor."""
        if self.chosen is not None:
            self.post_message(self.Opened(self.chosen))

    @property
    def _room(self) -> int:
        return max(0, self.size.height - 1)

    def _go(self, place: int) -> None:
        before, top = self.cursor, self.top
        self.cursor = max(0, min(place, len(self.rows) - 1))
        self._hold_cursor()
        if self.top != top:
            self.refresh()
        elif self.cursor != before:
            self.refresh(*(Region(0, 1 + one - top, self.size.width, 1) for one in (before, self.cursor)))

    def _hold_cursor(self) -> None:
        """Keep it on a row, and that row in view."""
        self.cursor = max(0, min(self.cursor, len(self.rows) - 1))
        self.top = min(self.top, self.cursor, max(0, len(self.rows) - self._room))
        if self._room and self.cursor >= self.top + self._room:
            self.top = self.cursor - self._room + 1

    def _follow(self, row: Row | None) -> None:
        """The cursor stays on what it was on."""
        if row is not None:
            self.cursor = next((place for place, one in enumerate(self.rows) if one.key == row.key), self.cursor)
        top = self.top
        self._hold_cursor()
        if self.top != top:
            self.refresh()

    def _refresh_title(self) -> None:
        """The column that has the table's title."""
        x = 0
        for column, width in zip(self.table.columns, self._widths, strict=True):
            if column.grows:
                self.refresh(Region(x, 0, width, 1))
            x += (width + GAP) * bool(width)

    def _refresh_rows(self, before: Sequence[Row], rows: Sequence[Row]) -> None:
        """Lines that hold another row now, and cells of the others."""
        dirty = []
        for line in range(self._room):
            place = self.top + line
            old, new = before[place : place + 1], rows[place : place + 1]
            if old and new:
                dirty += self._find_changed(old[0], new[0], 1 + line)
            elif old or new or not place:
                dirty.append(Region(0, 1 + line, self.size.width, 1))
        if dirty:
            self.refresh(*dirty)

    def _find_changed(self, old: Row, new: Row, y: int) -> list[Region]:
        """Cells that look otherwise, neighbours as one: to go to a place costs more than a few characters."""
        found: list[Region] = []
        x = 0
        for was, now, width in zip(old.cells, new.cells, self._widths, strict=False):
            if not width:
                continue
            if (was.text, was.tone) != (now.text, now.tone):
                if found and found[-1].right + GAP >= x:
                    found[-1] = Region(found[-1].x, y, x + width - found[-1].x, 1)
                else:
                    found.append(Region(x, y, width, 1))
            x += width + GAP
        return found

    def render_line(self, y: int) -> Strip:
        """The heading, a row, or the rest of the space."""
        width = self.size.width
        if y == 0:
            return Strip([Segment(*self._head(width))], width)
        place = self.top + y - 1
        if place < len(self.rows):
            return self._draw(self.rows[place], marked=self.has_focus and place == self.cursor)
        if not self.rows and y == 1:
            return Strip(
                [Segment(pad_text(self._look.text(self._describe_empty()), width), self._look.style("dim"))], width
            )
        return Strip([Segment(" " * width)], width)

    def _describe_empty(self) -> str:
        if self.order.needle and self.table.rows:
            return f"Nothing fits “{self.order.needle}”: Esc shows all."
        return self.table.empty

    def _head(self, width: int) -> tuple[str, Style]:
        """The table's title in the growing column, the others' own; and the mark of the one that is sorted by."""
        words = []
        for number, (one, wide) in enumerate(zip(self.table.columns, self._widths, strict=False)):
            if not wide:
                continue
            title = one.title
            if one.grows:
                title = self.table.title
            if number == self.order.column:
                title = {False: "^", True: "v"}[self.order.reverse] + title
            words.append(pad_text(title, wide, right=one.right))
        shown = pad_text((" " * GAP).join(words), width)
        return shown, {True: FOCUSED, False: HEADER}[self.has_focus]

    def _draw(self, row: Row, *, marked: bool) -> Strip:
        segments: list[Segment] = []
        look = self._look
        for cell, column, wide in zip(row.cells, self.table.columns, self._widths, strict=False):
            if not wide:
                continue
            if segments:
                segments.append(Segment(" " * GAP))
            style = CURSOR
            if not marked:
                style = look.style(cell.tone)
            segments.append(Segment(pad_text(look.text(cell.text), wide, right=column.right), style))
        strip = Strip(segments).adjust_cell_length(self.size.width)
        if marked:
            strip = strip.apply_style(CURSOR)
        return strip
