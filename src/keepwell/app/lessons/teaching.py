"""From closed incidents to lessons and draft issue files. Each step can be repeated: nothing is learned twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from keepwell.app.lessons.learned import get_learned
from keepwell.learning.draft_file import add_case, draft_file
from keepwell.learning.lesson import lesson_of
from keepwell.learning.shadow import CONFIRMATIONS
from keepwell.learning.weights import find_moves
from keepwell.store.folder import replace_private
from keepwell.store.incidents import Incident, list_incidents
from keepwell.store.lessons import FOLDER, ISSUES, Lesson, change_lessons, drop_lesson, put_lesson

#: Weights that a close lists as moved.
MOVES_TOLD = 6


def teach(state: Path, incident: Incident) -> tuple[str, ...]:
    """Learn what this incident teaches (or unlearn it, when it came back), and say so in sentences."""
    before = get_learned(state)
    known = frozenset(before.catalogue.issues) - {one.cause for one in before.drafts}
    lesson = lesson_of(incident, known)

    def change(lessons: tuple[Lesson, ...]) -> tuple[Lesson, ...]:
        if lesson is None:
            return drop_lesson(lessons, incident.id)
        return put_lesson(lessons, lesson)

    change_lessons(state, change)
    if lesson is None:
        return (f"the symptoms are not well: nothing is learned until `incident close {incident.id} --recheck` is",)
    if lesson.text or lesson.words:
        _write_draft(state, lesson)
    return tuple(_say(state, lesson))


def catch_up(state: Path) -> int:
    """Learn from closed incidents whose lesson is not there, as after a crash between the two; how many there were.

    What the owner took back stays so.
    """
    learned = get_learned(state)
    there = {one.id for one in learned.lessons}
    late = [one for one in list_incidents(state).incidents if one.id not in there and lesson_of(one, ()) is not None]
    for one in late:
        teach(state, one)
    return len(late)


def _say(state: Path, lesson: Lesson) -> Iterator[str]:
    learned = get_learned(state)
    drafts = [one for one in learned.drafts if one.cause == lesson.cause]
    for one in drafts:
        rest = CONFIRMATIONS - one.confirmations
        if one.settled:
            yield f"{one.cause} was confirmed often enough: it counts as any other cause now"
        else:
            yield f"{one.cause} is new: a draft, listed where an incident is like it; {rest:g} confirmation(s) to go"
    moves = [one for one in find_moves(learned.before, [lesson], lesson.at) if one.after != one.before]
    for move in moves[:MOVES_TOLD]:
        yield f"{move.issue}: {move.say!r} weighs {move.after:+.2f} instead of {move.before:+.2f} by this incident"
    if not moves and not drafts:
        yield "no weight moved: nothing that keepwell knows had spoken for or against a cause"


def _write_draft(state: Path, lesson: Lesson) -> None:
    """The draft's issue file: made at the first incident, a case added at each further one."""
    learned = get_learned(state)
    path = state / FOLDER / ISSUES / f"{lesson.cause}.toml"
    if not path.exists():
        replace_private(path, draft_file(lesson, learned.before).encode())
        return
    content = path.read_text("utf-8")
    grown = add_case(content, lesson)
    if grown != content:
        replace_private(path, grown.encode())
