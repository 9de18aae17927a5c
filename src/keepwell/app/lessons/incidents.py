"""What `keepwell incident` does before the close: open, note, list, show."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from keepwell.app.catalogue import get_follow_ups
from keepwell.app.collecting import Wanted, collect
from keepwell.app.lessons.incident_report import IncidentLine, IncidentReport, IncidentsReport
from keepwell.app.lessons.learned import add_learned, get_learned
from keepwell.app.lessons.teaching import catch_up
from keepwell.app.looking import expect, remember_look
from keepwell.app.operation import Caller
from keepwell.app.reading import open_text
from keepwell.app.replaying import survey_bundle
from keepwell.app.targets import find_target
from keepwell.app.wiring import Wiring, find_state, reach, wire
from keepwell.core.errors import ConfigurationError, RefusedError
from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import Diagnosis, Hypothesis
from keepwell.diagnose.diagnosis import diagnose
from keepwell.diagnose.pasted import diagnose_pasted
from keepwell.learning.gist import gist_of, gist_of_text
from keepwell.learning.weights import key_of
from keepwell.redact import Redactor, learn_people
from keepwell.store.incidents import (
    TEXT_BYTES,
    WORDS_CHARS,
    Incident,
    Note,
    Place,
    Source,
    Suspect,
    Symptom,
    add_incident,
    add_note,
    change_incident,
    list_incidents,
    load_evidence,
    load_incident,
    make_incident_id,
)
from keepwell.survey.survey import SurveyResult
from keepwell.transport.recorded.bundle import open_bundle

#: Level at which an incident looks: engines, network, GPUs, disks; nothing is loaded.
LEVEL = 2
#: Causes that a record keeps, likeliest first.
SUSPECTS = 40
#: What stands where the middle of a long text was left out.
CUT = b"\n[...]\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What an incident is opened from: words, a file of evidence, a bundle, or a node to look at ("" this machine)."""

    what: str = ""
    evidence: str = ""
    bundle: str = ""
    at: str = ""
    level: int = LEVEL


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen, however: evidence as it is kept, diagnosis, findings, gist, and where it was."""

    evidence: bytes
    diagnosis: Diagnosis
    findings: tuple[Finding, ...]
    gist: str
    source: Source = "text"
    node: str = ""
    level: int = 0


async def open_incident(caller: Caller, wish: Opening) -> IncidentReport:
    """Look (or read what was given), keep it redacted with the diagnosis of the hour, and give the incident its id."""
    if wish.evidence and wish.bundle:
        raise ConfigurationError("an incident is opened from a text or from a bundle, not from both")
    state = find_state(caller)
    if wish.evidence:
        seen = _read_text(caller, wish.evidence, state)
    elif wish.bundle:
        seen = await _read_bundle(Path(wish.bundle), state)
    else:
        seen = await _look(caller, wish, state)
    learned = get_learned(state)
    diagnosis = add_learned(seen.diagnosis, seen.gist, learned)
    now = time.time()
    incident = Incident(
        id=make_incident_id(now),
        what=redact_words(wish.what) or _headline(diagnosis, seen.findings),
        opened_at=now,
        source=seen.source,
        node=seen.node,
        target=wish.at,
        level=seen.level,
        symptoms=tuple(_symptoms(seen.findings)),
        suspects=tuple(suspects_of(diagnosis)),
        unknown=diagnosis.unknown,
        checks=tuple(sorted({one.check for one in seen.findings if one.status is not Status.UNKNOWN})),
        gist=redact_words(seen.gist, len(seen.gist)),
    )
    add_incident(state, incident, seen.evidence)
    return _report(state, incident, "opened", f"keepwell incident close {incident.id} --cause CAUSE --fixed-by WHAT")


def note_incident(caller: Caller, name: str, text: str, *, checked: bool) -> IncidentReport:
    """Write down what was seen or done."""
    if not text.strip():
        raise ConfigurationError("a note needs words", hint='keepwell incident note ID "what you saw"')
    state = find_state(caller)
    note = Note(at=time.time(), text=redact_words(text), checked=checked)

    def add(incident: Incident) -> Incident:
        return add_note(incident, note)

    return _report(state, change_incident(state, name, add), "noted")


def show_incident(caller: Caller, name: str) -> IncidentReport:
    """One incident whole."""
    state = find_state(caller)
    incident = load_incident(state, name)
    text = ""
    if incident.source == "text":
        text = load_evidence(state, incident).decode("utf-8", "replace")
    return replace(_report(state, incident, "shown"), evidence=text)


def list_all(caller: Caller) -> IncidentsReport:
    """All incidents, newest first."""
    state = find_state(caller)
    catch_up(state)
    archive = list_incidents(state)
    return IncidentsReport(incidents=tuple(line_of(one) for one in archive.incidents), problems=archive.problems)


def line_of(incident: Incident) -> IncidentLine:
    """One line of the list."""
    closing = incident.closing
    if closing is None:
        return IncidentLine(
            id=incident.id, what=incident.what, opened_at=incident.opened_at, state="open", cause="", fixed_by=""
        )
    return IncidentLine(
        id=incident.id,
        what=incident.what,
        opened_at=incident.opened_at,
        state=closing.label,
        cause=closing.cause,
        fixed_by=closing.fixed_by,
        due_at=find_due(incident),
    )


def find_due(incident: Incident) -> float | None:
    """From when a second look at its symptoms would confirm an incident; None if none is awaited."""
    closing = incident.closing
    if closing is None or closing.label != "well":
        return None
    return closing.relooks[0].at + closing.soak_seconds


def redact_words(text: str, most: int = WORDS_CHARS) -> str:
    """What a person wrote, without secrets and the names of people, within its length."""
    data = text.strip()[:most].encode("utf-8", "replace")
    return Redactor(learn_people([data])).redact(data).decode("utf-8", "replace")


def suspects_of(diagnosis: Diagnosis) -> Iterator[Suspect]:
    """The causes of a diagnosis as a record keeps them."""
    rows: tuple[tuple[Place, tuple[Hypothesis, ...]], ...] = (
        ("ranked", diagnosis.hypotheses[:SUSPECTS]),
        ("also", diagnosis.also[:SUSPECTS]),
        ("ruled-out", diagnosis.ruled_out[:SUSPECTS]),
    )
    for place, hypotheses in rows:
        for one in hypotheses:
            yield Suspect(
                issue=one.issue,
                confidence=one.confidence,
                place=place,
                spoke_for=tuple(dict.fromkeys(key_of(part.evidence) for part in one.supporting)),
                spoke_against=tuple(dict.fromkeys(key_of(part.evidence) for part in one.contradicting)),
                checks=tuple(dict.fromkeys(part.evidence.check for part in one.supporting if part.evidence.check)),
            )


def _read_text(caller: Caller, path: str, state: Path) -> _Seen:
    """A pasted text, redacted, of a long one its beginning and its end."""
    with open_text(caller, path) as source:
        head, tail = b"", b""
        for chunk in source.chunks():
            room = TEXT_BYTES // 4 - len(head)
            head += chunk[: max(0, room)]
            tail = (tail + chunk[max(0, room) :])[-TEXT_BYTES // 4 :]
    text = b"".join([head, CUT * (len(tail) >= TEXT_BYTES // 4), tail])
    if not text.strip():
        raise ConfigurationError("the evidence is empty", where=path)
    redacted = Redactor(learn_people([text])).redact(text, "evidence")
    found = diagnose_pasted(path, (redacted,), get_learned(state).catalogue, get_follow_ups())
    return _Seen(redacted[:TEXT_BYTES], found, (), gist_of_text(redacted.decode("utf-8", "replace")))


async def _read_bundle(path: Path, state: Path) -> _Seen:
    bundle = open_bundle(path)
    result = await survey_bundle(bundle)
    content = path.read_bytes()
    return replace(
        _seen(content, result, state), source="bundle", node=bundle.manifest.node, level=bundle.manifest.level
    )


async def _look(caller: Caller, wish: Opening, state: Path) -> _Seen:
    async with wire(caller) as wiring:
        place = find_target(wish.at, wiring.config, wiring.hands.name)
        if place.bundle is not None:
            raise ConfigurationError(f"{wish.at} is a bundle", hint="keepwell incident open --bundle FILE")
        async with reach(wiring, place) as reached:
            wanted = _wanted(wiring, reached.transport.name, wish.level)
            got = await collect(reached.transport, reached.clock, wanted, caller.progress)
            remember_look(wiring, got.result)
    return replace(_seen(got.archive, got.result, state), source="look", node=got.manifest.node, level=wish.level)


def _wanted(wiring: Wiring, node: str, level: int) -> Wanted:
    return Wanted(
        level=level,
        since_seconds=wiring.config.diagnose.since_seconds,
        origins=tuple(wiring.config.diagnose.expect_origin),
        expected=expect(wiring, node),
    )


def _seen(archive: bytes, result: SurveyResult, state: Path) -> _Seen:
    findings = tuple(result.findings)
    found = diagnose(result.seen, findings, (), get_learned(state).catalogue, get_follow_ups())
    return _Seen(archive, found, findings, gist_of(result.seen, findings))


def _symptoms(findings: Iterable[Finding]) -> Iterator[Symptom]:
    for one in findings:
        if one.bad:
            yield Symptom(check=one.check, subject=str(one.subject), message=redact_words(one.message))


def _headline(diagnosis: Diagnosis, findings: tuple[Finding, ...]) -> str:
    """What an incident is called that nobody named."""
    bad = [redact_words(one.message) for one in findings if one.bad]
    return [*bad, *(one.title for one in diagnosis.hypotheses), "something is wrong"][0]


def _report(state: Path, incident: Incident, did: str, following: str = "") -> IncidentReport:
    path = state / "incidents" / f"{incident.id}.json"
    return IncidentReport(incident=incident, did=did, path=str(path), next=following)


def require_open(incident: Incident) -> None:
    """RefusedError for one that was closed."""
    if incident.closing is not None and incident.closing.label != "came-back":
        raise RefusedError(
            f"{incident.id} was closed already", hint=f"keepwell incident close {incident.id} --recheck looks again"
        )
