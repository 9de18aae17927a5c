"""What the repair operations give back."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.app.desired.report import NodeDrift
from keepwell.app.operation import COULD_NOT_LOOK
from keepwell.app.unreached import Unreached
from keepwell.config.model import DecisionEntry
from keepwell.conform.desired.sources import Revision
from keepwell.conform.execute import Outcome
from keepwell.core.finding import Finding
from keepwell.core.run import Item
from keepwell.core.step import Plan
from keepwell.fleet.decisions import Decided

#: Exit code of each outcome: well and undone are well, a check that stays bad and a failed change are critical,
#: and what somebody stopped is not yet what it ought to be.
_EXIT_CODES = {"well": 0, "undone": 0, "stopped": 1, "not-well": 2, "failed": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """A plan that is kept under an id; `issue` is the cause that asked for it, or ""."""

    id: str
    issue: str
    finding: Finding
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPlan:
    """A plan that was not kept, since it would change what a decision of the owner protects."""

    issue: str
    finding: Finding
    plan: Plan
    decision: DecisionEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """The answer of `plan`: plans that can be applied, those that the owner's word forbids, the findings that are
    bad now, and those that are decided.

    Of what is wished of nodes: `nodes` with the wishes that no plan fulfils, those that could not be looked at, and the
    commits that files come from.
    """

    planned: tuple[PlannedRun, ...]
    findings: tuple[Finding, ...]
    asked_for: str
    refused: tuple[RefusedPlan, ...] = ()
    decided: tuple[Decided, ...] = ()
    nodes: tuple[NodeDrift, ...] = ()
    unreached: tuple[Unreached, ...] = ()
    revisions: tuple[Revision, ...] = ()

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.plan/1"

    @property
    def exit_code(self) -> int:
        """0 when nothing is to do, 1 when a plan waits, 3 when a node could not be looked at."""
        if self.unreached:
            return COULD_NOT_LOOK
        return int(bool(self.planned))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """The answer of `apply` and `undo`: what came of the run, and how each of its items stands."""

    id: str
    plan: Plan
    outcome: Outcome
    items: tuple[Item, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.run/1"

    @property
    def exit_code(self) -> int:
        """0 when it is well or undone, 1 when it was stopped, 2 when it is not well."""
        return _EXIT_CODES[self.outcome.state]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A run that could not be worked on, why, and what to do."""

    run: str
    what: str
    where: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledReport:
    """The answer of `apply` of several runs: those that were carried out, in their order; the one that could not be
    worked on (None: every one could), and those that nobody began since one before them was not well.
    """

    runs: tuple[RunReport, ...]
    stopped_by: Stop | None = None
    left: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.rolled/1"

    @property
    def exit_code(self) -> int:
        """That of the worst run; 2 where one could not be worked on."""
        codes = [one.exit_code for one in self.runs]
        return max([0, *codes, 2 * (self.stopped_by is not None)])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run in the list."""

    id: str
    kind: str
    state: str
    created_at: float
    what: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsReport:
    """The answer of `runs`: every run that is kept, newest first."""

    runs: tuple[RunLine, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.runs/1"

    @property
    def exit_code(self) -> int:
        """Always 0."""
        return 0
