"""What `models migrate` gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

#: "moved": the engine serves from the new folder. "held": broken off, the same command goes on. "failed": switched, and
#: not well. "removed": the old folder of an earlier move is gone.
MoveState: TypeAlias = Literal["moved", "held", "failed", "removed"]
_EXIT_CODES: dict[MoveState, int] = {"moved": 0, "removed": 0, "held": 1, "failed": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateReport:
    """The answer of `models migrate`: what was copied now (not what earlier tries had copied), at what speed, and how
    long the engine was away (`away_seconds`, from the first request that a gateway kept back until it may send them
    again, whether a gateway runs or not; -1 where no engine serves from it). `corrupt` are files
    that were broken in the old folder already; they were moved as they are. `passed_over` are pipes and the like.
    """

    run: str
    state: MoveState
    detail: str
    source: str
    target: str
    old: str = ""
    files: int = 0
    bytes_copied: int = 0
    copy_seconds: float = 0.0
    away_seconds: float = -1.0
    caught_up: int = 0
    corrupt: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.models-migrate/1"

    @property
    def exit_code(self) -> int:
        """0 when it is moved, 1 when it can be gone on with, 2 when it is switched and not well."""
        return _EXIT_CODES[self.state]
