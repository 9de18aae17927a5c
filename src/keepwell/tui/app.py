"""`keepwell top`: panes, keys and dialogs put together."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from rich.console import RenderableType
from textual._compositor import ChopsUpdate
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Input

from keepwell.app.operation import Caller
from keepwell.app.overview.model import Overview
from keepwell.app.overview.sources import open_source
from keepwell.tui.cells import Table
from keepwell.tui.chrome import TABS, render_foot, render_head, render_tabs
from keepwell.tui.detail_screen import DetailScreen
from keepwell.tui.doing import ActionScreen
from keepwell.tui.feed import Feed, Opener
from keepwell.tui.figures import Figures
from keepwell.tui.help_screen import HelpScreen
from keepwell.tui.layout import Wish, share_height
from keepwell.tui.lines import Line
from keepwell.tui.options import Options
from keepwell.tui.order import Order
from keepwell.tui.pane import Pane
from keepwell.tui.sending import Parts
from keepwell.tui.settings import change_interval, load_settings, save_settings
from keepwell.tui.tables.alerts import make_alerts
from keepwell.tui.tables.engines import make_engines
from keepwell.tui.tables.fleet import make_fleet
from keepwell.tui.tables.requests import make_requests
from keepwell.tui.tables.work import make_work

#: Pictures over which a pane keeps the height that it needed: requests come and go.
STEADY_PICTURES = 20
#: Lines of alerts, and those that others have at the least, where all panes are shown.
ALERT_LINES, FLEET_LINES, LEAST_LINES = 5, 8, 4
#: Lines beside the panes.
CHROME_LINES = 3
#: The order in which panes stand on the screen where all are shown.
PLACES = ("alerts", "fleet", "engines", "requests", "work")


class TopApp(App[None]):
    """`state` is where settings are kept. It ends by `q` and Ctrl-C."""

    TITLE = "keepwell top"
    ENABLE_COMMAND_PALETTE = True
    AUTO_FOCUS = ""
    CSS = """
    Screen { layout: vertical; overflow: hidden; }
    Lines { height: 1fr; width: 100%; }
    Line { height: 1; width: 100%; }
    #body { height: 1fr; width: 100%; }
    Pane { width: 100%; height: 1fr; display: none; }
    #needle { height: 1; border: none; padding: 0; display: none; dock: bottom; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", priority=True, show=False),
        Binding("question_mark,h,f1", "help", "Help"),
        Binding("slash", "filter", "Filter"),
        Binding("escape", "back", "All rows", show=False),
        Binding("s", "sort", "Sort"),
        Binding("S", "reverse", "Reverse"),
        Binding("t", "tree", "Tree"),
        Binding("space", "pause", "Pause"),
        Binding("r,f5", "refresh_now", "Refresh"),
        Binding("plus,equals_sign", "speed(-1)", "Faster"),
        Binding("minus", "speed(1)", "Slower"),
        Binding("left_square_bracket", "turn(-1)", "Tab before"),
        Binding("right_square_bracket", "turn(1)", "Next tab"),
        Binding("a", "act", "Act"),
        *(Binding(str(number), f"tab('{name}')", name, show=False) for number, name in enumerate(TABS, start=1)),
    ]

    def __init__(
        self,
        caller: Caller,
        state: Path,
        options: Options,
        *,
        source: Opener = open_source,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(ansi_color=True)
        self.settings = load_settings(state)
        if options.interval_seconds:
            self.settings = replace(self.settings, interval_seconds=options.interval_seconds)
        if self.settings.tab not in TABS:
            self.settings = replace(self.settings, tab=TABS[0])
        self.options = options
        self.caller = caller
        self.feed = Feed(caller, self.settings.interval_seconds, self.redraw, open=source)
        self._now = now
        self.needle = ""
        self._state = state
        self._figures = Figures(plain=options.plain)
        self._wished: dict[str, deque[int]] = {name: deque(maxlen=STEADY_PICTURES) for name in PLACES}
        look = options.look
        self.theme = {True: "ansi-light", False: "ansi-dark"}[options.light]
        self._head, self._tabs, self._foot = (Line(name, look) for name in ("head", "tabs", "foot"))
        self._panes = {name: Pane(Table(name=name, title="", columns=()), look) for name in PLACES}
        self._input = Input(id="needle", placeholder="show rows that hold ...", select_on_focus=False)
        self._input.cursor_blink = False

    @property
    def overview(self) -> Overview | None:
        """The newest picture."""
        return self.feed.overview

    def compose(self) -> ComposeResult:
        """Lines and panes."""
        yield self._head
        yield self._tabs
        yield Vertical(*self._panes.values(), id="body")
        yield self._foot
        yield self._input

    def on_mount(self) -> None:
        """Begin to look."""
        for name, pane in self._panes.items():
            pane.order = _read_order(self.settings.sorting.get(name, -1))
        self.redraw()
        self.run_worker(self.feed.run(), name="feed")

    def on_resize(self) -> None:
        """Other panes have room."""
        self.call_after_refresh(self.redraw)

    def on_unmount(self) -> None:
        """Keep what was chosen."""
        sorting = {name: _write_order(one.order) for name, one in self._panes.items()}
        settings = replace(self.settings, interval_seconds=self.feed.interval_seconds, sorting=sorting)
        save_settings(self._state, settings)

    def redraw(self) -> None:
        """What is new since the last time."""
        overview = self.overview
        self._head.show(render_head(overview, self.feed, self._now(), plain=self.options.plain))
        self._tabs.show(render_tabs(overview), TABS.index(self.settings.tab))
        notes: tuple[str, ...] = ()
        if overview is not None:
            notes = overview.notes
            self._show_panes(overview)
        self._foot.show(render_foot(self.feed, self.needle, notes, self.size.width))
        if isinstance(self.screen, DetailScreen) and overview is not None:
            self.screen.take(overview)

    def _show_panes(self, overview: Overview) -> None:
        tables = self._make_tables(overview)
        heights = self._find_heights(tables)
        for name, pane in self._panes.items():
            height = heights[name]
            if pane.display != bool(height):
                pane.display = bool(height)
            if height and pane.lines_given != height:
                pane.lines_given = height
                pane.styles.height = height
            if height:
                pane.show(tables[name])
        self._figures.forget({row.key for one in tables.values() for row in one.rows})
        if self.focused is None or (isinstance(self.focused, Pane) and not self.focused.display):
            first = next((one for name, one in self._panes.items() if heights[name] and name != "alerts"), None)
            self.screen.set_focus(first or next(iter(self._panes.values())))

    def _make_tables(self, overview: Overview) -> dict[str, Table]:
        figures, tree = self._figures, self.settings.tree
        return {
            "fleet": make_fleet(overview, figures, tree=tree),
            "engines": make_engines(overview, figures, tree=tree),
            "requests": make_requests(overview, figures),
            "work": make_work(overview, figures),
            "alerts": make_alerts(overview, figures),
        }

    def _find_heights(self, tables: dict[str, Table]) -> dict[str, int]:
        """Lines of each pane: all of them for the tab that is shown, or a share each."""
        room = max(0, self.size.height - CHROME_LINES)
        if self.settings.tab != TABS[0]:
            return {name: room * (name == self.settings.tab) for name in PLACES}
        for name, recent in self._wished.items():
            recent.append(len(tables[name].rows))
        rows = {name: max(recent) for name, recent in self._wished.items()}
        lines = {name: count + 1 for name, count in rows.items()}
        for name in ("alerts", "requests", "work"):
            lines[name] *= bool(rows[name])
        return share_height(
            [
                Wish(name="alerts", lines=min(lines["alerts"], ALERT_LINES), least=min(lines["alerts"], ALERT_LINES)),
                Wish(name="fleet", lines=max(2, lines["fleet"]), least=FLEET_LINES),
                Wish(name="engines", lines=max(2, lines["engines"]), least=LEAST_LINES),
                Wish(name="requests", lines=lines["requests"], least=LEAST_LINES),
                Wish(name="work", lines=lines["work"]),
            ],
            room,
        )

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Textual's own, with less to send."""
        shown: Any = renderable
        if isinstance(renderable, ChopsUpdate):
            shown = Parts(renderable)
        super()._display(screen, shown)

    # Keys.

    async def action_quit(self) -> None:
        """End, at once."""
        self.exit()

    def action_help(self) -> None:
        """All keys."""
        self.push_screen(HelpScreen(self.options))

    def action_filter(self) -> None:
        """A line to write into."""
        self._input.display = True
        self._foot.display = False
        self._input.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Rows that hold it."""
        self.needle = event.value
        for pane in self._panes.values():
            pane.sort(replace(pane.order, needle=event.value))

    def on_input_submitted(self) -> None:
        """Back to the rows."""
        self._leave_input()

    async def action_back(self) -> None:
        """Leave the filter; all rows."""
        if self.needle:
            self._input.value = ""
        self._leave_input()

    def _leave_input(self) -> None:
        if self._input.display:
            self._input.display = False
            self._foot.display = True
            self.screen.set_focus(next((one for one in self._panes.values() if one.display), None))
        self.call_after_refresh(self.redraw)

    def _pane(self) -> Pane:
        if isinstance(self.focused, Pane):
            return self.focused
        return next((one for one in self._panes.values() if one.display), self._panes["fleet"])

    def action_sort(self) -> None:
        """By the next column; after the last one as they come."""
        pane = self._pane()
        choice = [-1, *pane.find_sortable()]
        place = 0
        if pane.order.column in choice:
            place = choice.index(pane.order.column)
        column = choice[(place + 1) % len(choice)]
        pane.sort(replace(pane.order, column=column, reverse=column >= 0))

    def action_reverse(self) -> None:
        """The other way round."""
        pane = self._pane()
        pane.sort(replace(pane.order, reverse=not pane.order.reverse))

    def action_tree(self) -> None:
        """Devices below their nodes and models below their engines, or each for itself."""
        self.settings = replace(self.settings, tree=not self.settings.tree)
        self.redraw()

    def action_pause(self) -> None:
        """Stand still, or go on."""
        self.feed.paused = not self.feed.paused
        if not self.feed.paused:
            self.feed.wake()
        self.redraw()

    def action_refresh_now(self) -> None:
        """One more picture at once."""
        self.feed.wake()

    def action_speed(self, step: int) -> None:
        """More often, or more seldom."""
        self.feed.interval_seconds = change_interval(self.feed.interval_seconds, step)
        self.feed.wake()
        self.redraw()

    def action_turn(self, step: int) -> None:
        """The tab beside."""
        self.action_tab(TABS[(TABS.index(self.settings.tab) + step) % len(TABS)])

    def action_tab(self, name: str) -> None:
        """This tab."""
        self.settings = replace(self.settings, tab=name)
        self.redraw()

    def on_pane_opened(self, event: Pane.Opened) -> None:
        """All that is known of a row."""
        if self.overview is not None:
            self.push_screen(DetailScreen(self.feed, event.row.subject, self.options))

    def action_act(self) -> None:
        """What may be done about the row, or the thing whose detail is shown."""
        subject, chosen = "", self._pane().chosen
        if isinstance(self.screen, DetailScreen):
            subject = self.screen.subject
        elif chosen is not None:
            subject = chosen.subject
        if self.overview is not None and subject:
            self.push_screen(ActionScreen(self.overview, subject, self.caller, self.options), self._acted)

    def _acted(self, _: None) -> None:
        self.feed.wake()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers: our own keys by name, and a picture of the screen."""
        yield SystemCommand("Quit", "End keepwell top", self.exit)
        yield SystemCommand("Help", "All keys", self.action_help)
        yield SystemCommand("Filter", "Show rows that hold a text", self.action_filter)
        yield SystemCommand("Sort", "By the next column", self.action_sort)
        yield SystemCommand("Reverse", "The other way round", self.action_reverse)
        yield SystemCommand("Tree", "Devices below their nodes, or alone", self.action_tree)
        yield SystemCommand("Pause", "Stand still, or go on", self.action_pause)
        yield SystemCommand("Refresh", "One more picture at once", self.action_refresh_now)
        yield SystemCommand("Next tab", "Show the tab beside", self._next_tab)
        yield SystemCommand("Act", "What may be done about this row", self.action_act)

    def _next_tab(self) -> None:
        self.action_turn(1)


def _read_order(kept: int) -> Order:
    """From settings: a column, below -1 reversed."""
    if kept < -1:
        return Order(column=-2 - kept, reverse=True)
    return Order(column=kept)


def _write_order(order: Order) -> int:
    if order.reverse and order.column >= 0:
        return -2 - order.column
    return order.column
