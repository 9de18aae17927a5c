"""What goes to the terminal when parts of the screen changed: these parts alone.

Textual (8.2.8) sends a changed line of a widget from its beginning to the last changed cell: over a thin line that is
ten times what is needed. Here each part is cut on its left side, too. If a later release of Textual goes about it
otherwise, nothing but this saving is lost (`benchmarks/top.py` measures it).
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, CompositorUpdate


class Parts(CompositorUpdate):
    """A partial update of the screen, cut on both sides."""

    def __init__(self, update: ChopsUpdate) -> None:
        self._update = update

    def render_segments(self, console: Console) -> str:
        """The sequences for the terminal."""
        return "".join(self._render(console))

    def _render(self, console: Console) -> Iterable[str]:
        chops, all_ends = self._update.chops, self._update.chop_ends
        for y, x1, x2 in self._update.spans:
            for end, (x, strip) in zip(all_ends[y], chops[y].items(), strict=False):
                begin = max(x, x1)
                if strip is None or begin >= min(end, x2):
                    continue
                yield Control.move_to(begin, y).segment.text
                yield strip.crop(begin - x, min(end, x2) - x).render(console)
