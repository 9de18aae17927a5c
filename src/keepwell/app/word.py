"""The owner's word applied to a look: findings and causes that are decided on are set apart, with the citation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from keepwell.app.catalogue import get_catalogue, get_follow_ups
from keepwell.app.lessons.learned import Learned, add_learned, get_learned
from keepwell.app.operation import Caller
from keepwell.app.report import NodePicture
from keepwell.app.wiring import find_state
from keepwell.config.model import Config
from keepwell.core.event import Event
from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import Diagnosis
from keepwell.core.observation import Seen
from keepwell.core.values import row_of, rows_of, text_of
from keepwell.diagnose.decided import settle
from keepwell.diagnose.diagnosis import diagnose
from keepwell.diagnose.lag import History
from keepwell.fleet.decisions import Decisions, Names, Word, decide, is_honoured
from keepwell.fleet.decisions import day_of as day_of
from keepwell.learning.gist import gist_of
from keepwell.plugins.recognise import load_engines
from keepwell.survey.judge import checks_for, find_purposes, load_checks

#: The deepest level: a decision may name any check.
ALL_LEVELS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A look as the owner sees it: causes, findings that are still open, and what was decided."""

    diagnosis: Diagnosis
    findings: tuple[Finding, ...]
    decisions: Decisions


def judge_with_word(
    config: Config,
    seen: Seen,
    findings: Iterable[Finding],
    now: float,
    *,
    costs: Mapping[str, float] | None = None,
    events: tuple[Event, ...] = (),
    learned: Learned | None = None,
) -> Judged:
    """Rank the causes of the findings that no decision answers; causes that one answers come last.

    `events` are what is known to have happened on the node: what changed before a fault counts. `learned` is what
    closed incidents taught; that of the usual state folder if it is left out.
    """
    word = hear(config, seen, findings, now)
    history = History(events=events, now=now)
    taught = learned or get_learned(find_state(Caller()))
    diagnosis = diagnose(seen, word.open, (), taught.catalogue, get_follow_ups(), costs=costs, history=history)
    diagnosis = add_learned(diagnosis, gist_of(seen, word.open) * bool(taught.drafts), taught)
    today = day_of(now)
    settled = settle(diagnosis, word.open, [one for one in config.decisions if is_honoured(one, today)])
    decided = (*word.decisions.decided, *settled.decided)
    used = {id(one.decision) for one in settled.decided}
    used |= {id(one) for one in config.decisions if _is_cited(one.issue, settled.diagnosis)}
    unused = tuple(one for one in word.decisions.unused if id(one.decision) not in used)
    return Judged(
        diagnosis=settled.diagnosis,
        findings=settled.open,
        decisions=replace(word.decisions, decided=decided, unused=unused),
    )


def hear(config: Config, seen: Seen, findings: Iterable[Finding], now: float) -> Word:
    """The findings that no decision answers, and what to tell of the decisions."""
    if not config.decisions:
        return Word(open=tuple(findings))
    return decide(findings, config.decisions, day_of(now), find_names(config, seen))


def find_names(config: Config, seen: Seen) -> Names:
    """The words that a decision may use: checks and causes that keepwell knows, and what things here are called."""
    checks = load_checks(ALL_LEVELS)
    others = tuple(one.id for purpose in find_purposes() for one in checks_for(purpose))
    silent = tuple(one.id for one in checks if not any(seen.named(name) for name in one.needs))
    return Names(
        checks=(*(one.id for one in checks), *others),
        silent=(*silent, *others),
        issues=tuple(get_catalogue().issues),
        things=tuple(dict.fromkeys(name for name in _things(config, seen) if name)),
    )


def mark_decided(picture: NodePicture, decisions: Decisions) -> NodePicture:
    """The picture in which an engine that is otherwise well, but not as it would be, says that this was decided."""
    states = {one.finding.subject: one.finding for one in reversed(decisions.decided)}
    engines = []
    for engine in picture.engines:
        found = states.get(engine.ref)
        if found is not None and engine.status is Status.OK:
            said = found.message.removeprefix(f"{engine.title} at {engine.url}").lstrip(": ") or found.message
            engine = replace(engine, state=f"{said} (decided)")
        engines.append(engine)
    return replace(picture, engines=tuple(engines))


def _is_cited(issue: str, diagnosis: Diagnosis) -> bool:
    return bool(issue) and any(one.decided and one.issue == issue for one in (*diagnosis.hypotheses, *diagnosis.also))


def _things(config: Config, seen: Seen) -> Iterator[str]:
    yield from (one.name for one in config.nodes)
    yield from (one.name for one in config.services)
    for entry in config.engines:
        yield from (entry.name, entry.kind, entry.unit)
    for one in seen:
        yield from (str(one.subject), *one.subject.path)
        if one.subject.kind == "engine":
            yield one.subject.path[1].partition(":")[0]
        if one.name in ("engine.models", "engine.loaded", "host.containers", "host.interfaces"):
            yield from (text_of(row, "name") for row in rows_of(one.value))
        if one.name == "engine.site":
            yield text_of(row_of(one.value), "title")
    yield from (one.title for one in load_engines().values())
