"""Findings followed over time: pending, firing, well again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from keepwell.alerts.inputs import Inputs, Pin
from keepwell.alerts.rules import FORGET_SECONDS, LONGEST_CLEAR, RELAPSE_SECONDS, Rules
from keepwell.core.finding import Finding, Status
from keepwell.store.alert_state import Condition, Incident, Rest


def key_of(finding: Finding) -> str:
    """What tells a condition from others: its check, its subject, and the series where it is about one of several."""
    return " ".join(one for one in (finding.check, str(finding.subject), finding.facts.get("series", "")) if one)


def follow(
    conditions: Mapping[str, Condition], resting: Mapping[str, Rest], incidents: Mapping[str, Incident], inputs: Inputs
) -> tuple[dict[str, Condition], dict[str, Rest]]:
    """The conditions as they are now, without those that are over, and which of them rest.

    What nobody speaks of stays as it is: after a restart nothing is known yet, and that is no recovery.
    """
    now = inputs.now
    rest = {key: one for key, one in resting.items() if now < one.until}
    heard = _hear(conditions, rest, inputs)
    followed: dict[str, Condition] = {}
    for key, one in heard.items():
        if one.severity is Status.OK and one.well_since:
            continue
        if one.well_since and now - one.well_since >= _clear(one, inputs.rules):
            rest[key] = Rest(until=now + RELAPSE_SECONDS, relapses=one.relapses + 1)
            continue
        if _is_held(one, incidents, inputs):
            followed[key] = _begin_anew(one, now)
        else:
            followed[key] = _ripen(one, now, inputs.rules)
    return followed, rest


def _hear(conditions: Mapping[str, Condition], rest: Mapping[str, Rest], inputs: Inputs) -> dict[str, Condition]:
    """What every source says now, put into the conditions."""
    found = dict(conditions)
    by_source: dict[str, list[str]] = {}
    for key, one in conditions.items():
        by_source.setdefault(one.source, []).append(key)
    for pin in (one for one in inputs.pins if inputs.now - one.at <= FORGET_SECONDS):
        said = dict(_worst_of(pin))
        for key, finding in said.items():
            if finding.bad:
                relapses = rest.get(key, _NEVER).relapses
                found[key] = _worsen(found.get(key), finding, pin, inputs.now, relapses)
        for key in by_source.get(pin.source, ()):
            found[key] = _weigh(found[key], said.get(key), pin, inputs.now)
    for key, one in found.items():
        if not one.well_since and inputs.now - one.heard_at > FORGET_SECONDS:
            found[key] = replace(one, well_since=inputs.now)
    return found


_NEVER = Rest(until=0.0, relapses=0)


def _worst_of(pin: Pin) -> Iterator[tuple[str, Finding]]:
    """Each key once; where a source says two things of one, the worse counts."""
    for finding in sorted(pin.findings, key=_status):
        yield key_of(finding), finding


def _status(finding: Finding) -> int:
    return int(finding.status)


def _worsen(old: Condition | None, finding: Finding, pin: Pin, now: float, relapses: int) -> Condition:
    """The condition of a finding that is not well."""
    if old is None:
        old = Condition(
            check=finding.check,
            subject=str(finding.subject),
            source=pin.source,
            status=finding.status,
            message=finding.message,
            since=now,
            heard_at=pin.at,
            relapses=relapses,
        )
    critical_since = (old.critical_since or now) * (finding.status is Status.CRITICAL)
    return replace(
        old,
        source=pin.source,
        status=finding.status,
        message=finding.message,
        facts=dict(finding.facts),
        heard_at=max(pin.at, old.heard_at),
        critical_since=critical_since,
        well_since=0.0,
    )


def _weigh(one: Condition, finding: Finding | None, pin: Pin, now: float) -> Condition:
    """A condition of this source when the source says that it is well, that it cannot know, or nothing of it."""
    if one.source != pin.source or pin.at <= one.heard_at:
        return one
    if finding is None or finding.status is Status.OK:
        return replace(one, well_since=one.well_since or now)
    if finding.status is Status.UNKNOWN:
        return replace(one, heard_at=pin.at)
    return one


def _clear(one: Condition, rules: Rules) -> float:
    """How long it must be well: longer each time that it came back."""
    return max(rules.clear, min(rules.clear * 2.0**one.relapses, LONGEST_CLEAR))


def _is_held(one: Condition, incidents: Mapping[str, Incident], inputs: Inputs) -> bool:
    """In maintenance nothing new begins; of what people were told before, they are still told the end."""
    if not inputs.tree.covers(inputs.maintained, one.subject):
        return False
    return one.incident not in incidents or incidents[one.incident].told is Status.OK


def _begin_anew(one: Condition, now: float) -> Condition:
    critical_since = now * (one.status is Status.CRITICAL)
    return replace(one, since=now, critical_since=critical_since, severity=Status.OK, incident="")


def _ripen(one: Condition, now: float, rules: Rules) -> Condition:
    """With the severity that its status has by holding for so long; while it is going, that which it had."""
    if one.well_since:
        return one
    if one.critical_since and now - one.critical_since >= rules.hold(Status.CRITICAL):
        return replace(one, severity=Status.CRITICAL)
    if one.severity is not Status.OK or now - one.since >= rules.hold(Status.WARNING):
        return replace(one, severity=Status.WARNING)
    return one
