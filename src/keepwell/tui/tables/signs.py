"""Signs and texts of a table: a status has a sign of its own, and what comes from outside is made harmless."""

from __future__ import annotations

from keepwell.core.finding import Status
from keepwell.core.words import clean
from keepwell.tui.cells import TONES, Cell, Tone

_SIGNS = {Status.OK: "✓", Status.UNKNOWN: "?", Status.WARNING: "!", Status.CRITICAL: "✗"}
_PLAIN = {Status.OK: "+", Status.UNKNOWN: "?", Status.WARNING: "!", Status.CRITICAL: "X"}
#: Characters of one text: more than any screen has, and little enough to look through.
CHARACTERS = 200


def sign(status: Status, *, plain: bool) -> Cell:
    """A status as one character."""
    return Cell({True: _PLAIN, False: _SIGNS}[plain][status], TONES[status], (float(status), ""))


def count(number: int, thing: str) -> str:
    """So many of a thing: 1 node, 2 nodes."""
    return f"{number} {thing}{'s' * (number != 1)}"


def text(words: str, tone: Tone = "") -> Cell:
    """A text from anywhere, made harmless."""
    shown = clean(words, CHARACTERS)
    return Cell(shown, tone, (0.0, shown.lower()))
