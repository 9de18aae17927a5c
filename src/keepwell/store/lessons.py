"""Lessons: what closed incidents taught, whence, and what was taken back. One file, `learned/lessons.json`.

Weights are never stored: they are worked out from the lessons whenever the catalogue is loaded, so that the order
of confirmations does not matter and each one can be taken back. A damaged file is named and not used; it is never
written over before it was set aside.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from keepwell.store.folder import make_private_folder, read_private, replace_private, state_error

FOLDER = "learned"
FILE_NAME = "lessons.json"
#: Where issue files lie that the owner's incidents made, beside the lessons.
ISSUES = "issues"
SCHEMA = "keepwell-lessons/1"
#: Bytes of the file: some thousand lessons, those of new causes with their text.
FILE_BYTES = 16 * 1024 * 1024
#: Lessons that are kept, newest first.
LESSONS = 5000
#: The origin of what was learned here.
OWN = "own"

#: How good a lesson is: the symptom's own check said so and it stayed so, or a person said so.
Strength: TypeAlias = Literal["confirmed", "said"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """Evidence (by key) that had spoken for another cause than the right one, and how much that one was believed."""

    cause: str
    confidence: float
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What one closed incident taught. `id` is the incident's; `at` is when it was closed, seconds since the epoch.

    `hits` are keys of the cause's evidence that had fired, `misses` what had spoken for others. `text`, `words` and
    `checks` are the gist of the incident, what the person wrote, and what had been bad (check ids): kept for a cause
    that no issue file has. `origin` is "own", or the name of the import; `undone_at` says when it was taken back,
    or is 0.
    """

    id: str
    at: float
    cause: str
    strength: Strength
    hits: tuple[str, ...] = ()
    misses: tuple[Miss, ...] = ()
    fixed_by: str = ""
    title: str = ""
    text: str = ""
    words: str = ""
    checks: tuple[str, ...] = ()
    origin: str = OWN
    undone_at: float = 0.0

    @property
    def counts(self) -> bool:
        """True unless it was taken back."""
        return not self.undone_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """All lessons, newest first. `problem` says why there are none although there is a file, or is ""."""

    lessons: tuple[Lesson, ...] = ()
    problem: str = ""


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    lessons: tuple[Lesson, ...]


def load_lessons(folder: Path) -> Lessons:
    """What was learned; nothing with the reason if the file cannot be used, nothing without one if there is none."""
    path = folder / FOLDER / FILE_NAME
    try:
        return Lessons(lessons=parse_lessons(read_private(path, FILE_BYTES)))
    except FileNotFoundError:
        return Lessons()
    except ValueError as error:
        return Lessons(problem=f"what was learned is not used: {path}: {error}")


def change_lessons(folder: Path, change: Callable[[tuple[Lesson, ...]], tuple[Lesson, ...]]) -> tuple[Lesson, ...]:
    """Replace the lessons by what `change` makes of them, while nobody else does; durable when it returns.

    A file that could not be read is kept beside (`lessons.json.damaged`). AccessError when it cannot be written.
    """
    path = folder / FOLDER / FILE_NAME
    with _locked(path):
        known = load_lessons(folder)
        if known.problem:
            _set_aside(path)
        made = tuple(sorted(change(known.lessons), key=_newest_first)[:LESSONS])
        if known.problem or made != known.lessons:
            replace_private(path, render_lessons(made))
    return made


def put_lesson(lessons: tuple[Lesson, ...], lesson: Lesson) -> tuple[Lesson, ...]:
    """The lessons with this one in the place of what was learned from the same incident; pure.

    One that the owner took back stays so.
    """
    if any(one.id == lesson.id and one.undone_at for one in lessons):
        return lessons
    return (*(one for one in lessons if one.id != lesson.id), lesson)


def drop_lesson(lessons: tuple[Lesson, ...], name: str) -> tuple[Lesson, ...]:
    """The lessons without that of this incident, unless the owner took it back; pure."""
    return tuple(one for one in lessons if one.id != name or one.undone_at)


def parse_lessons(content: bytes) -> tuple[Lesson, ...]:
    """The lessons in these bytes; ValueError says what does not fit."""
    document = msgspec.json.decode(content, type=_Document)
    if document.schema != SCHEMA:
        raise ValueError(f"its schema is {document.schema!r}, expected {SCHEMA!r}")
    return document.lessons


def render_lessons(lessons: tuple[Lesson, ...]) -> bytes:
    """The bytes of lessons, indented; `parse_lessons` is the inverse."""
    document = _Document(schema=SCHEMA, lessons=lessons)
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def get_stamp(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    """What changes whenever anything learned does: names, times and sizes of its files. Costs a few system calls."""
    home = folder / FOLDER
    rows = []
    for path in (home / FILE_NAME, *sorted((home / ISSUES).glob("*.toml"))):
        try:
            found = path.stat()
        except OSError:
            continue
        rows.append((path.name, found.st_mtime_ns, found.st_size, found.st_ino))
    return tuple(rows)


def _set_aside(path: Path) -> None:
    try:
        path.replace(path.with_name(f"{path.name}.damaged"))
    except OSError as error:
        raise state_error(error, path) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    make_private_folder(path.parent)
    lock = path.with_name(".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise state_error(error, lock) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _newest_first(lesson: Lesson) -> tuple[float, str]:
    return -lesson.at, lesson.id
