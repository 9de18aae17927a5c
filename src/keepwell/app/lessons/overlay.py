"""What `keepwell learned` does: tell what was learned, give it to others, take theirs over, take a lesson back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from keepwell.app.lessons.learned import Learned, get_learned
from keepwell.app.lessons.learned_report import DraftRow, LearnedReport, LessonRow, PriorMove
from keepwell.app.lessons.teaching import catch_up
from keepwell.app.operation import Caller
from keepwell.app.reading import open_text
from keepwell.app.wiring import find_state
from keepwell.core.errors import AccessError, ConfigurationError, NotThere, RefusedError
from keepwell.learning.exchange import FILE_BYTES, parse_export, render_export
from keepwell.learning.weights import count_of, find_moves
from keepwell.store.folder import write_private
from keepwell.store.incidents import list_incidents
from keepwell.store.lessons import FOLDER, ISSUES, OWN, Lesson, change_lessons

#: Priors that moved, listed: the ones that moved most.
PRIORS = 10
_NAME = re.compile(r"[^a-z0-9]+")


def show_learned(caller: Caller, did: str = "") -> LearnedReport:
    """What was learned when, from which incident, and what it moved."""
    state = find_state(caller)
    catch_up(state)
    learned = get_learned(state)
    now = time.time()
    return LearnedReport(
        lessons=tuple(_row(one, learned, now) for one in learned.lessons),
        moves=tuple(find_moves(learned.before, learned.lessons, now)),
        priors=tuple(_priors(learned))[:PRIORS],
        drafts=tuple(_drafts(state, learned)),
        problems=tuple(_problems(learned)),
        did=did,
    )


def export_learned(caller: Caller, path: str) -> LearnedReport:
    """Write what was learned here to a file, without what names machines, paths or people."""
    state = find_state(caller)
    catch_up(state)
    target = Path(path)
    if target.exists():
        raise RefusedError("something lies there already", where=path, hint="choose another name")
    lessons = get_learned(state).lessons
    hosts = sorted({one.node for one in list_incidents(state).incidents if one.node})
    try:
        write_private(target.absolute(), render_export(lessons, hosts))
    except OSError as error:
        raise AccessError(f"cannot be written: {error.strerror}", where=path) from error
    count = sum(one.counts and one.origin == OWN for one in lessons)
    return show_learned(caller, f"{count} lesson(s) were written to {path}; look it through before you pass it on")


def import_learned(caller: Caller, path: str, name: str) -> LearnedReport:
    """Take over what another fleet learned, marked with a name; replaces what was taken over under that name."""
    origin = name or _NAME.sub("-", Path(path).stem.lower()).strip("-")[:40]
    with open_text(caller, path) as source:
        content = b""
        for chunk in source.chunks():
            content += chunk
            if len(content) > FILE_BYTES:
                break
    try:
        lessons = parse_export(content, origin, time.time())
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"not what keepwell learned exports: {error}", where=path) from error

    def take_over(known: tuple[Lesson, ...]) -> tuple[Lesson, ...]:
        return (*(one for one in known if one.origin != origin), *lessons)

    change_lessons(find_state(caller), take_over)
    return show_learned(
        caller, f"{len(lessons)} lesson(s) were taken over as {origin}; keepwell learned --undo {origin}"
    )


def undo_learned(caller: Caller, name: str) -> LearnedReport:
    """Take back the lesson of one incident, or all of one import. An own incident stays closed as it is."""
    state = find_state(caller)
    now = time.time()
    met: list[str] = []

    def undo(known: tuple[Lesson, ...]) -> tuple[Lesson, ...]:
        wanted = [one for one in known if name in (one.id, one.origin) and name != OWN]
        met.extend(one.id for one in wanted if one.counts)
        gone = {one.id for one in wanted if one.origin != OWN}
        kept = (one for one in known if one.id not in gone)
        return tuple(_undone(one, name, now) for one in kept)

    change_lessons(state, undo)
    if not met:
        raise NotThere(f"nothing was learned from {name!r}", hint="keepwell learned lists incidents and imports")
    return show_learned(caller, f"{len(met)} lesson(s) of {name} were taken back")


def _undone(lesson: Lesson, name: str, now: float) -> Lesson:
    if lesson.id != name or lesson.undone_at:
        return lesson
    return replace(lesson, undone_at=now)


def _row(lesson: Lesson, learned: Learned, now: float) -> LessonRow:
    return LessonRow(
        id=lesson.id,
        at=lesson.at,
        cause=lesson.cause,
        strength=lesson.strength,
        origin=lesson.origin,
        worth=round(count_of(lesson, now), 4),
        fixed_by=lesson.fixed_by,
        undone_at=lesson.undone_at,
        moves=tuple(find_moves(learned.before, [lesson], now)),
    )


def _priors(learned: Learned) -> Iterator[PriorMove]:
    """Priors that rose, most first."""
    rows = [
        PriorMove(issue=name, before=one.prior, after=learned.catalogue.issues[name].prior)
        for name, one in learned.before.issues.items()
        if learned.catalogue.issues[name].prior > one.prior
    ]
    yield from sorted(rows, key=_rise, reverse=True)


def _rise(one: PriorMove) -> float:
    return one.after / one.before


def _drafts(state: Path, learned: Learned) -> Iterator[DraftRow]:
    for one in learned.drafts:
        yield DraftRow(
            cause=one.cause,
            title=one.title,
            confirmations=one.confirmations,
            counts=one.settled,
            incidents=one.incidents,
            file=str(state / FOLDER / ISSUES / f"{one.cause}.toml"),
        )


def _problems(learned: Learned) -> Iterator[str]:
    if learned.problem:
        yield learned.problem
    yield from (str(one) for one in learned.before.problems)
