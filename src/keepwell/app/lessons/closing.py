"""What `keepwell incident close` does: the symptoms are looked at again, and what came of it is learned."""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from keepwell.app.diagnosing import parse_age
from keepwell.app.lessons.incident_report import IncidentReport
from keepwell.app.lessons.incidents import find_due, redact_words, require_open
from keepwell.app.lessons.learned import get_learned
from keepwell.app.lessons.teaching import teach
from keepwell.app.looking import look
from keepwell.app.operation import Caller
from keepwell.app.targets import find_target
from keepwell.app.wiring import find_state, reach, wire
from keepwell.core.errors import ConfigurationError, RefusedError
from keepwell.core.finding import Finding, Status
from keepwell.store.incidents import (
    Closing,
    Incident,
    Label,
    Relook,
    Symptom,
    change_incident,
    get_closing,
    list_incidents,
    load_incident,
)

#: Seconds that symptoms have to stay well before a cause counts as confirmed: longer than an engine takes to load a
#: model, and than a supervisor tries to start it again.
SOAK_SECONDS = 900.0
#: A name that an issue file can have.
_CAUSE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What the owner says of the end: the cause, what fixed it, how long it has to stay well ("" the usual time),
    where to look again ("" where it was), whether to take the words alone.
    """

    cause: str
    fixed_by: str = ""
    soak: str = ""
    at: str = ""
    unseen: bool = False


async def close_incident(caller: Caller, name: str, ending: Ending) -> IncidentReport:
    """Look again at what was bad, write down cause and fix, and learn from it as far as that was seen."""
    state = find_state(caller)
    incident = load_incident(state, name)
    require_open(incident)
    cause = check_cause(ending.cause, get_learned(state).catalogue.issues)
    soak = SOAK_SECONDS
    if ending.soak:
        soak = parse_age(ending.soak)
    relook = await _look_again(caller, replace(incident, target=ending.at or incident.target), ending, cause)
    closing = Closing(at=time.time(), cause=cause, fixed_by=redact_words(ending.fixed_by), soak_seconds=soak)
    if relook is not None:
        labels: Mapping[bool, Label] = {True: "well", False: "said"}
        closing = replace(closing, label=labels[relook.well], relooks=(relook,))

    def close(found: Incident) -> Incident:
        require_open(found)
        return replace(found, closing=closing, target=ending.at or found.target)

    closed = change_incident(state, name, close)
    return _told(state, closed, "closed", teach(state, closed))


async def recheck_incident(caller: Caller, name: str) -> IncidentReport:
    """Look at the symptoms of a closed incident once more: after the soak this confirms it, or shows it came back."""
    state = find_state(caller)
    incident = load_incident(state, name)
    closing = get_closing(incident)
    relook = await _look_again(caller, incident, Ending(cause=closing.cause), closing.cause)
    if relook is None:
        raise RefusedError(f"{name} has no symptom that can be looked at again", hint="it was opened from a text")

    def look_back(found: Incident) -> Incident:
        return judge_relook(found, relook)

    changed = change_incident(state, name, look_back)
    return _told(state, changed, "looked-again", teach(state, changed))


async def recheck_due(caller: Caller) -> int:
    """Look again at every incident whose soak is over; how many there were."""
    now = time.time()
    due = [one for one in list_incidents(find_state(caller)).incidents if (find_due(one) or now) < now]
    for one in due:
        await recheck_incident(caller, one.id)
    return len(due)


def judge_relook(incident: Incident, relook: Relook) -> Incident:
    """The incident after one more look: confirmed when symptoms stayed well for the soak, back when they are not well.

    A first well look starts the soak. Pure.
    """
    closing = get_closing(incident)
    relooks = (*closing.relooks, relook)
    label: Label = closing.label
    if not relook.well:
        label = "came-back"
    elif closing.label in ("said", "came-back"):
        label, relooks = "well", (relook,)
    elif closing.label == "well" and relook.at >= closing.relooks[0].at + closing.soak_seconds:
        label = "confirmed"
    return replace(incident, closing=replace(closing, label=label, relooks=relooks))


def symptoms_of(incident: Incident, cause: str) -> tuple[Symptom, ...]:
    """The symptoms that a fix of this cause has to end: those whose checks spoke for it, else all."""
    checks = {check for one in incident.suspects if one.issue == cause for check in one.checks}
    own = tuple(one for one in incident.symptoms if one.check in checks)
    return own or incident.symptoms


def judge_symptoms(symptoms: Sequence[Symptom], findings: Iterable[Finding], at: float) -> Relook:
    """Whether each symptom is well now, in the words of its check. One that no check speaks of is not well. Pure."""
    found: Mapping[tuple[str, str], Finding] = {(one.check, str(one.subject)): one for one in findings}
    said: list[str] = []
    well = True
    for one in symptoms:
        now = found.get((one.check, one.subject))
        if now is None:
            well = False
            said.append(f"{one.check} at {one.subject}: nothing was said of it")
            continue
        well = well and now.status is Status.OK
        said.append(f"{one.check} at {one.subject}: {now.status.name} {now.message}")
    return Relook(at=at, well=well, said=redact_words("\n".join(said)))


def check_cause(cause: str, known: Iterable[str]) -> str:
    """The name of a cause; ConfigurationError with the nearest known one when it cannot be one."""
    names = sorted(known)
    if _CAUSE.fullmatch(cause) and len(cause) <= 64:
        return cause
    near = difflib.get_close_matches(cause, names, n=1)
    hint = "".join(f"did you mean {one}? " for one in near) + "a new one is lower-case words joined by hyphens"
    raise ConfigurationError(f"{cause!r} cannot be the name of a cause", hint=hint)


async def _look_again(caller: Caller, incident: Incident, ending: Ending, cause: str) -> Relook | None:
    """What the checks say of the symptoms now; None where none can be asked again."""
    symptoms = symptoms_of(incident, cause)
    can_look = incident.source == "look" or bool(incident.target)
    if ending.unseen or not symptoms or not can_look:
        return None
    async with wire(caller) as wiring:
        place = find_target(incident.target, wiring.config, wiring.hands.name)
        async with reach(wiring, place) as reached:
            result = await look(wiring, caller, at=reached, level=incident.level)
    return judge_symptoms(symptoms, result.findings, time.time())


def _told(state: Path, incident: Incident, did: str, taught: tuple[str, ...]) -> IncidentReport:
    path = state / "incidents" / f"{incident.id}.json"
    following = ""
    due = find_due(incident)
    if due is not None:
        when = time.strftime("%H:%M", time.localtime(due))
        following = (
            f"keepwell incident close {incident.id} --recheck   (from {when} on: if it is still well, it counts)"
        )
    return IncidentReport(incident=incident, did=did, path=str(path), next=following, taught=taught)
