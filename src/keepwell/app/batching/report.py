"""What the commands of batches give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keepwell.app.operation import COULD_NOT_LOOK
from keepwell.core.observation import Missing, unknown

#: Why there is no end to tell.
UNTOLD = unknown("too little was done to tell")
#: Why the energy of a run that ended is not known.
UNCOUNTED = unknown("what earlier runs used was not kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFigures:
    """A job: counts of all its runs; seconds, rate and joules of this one. `state` is running, done, stopped, until,
    budget, unreachable, or died (its runner was killed; the same command goes on).
    """

    id: str
    state: str
    output: str
    errors: str
    total: int
    done: int
    answered: int
    troubles: Mapping[str, int]
    input_tokens: int
    output_tokens: int
    done_here: int = 0
    seconds: float = 0.0
    rate: float | Missing = UNTOLD
    joules: float | Missing = UNCOUNTED
    at_a_time: int = 0
    why: str = ""
    command: str = ""
    created_at: float = 0.0
    renewed_at: float = 0.0
    manifest: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReport:
    """One job; exit code 0 where all is answered, 1 where some are errors or are left, 3 where nobody answered."""

    batch: BatchFigures
    next: str = ""
    schema: str = "keepwell.batch/1"

    @property
    def exit_code(self) -> int:
        """See the class."""
        if self.batch.state == "unreachable":
            return COULD_NOT_LOOK
        return int(self.batch.answered < self.batch.total or self.batch.state not in ("done", "running"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlanReport:
    """What a run would ask: of whom, how many lines, the first request; and lines that cannot be read."""

    target: str
    total: int
    path: str
    first: str
    bad: tuple[str, ...]
    bad_lines: int
    schema: str = "keepwell.batch-plan/1"

    @property
    def exit_code(self) -> int:
        """1 where lines are bad."""
        return int(self.bad_lines > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A figure of the whole, and within what 19 of 20 such samples would have it."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRow:
    """A line that was asked, and what came of it: the beginnings of both."""

    number: int
    custom_id: str
    asked: str
    answer: str
    trouble: str
    seconds: float
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSampleReport:
    """Lines that were asked, spread over the input, and what all would take, `together` at a time as these were."""

    target: str
    total: int
    rows: tuple[SampleRow, ...]
    answered: int
    seconds: Expected | Missing
    input_tokens: Expected | Missing
    output_tokens: Expected | Missing
    together: float
    ended: str = ""
    why: str = ""
    schema: str = "keepwell.batch-sample/1"

    @property
    def exit_code(self) -> int:
        """0 where all of them are answered, 1 where not, 3 where nobody answered."""
        if self.ended == "unreachable":
            return COULD_NOT_LOOK
        return int(self.answered < len(self.rows) or not self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchesReport:
    """Jobs, newest first; `problems` are journals that cannot be read."""

    batches: tuple[BatchFigures, ...]
    problems: tuple[str, ...] = ()
    schema: str = "keepwell.batches/1"

    @property
    def exit_code(self) -> int:
        """0, or 1 where a journal cannot be read."""
        return int(bool(self.problems))
