"""What operations give back: frozen data with a named schema and an exit code. Faces only draw it."""

from __future__ import annotations

from dataclasses import dataclass, field

from keepwell.app.novelty import NewLines
from keepwell.app.unreached import Unreached
from keepwell.core.event import Event
from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import Diagnosis, Hypothesis
from keepwell.core.issue import Issue
from keepwell.core.observation import Missing, unknown
from keepwell.core.ref import Ref
from keepwell.fleet.decisions import Decisions
from keepwell.learning.similar import SimilarIncident

#: Exit codes by the worst status; UNKNOWN alone means that something could not be looked at.
EXIT_CODES: dict[Status, int] = {Status.OK: 0, Status.UNKNOWN: 0, Status.WARNING: 1, Status.CRITICAL: 2}
#: From pasted text alone, a cause this likely counts as critical and any other as a warning.
LIKELY = 0.5
#: A first cause below this is next to impossible: "none of these" is told instead, and `--json` lists it.
WORTH_TELLING = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPicture:
    """A model in memory. `gpu_ratio` is the share of it that lies on the GPU, 0..1 (placement, not load)."""

    name: str
    size_bytes: int
    gpu_ratio: float | Missing
    context_tokens: int
    expires_at: float


#: Why there is no speed below level 4.
UNMEASURED = unknown("not measured: level 4 does")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedPicture:
    """How fast an engine was when level 4 asked: with which model, tokens generated and read per second, seconds to
    the first token; Missing where one was not measured.
    """

    model: str
    output_tokens_per_second: float | Missing
    input_tokens_per_second: float | Missing
    first_token_seconds: float | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePicture:
    """One engine as it stands: where, what, how well, what it holds in memory, how busy and how fast it is."""

    ref: Ref
    title: str
    url: str
    version: str | Missing
    status: Status
    state: str
    supervisor: str
    log: str
    models: int | Missing
    loaded: tuple[LoadedPicture, ...] | Missing
    requests_running: float | Missing
    requests_waiting: float | Missing
    speed: SpeedPicture | Missing = UNMEASURED


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePicture:
    """One GPU or NPU; readings that the device does not give are Missing with the reason."""

    ref: Ref
    name: str
    memory_total_bytes: float | Missing
    memory_used_bytes: float | Missing
    utilisation_ratio: float | Missing
    temperature_celsius: float | Missing
    power_watts: float | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedPicture:
    """One thing that a service depends on: the Ref as text ("" for one that keepwell does not know), the address,
    where that is written, and whether it is reached from the service's place (yes, no, unknown).
    """

    target: str
    url: str
    setting: str
    reach: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePicture:
    """One service beside the engines: where, what, how well, and what it depends on."""

    ref: Ref
    kind: str
    title: str
    url: str
    version: str | Missing
    status: Status
    state: str
    place: str
    declared: bool
    needs: tuple[NeedPicture, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePicture:
    """The node and what lies on it."""

    ref: Ref
    system: str
    cores: int | Missing
    memory_total_bytes: float | Missing
    memory_available_bytes: float | Missing
    devices: tuple[DevicePicture, ...]
    engines: tuple[EnginePicture, ...]
    services: tuple[ServicePicture, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One thing that was looked for: what, where, and what came of it."""

    what: str
    where: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisReport:
    """The answer of `diagnose`: the picture (None when only pasted text was read), findings, ranked causes.

    `lines_read` counts lines of logs and pasted text; `checks_made` counts findings of any status. `decisions` are
    what the owner decided on, which is no trouble; `changes` happened shortly before the first error (before now,
    where no line tells when that was), newest first. `similar` are closed incidents that looked like this. `new_lines`
    are kinds of line that the node's healthy logs never held, or hold more often now.
    """

    at: float
    seconds: float
    level: int
    node: NodePicture | None
    findings: tuple[Finding, ...]
    checks_made: int
    diagnosis: Diagnosis
    looked: tuple[Looked, ...]
    lines_read: int
    decisions: Decisions = field(default_factory=Decisions)
    changes: tuple[Event, ...] = ()
    first_error_at: float | None = None
    similar: tuple[SimilarIncident, ...] = ()
    new_lines: tuple[NewLines, ...] = ()

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.diagnosis/1"

    @property
    def exit_code(self) -> int:
        """By the worst finding, and at least 1 for a likely cause; from text alone by the likeliest cause."""
        likely = any(one.confidence >= LIKELY for one in self.causes)
        if self.node is None:
            return bool(self.causes or self.diagnosis.not_known) + likely
        return max(int(likely), EXIT_CODES[max((one.status for one in self.findings), default=Status.OK)])

    @property
    def causes(self) -> tuple[Hypothesis, ...]:
        """The first cause if it is known and worth telling, and those of other faults, without their rivals."""
        least = max(WORTH_TELLING, bool(self.diagnosis.not_known))
        first = [one for one in self.diagnosis.hypotheses[:1] if one.confidence >= least]
        return tuple(one for one in (*first, *self.diagnosis.also) if not one.decided)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosesReport:
    """The answer of `diagnose` for several nodes: a report of each, and those that could not be looked at."""

    at: float
    seconds: float
    nodes: tuple[DiagnosisReport, ...]
    unreached: tuple[Unreached, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.diagnoses/1"

    @property
    def exit_code(self) -> int:
        """The worst of the nodes; 3 if one could not be looked at."""
        return max([3 * bool(self.unreached), *(one.exit_code for one in self.nodes)])


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The answer of `status`: the picture and what is not well, without causes.

    `nodes` are all that were looked at, `node` the first of them; `unreached` could not be looked at.
    """

    at: float
    seconds: float
    node: NodePicture | None
    findings: tuple[Finding, ...]
    looked: tuple[Looked, ...]
    nodes: tuple[NodePicture, ...] = ()
    unreached: tuple[Unreached, ...] = ()
    decisions: Decisions = field(default_factory=Decisions)

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.status/1"

    @property
    def exit_code(self) -> int:
        """By the worst finding; 3 if a node could not be looked at."""
        worst = max((one.status for one in self.findings), default=Status.OK)
        return max(3 * bool(self.unreached), EXIT_CODES[worst])


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueReport:
    """The answer of `explain`: one known cause, whole."""

    issue: Issue

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.issue/1"

    @property
    def exit_code(self) -> int:
        """Always 0: knowing a cause is no fault."""
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueLine:
    """One line of the catalogue."""

    id: str
    family: str
    title: str
    repair: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueReport:
    """The answer of `issues`: the catalogue, one line a cause."""

    issues: tuple[IssueLine, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.issues/1"

    @property
    def exit_code(self) -> int:
        """Always 0."""
        return 0
