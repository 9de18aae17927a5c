"""All keys on one screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from keepwell.tui.cells import Tone
from keepwell.tui.lines import Line, Lines, Words, fill
from keepwell.tui.options import Options

KEYS: tuple[tuple[str, str], ...] = (
    ("q  Ctrl-C", "end"),
    ("arrows  j k  wheel", "go through rows; PgUp, PgDn, Home, End"),
    ("Tab", "to the next pane"),
    ("[  ]  1 ... 6", "tabs: all, fleet, engines, requests, work, alerts"),
    ("Enter", "all that is known of a row, with its last minutes"),
    ("/", "show only rows that hold a text; Esc shows all again"),
    ("s  S", "sort by the next column; the other way round"),
    ("t", "GPUs below their nodes, models below their engines; or alone"),
    ("Space", "stand still, or go on"),
    ("+  -", "more often, more seldom"),
    ("r", "one more picture at once"),
    ("a", "act on a row: what it would do is shown before you say yes"),
    ("Ctrl-P", "commands by name"),
    ("?", "these keys"),
)
SIGNS: tuple[tuple[str, Tone, str], ...] = (
    ("✓ +", "good", "well"),
    ("!", "warn", "look at it; on GPU 40% !: the rest lies on the processor"),
    ("✗ X", "bad", "critical"),
    ("?", "unsure", "not known"),
    ("– -", "dim", "no number; Enter tells why"),
)


class HelpScreen(Screen[None]):
    """Esc, q or ? goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,h,f1,enter", "leave", "Back"),
        Binding("q", "leave", "Back"),
    ]

    def __init__(self, options: Options) -> None:
        super().__init__()
        self._title = Line("help-title", options.look)
        self._lines = Lines(options.look)
        self._readonly = options.readonly

    def compose(self) -> ComposeResult:
        """A heading and the keys."""
        yield self._title
        yield self._lines

    def on_mount(self) -> None:
        """Fill it."""
        self._title.show((("Keys", "bold"), ("   Esc goes back", "dim")))
        self._lines.focus()

    def on_resize(self) -> None:
        """Draw it once there is a size."""
        self._lines.show(render_help(readonly=self._readonly))
        self._lines.refresh()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)


def render_help(*, readonly: bool) -> list[Words]:
    """Keys, then signs."""
    lines: list[Words] = [()]
    for key, does in KEYS:
        if not (readonly and key == "a"):
            lines.append(((fill(f"  {key}", 24), "bold"), (does, "")))
    lines += [(), (("  Signs", "bold"),)]
    lines += [((fill(f"  {sign}", 24), tone), (does, "")) for sign, tone, does in SIGNS]
    if readonly:
        lines += [(), (("  --readonly: nothing can be changed from here.", "dim"),)]
    return lines
