"""What `keepwell learned` gives back."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.learning.weights import Move


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonRow:
    """One lesson: from which incident, when, how good, whence; `worth` is how many confirmed incidents of today it
    counts for. `moves` is what it moves by itself.
    """

    id: str
    at: float
    cause: str
    strength: str
    origin: str
    worth: float
    fixed_by: str
    undone_at: float
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorMove:
    """The share of incidents of a cause, in the catalogue and after what happened here."""

    issue: str
    before: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRow:
    """A cause that only closed incidents know; `counts` once it was confirmed often enough. `file` may be edited."""

    cause: str
    title: str
    confirmations: float
    counts: bool
    incidents: tuple[str, ...]
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedReport:
    """The answer of `learned`: lessons newest first, how all of them together moved weights and priors, drafts, what
    cannot be used, and what was done (a sentence, or "").
    """

    lessons: tuple[LessonRow, ...]
    moves: tuple[Move, ...]
    priors: tuple[PriorMove, ...]
    drafts: tuple[DraftRow, ...]
    problems: tuple[str, ...] = ()
    did: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.learned/1"

    @property
    def exit_code(self) -> int:
        """1 when something cannot be used, else 0."""
        return int(bool(self.problems))
