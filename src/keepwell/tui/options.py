"""How `keepwell top` was called."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.tui.styles import Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`readonly`: nothing can be changed. `plain`: ASCII alone. `light`: for a light background. `interval_seconds` is
    0 where it was not named: the one that was chosen last.
    """

    readonly: bool = False
    plain: bool = False
    light: bool = False
    interval_seconds: float = 0.0

    @property
    def look(self) -> Look:
        """How everything is drawn."""
        return Look(light=self.light, plain=self.plain)
