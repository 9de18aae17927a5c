"""Messages for people and for programs, from what is to be told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from keepwell.alerts.telling import Item, Telling
from keepwell.core.finding import Status
from keepwell.core.ref import Ref
from keepwell.core.words import clean, share, span
from keepwell.plugins.notifier import Notice, Severity
from keepwell.store.alert_state import Explanation, Incident

#: Characters of a title: what a telephone shows without being opened.
TITLE_CHARS = 120
#: Incidents told of in one message, and things named that one affects; of more, how many there are.
INCIDENTS, AFFECTED = 10, 8
#: Commands of one fix that are told.
COMMANDS = 5

_LEADS = {"new": "", "more": "Now: ", "again": "Still: ", "over": "Well again: ", "past": "Was critical: "}
_SEVERITIES: dict[Status, Severity] = {Status.WARNING: "warning", Status.CRITICAL: "critical"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message for one outlet, the incidents that it tells of, and whether it says that they are over."""

    notice: Notice
    incidents: tuple[str, ...]
    recovery: bool


def render_telling(telling: Telling, now: float, zone: tzinfo | None, *, least: Status = Status.WARNING) -> Told | None:
    """The message for an outlet that wants to know of what is at least so bad; None if nothing in it is."""
    items = sorted((one for one in telling.items if one.severity >= least), key=_rank)
    if not items:
        return None
    first = items[0]
    body = "\n\n".join("\n".join(_lines(one, now, zone, alone=len(items) == 1)) for one in items[:INCIDENTS])
    if len(items) > INCIDENTS:
        body += f"\n\nand {len(items) - INCIDENTS} more: keepwell alerts list"
    title = _title(first)
    if len(items) > 1:
        title = f"{len(items)} things: {title}"
    severity = _SEVERITIES.get(first.severity, "warning")
    if telling.recovery:
        severity = "resolved"
    incident = first.incident
    notice = Notice(
        id=incident.id,
        title=clean(title, TITLE_CHARS),
        body=body,
        severity=severity,
        began_at=incident.began_at,
        ended_at=incident.ended_at,
        labels=_labels(incident, first.severity),
        annotations=_annotations(incident, first.affected),
    )
    return Told(notice=notice, incidents=tuple(one.incident.id for one in items), recovery=telling.recovery)


def render_for_programs(incident: Incident, affected: Sequence[str]) -> Notice:
    """One incident as it is, for a program that is told again and again and does its own telling of people."""
    severity: Severity = _SEVERITIES.get(incident.worst, "warning")
    if incident.ended_at:
        severity = "resolved"
    return Notice(
        id=incident.id,
        title=clean(incident.message, TITLE_CHARS),
        body=clean(incident.message),
        severity=severity,
        began_at=incident.began_at,
        ended_at=incident.ended_at,
        labels=_labels(incident, max(incident.most, incident.worst)),
        annotations=_annotations(incident, affected),
    )


def render_test(name: str, now: float) -> Notice:
    """What `keepwell alerts test` sends."""
    return Notice(
        id="test",
        title="keepwell: a test",
        body=f"This is a test of {clean(name)}. Alerts of keepwell would come here.",
        severity="test",
        began_at=now,
        labels={"alertname": "keepwell test", "severity": "test"},
    )


def _rank(item: Item) -> tuple[int, float, str]:
    return -int(item.severity), item.incident.began_at, item.incident.id


def _title(item: Item) -> str:
    return _LEADS[item.why] + clean(item.incident.message, TITLE_CHARS)


def _lines(item: Item, now: float, zone: tzinfo | None, *, alone: bool) -> Iterator[str]:
    """One incident in words. Alone in its message its first line is the title already."""
    one = item.incident
    if not alone or len(one.message) > TITLE_CHARS:
        yield _LEADS[item.why] + clean(one.message)
    yield f"{clean(one.subject)}, {_when(one, now, zone)}"
    if item.affected:
        yield f"{len(item.affected)} affected: {_names(item.affected)}"
    elif len(one.keys) > 1 and one.ended_at:
        yield f"with it {len(one.keys) - 1} that depended on it or came with it"
    if one.ended_at:
        return
    yield from _explained(one.explanation, one.subject)
    yield f"You know? keepwell alerts ack {one.id}"


def _when(one: Incident, now: float, zone: tzinfo | None) -> str:
    if one.ended_at:
        lasted = span(max(one.ended_at - one.began_at, 0.0))
        return f"{_clock(one.began_at, zone)} to {_clock(one.ended_at, zone)} ({lasted})"
    word = {Status.CRITICAL: "critical"}.get(one.worst, "warning")
    return f"{word} since {_clock(one.began_at, zone)} ({span(max(now - one.began_at, 0.0))})"


def _clock(at: float, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(at, zone).strftime("%a %d %b %H:%M:%S")


def _names(subjects: Iterable[str]) -> str:
    known = list(subjects)
    names = ", ".join(clean(one, 80) for one in known[:AFFECTED])
    if len(known) > AFFECTED:
        return f"{names} and {len(known) - AFFECTED} more"
    return names


def _explained(explanation: Explanation | None, subject: str) -> Iterator[str]:
    """What is known of the cause, or how to look."""
    if explanation is None or not (explanation.issue or explanation.commands):
        why_not = explanation and explanation.why_not
        if why_not:
            yield f"The cause could not be looked for: {clean(why_not)}"
        yield f"Why? {look_command(subject)}"
        return
    if explanation.issue:
        yield f"Likely cause ({share(explanation.confidence)}): {clean(explanation.title)}"
    if explanation.fix:
        yield f"Fix: {clean(explanation.fix)}"
    yield from (f"  {clean(one, 1000)}" for one in explanation.commands[:COMMANDS])
    if explanation.issue:
        yield f"More: keepwell explain {explanation.issue}"


def look_command(subject: str) -> str:
    """The command that looks for causes of what is wrong with this subject."""
    return f"keepwell diagnose {Ref.parse(subject).node}".rstrip()


def _labels(one: Incident, severity: Status) -> dict[str, str]:
    ref = Ref.parse(one.subject)
    labels = {
        "alertname": one.check,
        "severity": _SEVERITIES.get(severity, "warning"),
        "subject": one.subject,
        "node": ref.node,
        "incident": one.id,
    }
    return {name: clean(text) for name, text in labels.items() if text}


def _annotations(one: Incident, affected: Sequence[str]) -> dict[str, str]:
    found = {"summary": clean(one.message), "look": look_command(one.subject)}
    if affected:
        found["affected"] = f"{len(affected)}: {_names(affected)}"
    explanation = one.explanation
    if explanation is not None and explanation.issue:
        found |= {"cause": clean(explanation.title), "issue": explanation.issue, "fix": clean(explanation.fix)}
        found["command"] = "\n".join(clean(each, 1000) for each in explanation.commands[:COMMANDS])
    return {name: text for name, text in found.items() if text}
