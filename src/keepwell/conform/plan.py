"""From findings and causes to plans: which step can mend what, and the plan that it makes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Finding
from keepwell.core.hypothesis import Hypothesis
from keepwell.core.observation import Seen
from keepwell.core.step import Plan
from keepwell.plugins.registry import load, names
from keepwell.plugins.step import Step, Wants


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One finding and the step that can mend it; `issue` is the cause that named the step, or ""."""

    step: str
    finding: Finding
    issue: str = ""

    @property
    def key(self) -> str:
        """What tells this repair from others: step, check and subject."""
        return f"{self.step} {self.finding.check} {self.finding.subject}"


def find_repairs(findings: Iterable[Finding], hypotheses: Iterable[Hypothesis] = ()) -> tuple[Repair, ...]:
    """What can be mended: the bad findings of the likeliest cause first, then other bad findings that a step mends."""
    bad = [finding for finding in findings if finding.bad]
    found: dict[str, Repair] = {}
    for cause in hypotheses:
        for finding in bad:
            if _concerns(cause, finding):
                one = Repair(step=cause.repair, finding=finding, issue=cause.issue)
                found.setdefault(one.key, one)
    for finding in bad:
        for name, step in _steps():
            if finding.check in step.mends:
                one = Repair(step=name, finding=finding)
                found.setdefault(one.key, one)
    return tuple(found.values())


def get_step(name: str) -> Step:
    """The step of this name; ConfigurationError if there is none that mends a finding."""
    step = load("steps", name)
    if not isinstance(step, Step):
        raise ConfigurationError(f"the step {name} mends no finding")
    return step


def _steps() -> Iterator[tuple[str, Step]]:
    """Those that mend findings; others keep wishes."""
    for name in names("steps"):
        step = load("steps", name)
        if isinstance(step, Step):
            yield name, step


def wants(repair: Repair, seen: Seen) -> Wants:
    """What must be looked at freshly before `make_plan`."""
    return get_step(repair.step).wants(repair.finding, seen)


def make_plan(repair: Repair, seen: Seen) -> Plan | None:
    """The step's plan: without changes when nothing is to do, None when it cannot mend this."""
    return get_step(repair.step).plan(repair.finding, seen)


def _concerns(cause: Hypothesis, finding: Finding) -> bool:
    if not cause.repair or cause.repair not in names("steps"):
        return False
    same_place = cause.subject is None or cause.subject == finding.subject
    return same_place and finding.check in get_step(cause.repair).mends
