"""The contract of a repair step: a file in `steps/` that ends in `STEP: Step`."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from keepwell.core.finding import Finding
from keepwell.core.observation import Seen
from keepwell.core.step import Plan


@runtime_checkable
class Step(Protocol):
    """A repair. `title` says what it does; `mends` are the check ids whose bad findings it can plan for."""

    title: str
    mends: tuple[str, ...]

    def plan(self, finding: Finding, seen: Seen) -> Plan | None:
        """The changes that would mend this finding, pure; no changes when nothing is to do, None if it cannot."""
        ...
