"""What `migrate switch` gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.app.switching.objectives import Objective

#: All requests are moved; an objective was missed and all are back; it stands at a share, to be gone on with.
State: TypeAlias = Literal["moved", "back", "held"]
_EXIT_CODES: dict[State, int] = {"moved": 0, "held": 1, "back": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """One step: the share that was moved (0..1), for how long, how many requests were, how many of them failed, how
    many of those came back to the first route, how many stayed there, and what was judged.
    """

    share: float
    seconds: float
    requests: int
    failed: int
    came_back: int
    stayed: int
    objectives: tuple[Objective, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchReport:
    """The answer of `migrate switch`. `share` is what is moved now (0..1), `detail` why it ended so, `keep` what to
    write into keepwell.toml once it is to stay.
    """

    run: str
    route: str
    to: str
    state: State
    share: float
    detail: str
    steps: tuple[StepLine, ...] = ()
    keep: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.switch/1"

    @property
    def exit_code(self) -> int:
        """0 when all is moved, 1 when it stands on the way, 2 when it went back."""
        return _EXIT_CODES[self.state]
