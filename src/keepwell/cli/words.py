"""Words for the terminal: those of `keepwell.core.words`, and the sign of a status in its colour."""

from __future__ import annotations

from rich.text import Text

from keepwell.core.finding import Status
from keepwell.core.words import amount, clean, command_line, figure, share, size, span

__all__ = ["STYLES", "amount", "clean", "command_line", "figure", "share", "sign", "size", "span"]

#: Colour and sign of each status; the sign carries the meaning where there is no colour.
STYLES: dict[Status, tuple[str, str]] = {
    Status.OK: ("green", "✓"),
    Status.UNKNOWN: ("cyan", "?"),
    Status.WARNING: ("yellow", "!"),
    Status.CRITICAL: ("bold red", "✗"),
}


def sign(status: Status) -> Text:
    """The sign of a status in its colour."""
    style, mark = STYLES[status]
    return Text(mark, style=style)
