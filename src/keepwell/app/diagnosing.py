"""From a look at the world, or from a text, to the report of `diagnose` and `status`."""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from keepwell.app.catalogue import get_catalogue, get_follow_ups
from keepwell.app.fleet import make_status
from keepwell.app.lessons.learned import add_learned, entries_of, get_learned, list_closed, similar_to
from keepwell.app.looked import list_looked
from keepwell.app.looking import look
from keepwell.app.nodes import NODE_SECONDS, ask_all
from keepwell.app.novelty import NewLines, find_novelty, note_lines
from keepwell.app.operation import Caller, silent
from keepwell.app.picture import picture_node
from keepwell.app.reading import CHUNK_BYTES, Head, open_text
from keepwell.app.report import DiagnosesReport, DiagnosisReport, StatusReport
from keepwell.app.targets import Target, find_targets
from keepwell.app.told import collect_events, find_suspects
from keepwell.app.unreached import Unreached
from keepwell.app.wiring import Reached, Wiring, find_state, reach, wire
from keepwell.app.word import hear, judge_with_word, mark_decided
from keepwell.core.errors import ConfigurationError
from keepwell.core.event import Event
from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import Diagnosis
from keepwell.core.ref import Ref, node
from keepwell.core.values import row_of, text_of
from keepwell.diagnose.batch import answer_all
from keepwell.diagnose.pasted import diagnose_pasted
from keepwell.fleet.decisions import Decisions
from keepwell.learning.gist import gist_of, gist_of_text
from keepwell.plugins.probe import Asked
from keepwell.survey.survey import SurveyResult
from keepwell.survey.timetable import Consent, ask_first, load_probes
from keepwell.timeline.merge import Timeline
from keepwell.timeline.relate import find_first_error

_AGE = re.compile(r"(\d+)\s*([smhd])\Z")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How deep to look: the level, how far back logs are read (0: as configured), whether models may be loaded."""

    level: int
    since_seconds: float = 0.0
    consent: Consent = False


def make_depth(caller: Caller, *, level: int, since: str, yes: bool) -> Depth:
    """What was asked for. Before a level that does more than look the owner is asked, unless `yes` says it all.

    Raises ConfigurationError when `since` is no length of time.
    """
    seconds = 0.0
    if since:
        seconds = parse_age(since)
    questions = ask_first(level)
    agreed = yes or bool(questions and caller.agree([_question(one) for one in questions]))
    return Depth(level=level, since_seconds=seconds, consent=agreed)


def _question(asked: Asked) -> str:
    """What a probe will do and how long it takes, in one line."""
    each = {"engine": " at each engine", "node": ""}[asked.about]
    return f"{asked.does} (about {asked.seconds:g} s{each})"


async def diagnose_targets(caller: Caller, words: Sequence[str], depth: Depth) -> DiagnosisReport | DiagnosesReport:
    """Look at one place, or at several at once, and rank the causes of what is not well at each.

    One place gives its report, or the error that kept it from being looked at; several give one report of all,
    in which those that could not be reached are named.
    """
    began = time.monotonic()
    async with wire(caller) as wiring:
        targets = find_targets(words, wiring.config, wiring.hands.name)
        if len(targets) == 1:
            return (await examine(wiring, caller, depth, targets[0]))[0]
        quiet = replace(caller, progress=silent)
        answers = await ask_all(
            targets,
            partial(reach, wiring),
            partial(_diagnose, wiring, quiet, depth),
            caller.progress,
            node_seconds=NODE_SECONDS[depth.level],
        )
    return DiagnosesReport(
        at=time.time(),
        seconds=time.monotonic() - began,
        nodes=tuple(one for one in answers if isinstance(one, DiagnosisReport)),
        unreached=tuple(one for one in answers if isinstance(one, Unreached)),
    )


async def diagnose_here(caller: Caller, *, level: int) -> DiagnosisReport:
    """Look at this machine and rank the causes of what is not well."""
    async with wire(caller) as wiring:
        return (await examine(wiring, caller, Depth(level=level), Target(name=wiring.hands.name)))[0]


async def _diagnose(wiring: Wiring, caller: Caller, depth: Depth, place: Reached) -> DiagnosisReport:
    return (await _examine(wiring, caller, depth, place))[0]


async def examine(wiring: Wiring, caller: Caller, depth: Depth, target: Target) -> tuple[DiagnosisReport, Timeline]:
    """Look at one place: the causes of what is not well, and everything that is known to have happened there."""
    async with reach(wiring, target) as place:
        return await _examine(wiring, caller, depth, place)


async def _examine(wiring: Wiring, caller: Caller, depth: Depth, place: Reached) -> tuple[DiagnosisReport, Timeline]:
    result = await look(
        wiring, caller, at=place, level=depth.level, since_seconds=depth.since_seconds, consent=depth.consent
    )
    now = place.clock.now()
    timeline = collect_events(wiring, result, now, recorded=place.recorded)
    caller.progress("weighing the evidence", 1, 1)
    judged = judge_with_word(
        wiring.config,
        result.seen,
        result.findings,
        now,
        costs=_costs(depth.level),
        events=timeline.events,
        learned=get_learned(wiring.state),
    )
    checks = {one.check for one in result.findings if one.status is not Status.UNKNOWN}
    news = _note_lines(wiring, place, result, judged.diagnosis, timeline.events)
    report = DiagnosisReport(
        at=time.time(),
        seconds=result.seconds,
        level=depth.level,
        node=mark_decided(picture_node(_node(result), result.seen, judged.findings, _titles(result)), judged.decisions),
        findings=_worth_telling((*judged.findings, *find_novelty(news, judged.diagnosis))),
        checks_made=len(result.findings),
        diagnosis=judged.diagnosis,
        looked=list_looked(_node(result), result.seen, result.discovery.answers),
        lines_read=judged.diagnosis.lines_read,
        decisions=judged.decisions,
        changes=find_suspects(timeline, judged.diagnosis, now),
        first_error_at=find_first_error(judged.diagnosis),
        new_lines=news,
        similar=similar_to(list_closed(wiring.state), gist_of(result.seen, judged.findings), checks),
    )
    return report, timeline


def _note_lines(
    wiring: Wiring, place: Reached, result: SurveyResult, diagnosis: Diagnosis, events: Sequence[Event]
) -> tuple[NewLines, ...]:
    """What is new in the logs of a node that is looked at itself; a recorded one is not what was learned here."""
    if place.recorded:
        return ()
    return note_lines(wiring.state, result.seen, _node(result), diagnosis, events, now=place.clock.now())


async def look_at_status(caller: Caller, words: Sequence[str], *, level: int) -> StatusReport:
    """Look at one place, or at several at once, without asking why. One that cannot be reached alone is an error."""
    began = time.monotonic()
    async with wire(caller) as wiring:
        targets = find_targets(words, wiring.config, wiring.hands.name)
        if len(targets) == 1:
            async with reach(wiring, targets[0]) as place:
                answers: list[_Heard | Unreached] = [await _hear(wiring, caller, level, place)]
        else:
            hear_at = partial(_hear, wiring, replace(caller, progress=silent), level)
            answers = await ask_all(targets, partial(reach, wiring), hear_at, caller.progress)
    heard = [one for one in answers if isinstance(one, _Heard)]
    return make_status(
        [one.result for one in heard],
        [one for one in answers if isinstance(one, Unreached)],
        decisions=[one.decisions for one in heard],
        at=time.time(),
        seconds=time.monotonic() - began,
    )


@dataclass(frozen=True, slots=True)
class _Heard:
    """A look with the findings that the owner's decisions leave open, and those decisions."""

    result: SurveyResult
    decisions: Decisions


