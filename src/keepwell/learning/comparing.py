"""Ways to answer labelled incidents, to be compared: as shipped, cross-validated, as if unseen, and plain baselines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from keepwell.core.issue import Issue
from keepwell.diagnose.catalogue import Catalogue
from keepwell.diagnose.pasted import diagnose_pasted
from keepwell.learning.examples import FEATURES, Examiner, Example, Mode
from keepwell.learning.folds import cross_validate, repository_of, thread_of
from keepwell.learning.labelled import Labelled
from keepwell.learning.measure import Answered, Figures, measure
from keepwell.recall.entry import Entry, best_by_issue
from keepwell.recall.index import Index

#: Neighbours asked for by plain text search: enough for three causes after those of the same repository are gone.
NEIGHBOURS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to answer, and how it did. `what` says in a sentence what it stands for."""

    name: str
    what: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class _Trial:
    """A cross-validation: mode, what it says of it, the features used, whether the catalogue has refuters."""

    name: str
    what: str
    mode: Mode
    used: tuple[str, ...] = FEATURES
    refuters: bool = True


_WITHOUT_RECALL = tuple(one for one in FEATURES if one not in ("words", "letters"))
_TRIALS = (
    _Trial("cross-validated", "fitted on the other folds, the whole catalogue", "whole"),
    _Trial("as if unseen", "the same, without signs that only its own thread shows", "thread"),
    _Trial("as if unseen, no recall", "... and without likeness to known texts", "thread", _WITHOUT_RECALL),
    _Trial("as if unseen, no refuters", "... and with nothing that speaks against", "thread", FEATURES, False),
    _Trial("as if unseen, by repository", "without signs that only its own repository shows", "repository"),
)


def compare_ways(
    catalogue: Catalogue, incidents: Sequence[Labelled], folds: int, progress: Callable[[str], None]
) -> list[Way]:
    """How each way does on these incidents; with `folds` of 0 only what is shipped and the baselines."""
    sure = [one for one in incidents if one.sure]
    progress("answering as shipped")
    ways = [_way("as shipped", "the whole catalogue, as `keepwell diagnose --evidence`", answer_all(catalogue, sure))]
    if folds:
        ways += _cross(catalogue, incidents, folds, progress)
    progress("searching texts alone")
    ways.append(_way("text search", "the nearest incident of another repository", search_all(catalogue, incidents)))
    ways.append(_way("most frequent cause", "of all other repositories", guess_all(catalogue, incidents)))
    return ways


def answer_all(catalogue: Catalogue, incidents: Sequence[Labelled]) -> list[Answered]:
    """What a diagnosis says of each evidence."""
    return [_judged(catalogue, one, answer(catalogue, one.evidence)) for one in incidents]


def answer(catalogue: Catalogue, evidence: str) -> list[tuple[str, float]]:
    """Causes with their confidences, likeliest first."""
    found = diagnose_pasted("evidence", (evidence.encode("utf-8", "replace"),), catalogue)
    return [(one.issue, one.confidence) for one in found.hypotheses]


def search_all(catalogue: Catalogue, incidents: Sequence[Labelled]) -> list[Answered]:
    """Causes of the nearest incidents that are of another repository; the score is taken for a confidence."""
    index = Index(Entry(one.id, one.cause, one.evidence) for one in incidents)
    own = {one.id: one.repository for one in incidents}
    found = []
    for one in incidents:
        if one.sure:
            near = [each for each in index.search(one.evidence, NEIGHBOURS) if own[each.entry.id] != one.repository]
            ranked = [(each.entry.issue, each.score) for each in best_by_issue(near)]
            found.append(_judged(catalogue, one, ranked))
    return found


def guess_all(catalogue: Catalogue, incidents: Sequence[Labelled]) -> list[Answered]:
    """The causes that are most frequent in other repositories, whatever the text says."""
    found = []
    for one in incidents:
        if one.sure:
            others = Counter(each.cause for each in incidents if each.repository != one.repository)
            total = max(1, others.total())
            found.append(_judged(catalogue, one, [(cause, count / total) for cause, count in others.most_common(3)]))
    return found


def drop_refuters(catalogue: Catalogue) -> Catalogue:
    """The catalogue with nothing that speaks against a cause."""
    return replace(catalogue, issues={name: _only_for(issue) for name, issue in catalogue.issues.items()}, indexes={})


def _cross(
    catalogue: Catalogue, incidents: Sequence[Labelled], folds: int, progress: Callable[[str], None]
) -> Iterator[Way]:
    sure = [one for one in incidents if one.sure]
    progress("reading the incidents")
    examiners = {True: Examiner(catalogue, incidents), False: Examiner(drop_refuters(catalogue), incidents)}
    made: dict[tuple[Mode, bool], list[Example]] = {}
    for trial in _TRIALS:
        progress(trial.name)
        key = trial.mode, trial.refuters
        made[key] = made.get(key) or examiners[trial.refuters].examine(sure, trial.mode)
        group = {"thread": thread_of}.get(trial.mode, repository_of)
        yield _way(trial.name, trial.what, cross_validate(made[key], folds=folds, group=group, used=trial.used))


def _only_for(issue: Issue) -> Issue:
    kept = tuple(one for one in issue.evidence if one.weight > 0 and not one.rules_out)
    return replace(issue, evidence=kept, requires=())


def _judged(catalogue: Catalogue, incident: Labelled, ranked: Sequence[tuple[str, float]]) -> Answered:
    names = [cause for cause, _ in ranked]
    families = [catalogue.issues[name].family for name in names[:1] if name in catalogue.issues]
    confidence = next((share for _, share in ranked), None)
    return Answered(
        id=incident.id,
        cause=incident.cause,
        first="".join(names[:1]),
        confidence=confidence,
        right=names[:1] == [incident.cause],
        in_three=incident.cause in names[:3],
        family_right=families == [incident.family],
    )


def _way(name: str, what: str, answers: Sequence[Answered]) -> Way:
    return Way(name=name, what=what, figures=measure(answers))
