"""What this owner's incidents taught, put to use: the catalogue with learned weights, drafts, similar incidents."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from keepwell.core.hypothesis import Diagnosis
from keepwell.core.issue import Issue
from keepwell.diagnose.catalogue import SHIPPED, Catalogue, load_catalogue
from keepwell.diagnose.issue_file import build_issue, parse_table
from keepwell.learning.draft_file import HEAD
from keepwell.learning.likeness import Scales, parse_scales, render_scales
from keepwell.learning.scales import scales_of, text_of_issue
from keepwell.learning.shadow import Draft, find_drafts, weigh_drafts
from keepwell.learning.similar import SimilarIncident, find_similar
from keepwell.learning.weights import learn_catalogue
from keepwell.recall.entry import Entry
from keepwell.store.cache import digest_of, load_cached, save_cached
from keepwell.store.incidents import FOLDER as INCIDENTS
from keepwell.store.incidents import Incident, get_closing, list_incidents
from keepwell.store.lessons import FOLDER, ISSUES, Lesson, get_stamp, load_lessons

#: Seconds after which decay is worked out again in a process that lives long.
DAY_SECONDS = 86_400.0

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """The catalogue as this owner's incidents changed it, what it was before, the lessons, and the drafts.

    `problem` says why lessons are not used although there are some, or is "".
    """

    catalogue: Catalogue
    before: Catalogue
    lessons: tuple[Lesson, ...] = ()
    drafts: tuple[Draft, ...] = ()
    problem: str = ""


def get_learned(state: Path) -> Learned:
    """What was learned in this state folder; worked out again when its files change, or the day."""
    return _learned(state, get_stamp(state), int(time.time() // DAY_SECONDS))


def add_learned(diagnosis: Diagnosis, gist: str, learned: Learned) -> Diagnosis:
    """The diagnosis in which drafts compete too."""
    if not gist or not learned.drafts:
        return diagnosis
    return weigh_drafts(diagnosis, gist, learned.drafts, _scales(learned.before))


def similar_to(closed: Sequence[Incident], gist: str, made: Iterable[str]) -> tuple[SimilarIncident, ...]:
    """Closed incidents most like this one, with what was checked then and not now; `made` are checks that came out."""
    if not gist or not closed:
        return ()
    return find_similar(closed, gist, frozenset(made))


def list_closed(state: Path) -> tuple[Incident, ...]:
    """The incidents that were closed and whose fix held, newest first."""
    if not (state / INCIDENTS).is_dir():
        return ()
    found = (one for one in list_incidents(state).incidents if one.closing is not None)
    return tuple(one for one in found if get_closing(one).label != "came-back")


def entries_of(closed: Iterable[Incident]) -> tuple[Entry, ...]:
    """Closed incidents as texts that a new one may be like."""
    return tuple(Entry(one.id, get_closing(one).cause, f"{one.what}\n{one.gist}") for one in closed)


@lru_cache(maxsize=4)
def _learned(state: Path, stamp: tuple[object, ...], day: int) -> Learned:
    if not stamp:
        shipped = _shipped()
        return Learned(catalogue=shipped, before=shipped)
    found = load_lessons(state)
    if found.problem:
        _LOG.warning("lessons are not used", extra={"fields": {"why": found.problem}})
    shipped = _shipped()
    drafts = find_drafts(found.lessons, shipped.issues)
    before = _with_own(state, shipped, drafts)
    catalogue = learn_catalogue(before, found.lessons, (day + 1) * DAY_SECONDS)
    return Learned(
        catalogue=catalogue, before=before, lessons=found.lessons, drafts=tuple(drafts), problem=found.problem
    )


def _with_own(state: Path, shipped: Catalogue, drafts: Sequence[Draft]) -> Catalogue:
    """The shipped catalogue and the owner's issue files, without drafts that are not confirmed often enough."""
    folder = state / FOLDER / ISSUES
    settled = {one.cause for one in drafts if one.settled}
    files = sorted(folder.glob("*.toml"))
    shadows = frozenset(path.stem for path in files if path.stem not in settled and _is_draft(path))
    if len(shadows) == len(files):
        return shipped
    catalogue = load_catalogue((SHIPPED, folder), leave_out=shadows)
    for one in catalogue.problems[len(shipped.problems) :]:
        _LOG.warning("an issue file is not as it should be", extra={"fields": {"why": str(one)}})
    return catalogue


def find_draft(state: Path, cause: str) -> Issue | None:
    """The issue file of a draft, read; None when there is none that can be read."""
    if cause not in {one.cause for one in get_learned(state).drafts}:
        return None
    try:
        content = (state / FOLDER / ISSUES / f"{cause}.toml").read_bytes()
    except OSError:
        return None
    table, _ = parse_table(content, cause)
    if table is None:
        return None
    return build_issue(cause, table)


def _is_draft(path: Path) -> bool:
    """Whether keepwell made the file; one that cannot be read is told of when it is loaded."""
    try:
        with path.open("rb") as file:
            return file.read(len(HEAD)).decode("utf-8", "replace").startswith(HEAD[:-1])
    except OSError:
        return False


@lru_cache(maxsize=1)
def _shipped() -> Catalogue:
    return load_catalogue()


def _scales(catalogue: Catalogue) -> Scales:
    """The scales of a catalogue, kept on disk between runs."""
    key = digest_of(text_of_issue(one).encode() for one in catalogue.issues.values())
    content = load_cached("scales", key)
    if content:
        with contextlib.suppress(ValueError):
            return parse_scales(content)
    made = scales_of(catalogue)
    save_cached("scales", key, render_scales(made))
    return made