async def _hear(wiring: Wiring, caller: Caller, level: int, place: Reached) -> _Heard:
    result = await look(wiring, caller, at=place, level=level)
    word = hear(wiring.config, result.seen, result.findings, place.clock.now())
    return _Heard(replace(result, findings=word.open), word.decisions)


def diagnose_file(caller: Caller, path: str) -> DiagnosisReport:
    """Say what a log or pasted text means; it is streamed, so that its size does not matter."""
    with open_text(caller, path) as source:
        return _diagnose_chunks(path, source.chunks(), find_state(caller))


def diagnose_text(text: str, caller: Caller | None = None) -> DiagnosisReport:
    """Say what these lines mean."""
    return _diagnose_chunks("text", (text.encode("utf-8", "replace"),), find_state(caller or Caller()))


def answer_lines(caller: Caller, path: str) -> DiagnosisReport | None:
    """Answer each {"id", "evidence"} line with one JSON line, and give no report beside them.

    Raises ConfigurationError for a line that is none.
    """
    with open_text(caller, path) as source:
        lines = io.TextIOWrapper(io.BufferedReader(source, CHUNK_BYTES), "utf-8", "replace")
        code = answer_all(lines, sys.stdout, get_catalogue(find_state(caller)))
    if code:
        raise ConfigurationError("the input holds a line that is no such JSON object", where=path)
    return None


def parse_age(text: str) -> float:
    """Seconds of "90s", "30m", "6h", "2d"; ConfigurationError for anything else."""
    match = _AGE.match(text.strip())
    if match is None:
        raise ConfigurationError(f"{text!r} is no length of time", hint="write 90s, 30m, 6h or 2d")
    return int(match[1]) * _SECONDS[match[2]]


def _diagnose_chunks(name: str, chunks: Iterable[bytes], state: Path) -> DiagnosisReport:
    began = time.monotonic()
    shown = {"-": "standard input"}.get(name, name)
    learned = get_learned(state)
    head = Head()
    closed = list_closed(state)
    found = diagnose_pasted(shown, head.keep(chunks), learned.catalogue, get_follow_ups(), entries_of(closed))
    gist = gist_of_text(head.text)
    diagnosis = add_learned(found, gist, learned)
    return DiagnosisReport(
        at=time.time(),
        seconds=time.monotonic() - began,
        level=0,
        node=None,
        findings=diagnosis.findings,
        checks_made=0,
        diagnosis=diagnosis,
        looked=(),
        lines_read=diagnosis.lines_read,
        similar=similar_to(closed, gist, ()),
    )


def _node(result: SurveyResult) -> Ref:
    return node(result.seen.subjects("node")[0].name)


def _titles(result: SurveyResult) -> Mapping[Ref, tuple[str, str]]:
    rows = {site.ref: row_of(result.seen.value(site.ref, "engine.site")) for site in result.sites}
    return {site.ref: (text_of(rows[site.ref], "title") or site.engine, site.url) for site in result.sites}


def _worth_telling(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(one for one in findings if one.status is not Status.OK)


def _costs(level: int) -> Mapping[str, float]:
    """Seconds that each observation costs, by name: what the next check is weighed with."""
    return {name: one.cost_seconds for one in load_probes(level).values() for name in one.gives}
