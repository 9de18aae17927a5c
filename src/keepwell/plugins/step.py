"""The contract of a repair step: a file in `steps/` that ends in `STEP: Step`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from keepwell.core.finding import Finding
from keepwell.core.observation import Seen
from keepwell.core.step import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """What a step must see fresh before it can plan; the machine looks and hands it over as observations.

    `paths` get a `path.stat` each, with all their parents; so does all that lies in `trees`. `files` get
    `path.stat` and `path.bytes`. Each is about a Ref of kind "path".
    """

    paths: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@runtime_checkable
class Step(Protocol):
    """A repair. `title` says what it does; `mends` are the check ids whose bad findings it can plan for."""

    title: str
    mends: tuple[str, ...]

    def wants(self, finding: Finding, seen: Seen) -> Wants:
        """What to look at before `plan`, pure."""
        ...

    def plan(self, finding: Finding, seen: Seen) -> Plan | None:
        """The changes that would mend this finding, pure; no changes when nothing is to do, None if it cannot."""
        ...
