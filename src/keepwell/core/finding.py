"""Check and Finding: is it right? OK, WARNING, CRITICAL or UNKNOWN, with the evidence.

A check is a pure function from what was seen to findings. Smoke test, drift, alert and diagnosis all speak
in findings; a repair is done when the check that asked for it says OK.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

from keepwell.core.observation import Observation, Seen
from keepwell.core.ref import Ref


class Status(IntEnum):
    """How a check came out; ordered by how much it matters, and `max()` is the worst."""

    OK = 0
    UNKNOWN = 1
    WARNING = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The verdict of one check about one subject.

    `message` is one sentence for a person. `facts` are the words that a fix needs (path, user, port, pid,
    setting, ...), all text, also used to tell apart what one check may find (`facts["kind"]`).
    `evidence` are the observations that were looked at.
    """

    check: str
    subject: Ref
    status: Status
    message: str
    facts: Mapping[str, str] = field(default_factory=dict)
    evidence: tuple[Observation, ...] = ()

    @property
    def bad(self) -> bool:
        """True for WARNING and CRITICAL."""
        return self.status >= Status.WARNING


Judge: TypeAlias = Callable[[Seen], Iterable[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question about the world.

    `id` is `topic.property`, the topic being the name of the file it stands in. `needs` are names of
    observations; `judge` is pure and yields at most one finding a subject (and none for what it does not
    concern). `level` 1 to 4 is the lowest level of diagnosis at which its needs are looked at. A check with a
    `purpose` (a word, such as that of the command which asks it) is no part of a diagnosis: it is judged only where
    that purpose is asked for.
    """

    id: str
    title: str
    needs: tuple[str, ...]
    judge: Judge
    level: int = 1
    purpose: str = ""
