"""What the demo gives back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStep:
    """One step of the demo: what was done, what came of it, and when, in seconds since the beginning."""

    title: str
    lines: tuple[str, ...]
    at_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """The whole demo; it is only given when every step did what it promises."""

    steps: tuple[DemoStep, ...]
    seconds: float

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.demo/1"

    @property
    def exit_code(self) -> int:
        """Always 0: a demo that goes wrong is an error."""
        return 0
