"""What `smoke`, `guard` and `compare` answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from keepwell.app.operation import COULD_NOT_LOOK
from keepwell.app.report import EXIT_CODES
from keepwell.bench.verdict import Judged
from keepwell.core.finding import Finding, Status
from keepwell.fleet.decisions import Decisions
from keepwell.store.smokes import KeptSmoke, SmokeRow, find_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeReport:
    """The answer of `smoke` and `guard`: every question, the well ones too. `engines` were asked; `does` says what was
    done to their memory; `kept` is the id under which `compare` finds it, "" where it could not be kept (`problem`).
    """

    kind: str
    at: float
    seconds: float
    target: str
    comprehensive: bool
    engines: tuple[str, ...]
    findings: tuple[Finding, ...]
    does: tuple[str, ...] = ()
    kept: str = ""
    problem: str = ""
    decisions: Decisions = field(default_factory=Decisions)

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return f"keepwell.{self.kind}/1"

    @property
    def exit_code(self) -> int:
        """By the worst finding; 3 where nothing was there that could be asked."""
        if not self.engines:
            return COULD_NOT_LOOK
        return EXIT_CODES[max((one.status for one in self.findings), default=Status.OK)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One question in two tests. `state` is better, worse, other (another answer that is as good or bad), new, gone or
    same; statuses are "" where there is none, seconds -1.
    """

    state: str
    check: str
    subject: str
    case: str
    before: str
    after: str
    before_message: str
    after_message: str
    before_seconds: float
    after_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareReport:
    """The answer of `compare`: of two tests every question, what is worse first; of two benchmarks the `verdict` (same,
    regressed, improved, no verdict) and its `measures`. `about` says in what the two are unlike.
    """

    kind: str
    before: str
    after: str
    before_at: float
    after_at: float
    before_seconds: float
    after_seconds: float
    changes: tuple[Change, ...]
    about: tuple[str, ...] = ()
    verdict: str = ""
    measures: tuple[Judged, ...] = ()

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.compare/1"

    @property
    def exit_code(self) -> int:
        """1 where something became worse."""
        return int(self.verdict == "regressed" or any(one.state == "worse" for one in self.changes))


def keep_of(report: SmokeReport, name: str) -> KeptSmoke:
    """The report as it is kept. Pure."""
    return KeptSmoke(
        id=name,
        at=report.at,
        seconds=report.seconds,
        target=report.target,
        kind=report.kind,
        comprehensive=report.comprehensive,
        rows=tuple(rows_of_findings(report.findings, report.decisions)),
    )


def rows_of_findings(findings: Iterable[Finding], decisions: Decisions) -> Iterator[SmokeRow]:
    """A row a finding; what the owner decided on is as well as OK. Pure."""
    settled = [replace(one.finding, status=Status.OK) for one in decisions.decided]
    for one in (*findings, *settled):
        yield SmokeRow(
            check=one.check,
            subject=str(one.subject),
            status=one.status.name.lower(),
            message=one.message,
            seconds=find_seconds(one.facts),
            kind=one.facts.get("kind", ""),
            case=one.facts.get("case", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NightlyReport:
    """The answer of `smoke --nightly`: when a test is made each night ("" for never) by the file at `path` ("" where
    there is none), and what to do, a step a line.
    """

    at: str
    path: str
    steps: tuple[str, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.nightly/1"

    @property
    def exit_code(self) -> int:
        """Always 0: nothing was asked of an engine."""
        return 0
