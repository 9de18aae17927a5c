"""Objectives as findings, for everybody who reads findings: alerts, diagnosis, people. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import tzinfo

from keepwell.config.objective_model import OF_MINUTES, ObjectiveEntry
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import Ref, node, service
from keepwell.core.words import figure
from keepwell.slo.judge import State
from keepwell.slo.saying import find_common, say_budget, say_common, say_missed
from keepwell.slo.tally import Tally

#: Ids of requests that a finding names, the newest failures.
NAMED_REQUESTS = 5
#: A chance that is rarer than one in this many is not told more exactly.
RAREST = 1_000_000
_PLAIN = re.compile(r"[^a-z0-9_-]+")


def make_finding(state: State, now: float, *, home: str, zone: tzinfo | None = None) -> Finding:
    """The finding `slo.<name>` about what the objective is about; `home` is the node that the gateway runs on.

    Facts: objective, indicator, kind (burn, few, used-up, quiet, kept), severity (page, ticket, none), burn (times of
    what is allowed), left (share of the allowance), replica and outcome where nearly all failures agree, requests.
    """
    return Finding(
        check=f"slo.{slug(state.objective.name)}",
        subject=find_subject(state.objective, home),
        status=state.status,
        message=say_state(state, now, zone),
        facts=dict(_facts(state)),
    )


def find_subject(objective: ObjectiveEntry, home: str) -> Ref:
    """The Ref that it is about: its own, the replica, the route, the node of a folder, or else the gateway."""
    if objective.about:
        return Ref.parse(objective.about)
    if objective.replica:
        return Ref.parse(f"engine:{objective.replica}")
    if objective.route:
        return Ref("route", (objective.route,))
    if objective.indicator in OF_MINUTES:
        return node(home)
    return service(home, "gateway")


def slug(name: str) -> str:
    """A name as it stands in the id of a check."""
    return _PLAIN.sub("-", name.lower()).strip("-") or "objective"


def say_state(state: State, now: float, zone: tzinfo | None) -> str:
    """One or two sentences for a person."""
    budget = say_budget(state.objective, state.budget, now, zone)
    common = say_common(state.failures)
    common = f" ({common})" * bool(common)
    if state.firing:
        rule = state.firing[0]
        tally = next(one.tally for one in state.burns if one.seconds == rule.long_seconds)
        return f"{say_missed(state.objective, tally, rule.long_seconds)}{common}; {budget}"
    if state.told and state.scan is not None:
        found = state.scan
        tally = Tally(found.since, good=found.total - found.bad, bad=found.bad)
        missed = say_missed(state.objective, tally, max(60.0, now - found.since))
        if state.probed:
            missed = missed.replace(" requests ", " requests and probes ", 1)
        return f"{missed}{common}: {_say_chance(found.chance)} where {_say_ratio(found.normal)} is normal; {budget}"
    day = next(one.tally for one in state.burns if one.seconds == 86400.0)
    if not state.budget.events:
        return "nothing was counted yet that this objective is about"
    return f"{say_missed(state.objective, day, 86400.0)}{common * bool(day.bad)}; {budget}"


def _say_chance(chance: float) -> str:
    if chance * RAREST < 1.0:
        return f"less than once in {RAREST:,} times by chance"
    return f"once in {figure(1.0 / chance)} times by chance"


def _say_ratio(ratio: float) -> str:
    return f"{ratio * 100:.3g} %"


def _facts(state: State) -> Iterator[tuple[str, str]]:
    yield "objective", state.objective.name
    yield "indicator", state.objective.indicator
    yield "kind", _kind(state)
    yield "severity", {Status.CRITICAL: "page", Status.WARNING: "ticket"}.get(state.status, "none")
    yield "target", f"{state.objective.target:g}"
    yield "left", f"{state.budget.left:.3f}"
    if state.firing:
        long = next(one for one in state.burns if one.seconds == state.firing[0].long_seconds)
        yield "burn", f"{long.rate:.1f}"
    recent = state.failures[-100:]
    for name, values in (("replica", [one.replica for one in recent]), ("outcome", [one.outcome for one in recent])):
        if find_common(values):
            yield name, find_common(values)
    if recent and recent[-1].request:
        yield "requests", " ".join(str(one.request) for one in recent[-NAMED_REQUESTS:])


def _kind(state: State) -> str:
    if state.firing:
        return "burn"
    if state.told:
        return "few"
    if state.status == Status.WARNING:
        return "used-up"
    if state.thin:
        return "quiet"
    return "kept"
