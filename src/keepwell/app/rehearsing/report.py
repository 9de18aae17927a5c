"""What `migrate rehearse` gives back."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.app.rehearsing.comparing import Compared, Side
from keepwell.app.rehearsing.verdict import Rule, Said

_EXIT_CODES: dict[Said, int] = {"go": 0, "note": 0, "undecided": 1, "no-go": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalReport:
    """The answer of `migrate rehearse`. `by` is what the requests were sent through, `source` where they came from;
    `masked`: names and secrets in them are tokens. `notes` are what else a reader should know; `partial`: it was broken
    off, and tells of what was played until then.
    """

    said: Said
    first: Side
    second: Side
    rules: tuple[Rule, ...]
    texts: tuple[Compared, ...]
    by: str
    source: str
    masked: bool = False
    notes: tuple[str, ...] = ()
    partial: bool = False

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.rehearsal/1"

    @property
    def exit_code(self) -> int:
        """0 go, 1 too little to tell by, 2 no-go."""
        return _EXIT_CODES[self.said]
