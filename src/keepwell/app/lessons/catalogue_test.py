"""What `keepwell issues test` does: every case of every issue file, and every incident that was kept, once more."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keepwell.app.catalogue import get_follow_ups
from keepwell.app.lessons.learned import Learned, get_learned
from keepwell.app.operation import Caller
from keepwell.app.replaying import survey_bundle
from keepwell.app.wiring import find_state
from keepwell.core.errors import KeepwellError
from keepwell.core.hypothesis import Diagnosis
from keepwell.diagnose.cases import run_case
from keepwell.diagnose.catalogue import Catalogue
from keepwell.diagnose.diagnosis import diagnose
from keepwell.diagnose.pasted import diagnose_pasted
from keepwell.store.incidents import Incident, bundle_path, get_closing, list_incidents, load_evidence
from keepwell.transport.recorded.bundle import open_bundle

#: Bundles that are replayed, newest first: each takes a second.
BUNDLES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A case or an incident that is not judged as it has to be: which, of which issue file, which file took its place
    ("" where nothing is found), how, and whether it holds without what was learned.
    """

    name: str
    issue: str
    taken_by: str
    how: str
    learned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReport:
    """The answer of `issues test`: how many cases and incidents were replayed, what is broken, what cannot be read."""

    cases: int
    incidents: int
    seconds: float
    broken: tuple[Broken, ...]
    problems: tuple[str, ...] = ()
    skipped: int = 0

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.issues-test/1"

    @property
    def exit_code(self) -> int:
        """2 when anything is broken, 1 when something cannot be read, else 0."""
        return max(2 * bool(self.broken), int(bool(self.problems)))


async def check_catalogue(caller: Caller) -> TestReport:
    """Replay all cases and all closed incidents of known causes."""
    began = time.monotonic()
    state = find_state(caller)
    learned = get_learned(state)
    caller.progress("cases of issue files", 0, 1)
    broken = list(_run_cases(learned))
    archive = list_incidents(state)
    problems = [str(one) for one in learned.before.problems] + list(archive.problems)
    wanted = [one for one in archive.incidents if _is_known(one, learned.catalogue)]
    texts = [one for one in wanted if one.source == "text"]
    bundles = [one for one in wanted if one.source != "text"]
    chosen = [*texts, *bundles[:BUNDLES]]
    for number, one in enumerate(chosen):
        caller.progress(f"incident {one.id}", number, len(chosen))
        try:
            broken += await _run_incident(state, one, learned)
        except KeepwellError as error:
            problems.append(f"{one.id}: {error}")
    return TestReport(
        cases=sum(len(one.cases) for one in learned.catalogue.issues.values()),
        incidents=len(chosen),
        seconds=time.monotonic() - began,
        broken=tuple(broken),
        problems=tuple(problems),
        skipped=len(wanted) - len(chosen),
    )


def _run_cases(learned: Learned) -> Iterator[Broken]:
    for issue in learned.catalogue.issues.values():
        for case in issue.cases:
            how = run_case(issue, case, learned.catalogue)
            if how:
                own = learned.before.issues[issue.id]
                yield Broken(
                    name=f"case {case.name!r}",
                    issue=issue.id,
                    taken_by=_first_named(how),
                    how=how,
                    learned=not run_case(own, case, learned.before),
                )


def _first_named(how: str) -> str:
    """The cause that a sentence of `run_case` says is first; "" when it found none."""
    for line in how.splitlines():
        name = line.strip().removeprefix("first is ")
        if name != line.strip():
            return name.split(" ", 1)[0]
    return ""


async def _run_incident(state: Path, incident: Incident, learned: Learned) -> list[Broken]:
    """What is worse now than on the day: a cause that was first must be first, one in the first three among them."""
    cause = get_closing(incident).cause
    then = _rank([one.issue for one in incident.suspects if one.place == "ranked"], cause)
    if then is None:
        return []
    found = await _replay(state, incident, learned.catalogue)
    names = [one.issue for one in (*found.hypotheses, *found.also)]
    now = _rank(names, cause)
    if now is not None and now <= then:
        return []
    before = await _replay(state, incident, learned.before)
    held = _rank([one.issue for one in (*before.hypotheses, *before.also)], cause)
    wanted = {0: "the first", 2: "one of the first three"}[then]
    how = f"{incident.what}: {cause} was {wanted} when it was opened; now first are {', '.join(names[:3]) or 'none'}"
    taken = "".join(names[:1])
    worse = held is not None and held <= then
    return [Broken(name=f"incident {incident.id}", issue=cause, taken_by=taken, how=how, learned=worse)]


def _rank(names: Sequence[str], cause: str) -> int | None:
    """The place that a cause has to keep: 0 for the first, 2 for any of the first three; None below or not there."""
    places = {0: 0, 1: 2, 2: 2}
    if cause not in names:
        return None
    return places.get(names.index(cause))


async def _replay(state: Path, incident: Incident, catalogue: Catalogue) -> Diagnosis:
    path = bundle_path(state, incident)
    if path is None:
        text = load_evidence(state, incident)
        return diagnose_pasted(incident.id, (text,), catalogue, get_follow_ups())
    result = await survey_bundle(open_bundle(path))
    return diagnose(result.seen, result.findings, (), catalogue, get_follow_ups())


def _is_known(incident: Incident, catalogue: Catalogue) -> bool:
    closing = incident.closing
    return closing is not None and closing.label != "came-back" and closing.cause in catalogue.issues
