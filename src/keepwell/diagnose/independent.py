"""Second faults: causes of what the first cause does not explain, so that two faults at once are both named."""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.core.finding import Finding
from keepwell.core.issue import Issue
from keepwell.diagnose.catalogue import Catalogue
from keepwell.diagnose.clues import Clues, drop_explained
from keepwell.diagnose.rank import rank_causes
from keepwell.diagnose.weigh import Weighed, weigh_all

#: Faults looked for beside the first: more at once were never seen, and each costs a ranking.
SECOND_FAULTS = 3
#: A second fault is named only if it is likelier than not when the first one's evidence is taken away, ...
LIKELY = 0.6
#: ... and only if this much (log odds) still speaks for it: "strong" evidence, not a few hints.
ENOUGH = 3.0
#: Checks of whether an engine works at all, by their beginning: whatever the fault, these go bad after it.
SYMPTOMS = ("engine.", "unit.active")
#: ... but for states that somebody brings about and no other fault does: a signal that stops, a call to sleep.
DELIBERATE = frozenset(
    {("engine.responding", "state", "T"), ("engine.runner", "kind", "stopped"), ("engine.healthy", "kind", "asleep")}
)


def find_independent(catalogue: Catalogue, clues: Clues, first: Weighed) -> list[tuple[Weighed, float]]:
    """Causes of what is left when all that the first one explains is taken away, each with its probability.

    Taken away are its findings and lines, follow-ups below it, and findings that an engine does not work.
    A declared rival of a cause that is named already must have a finding of its own: lookalikes share words.
    """
    named = [first]
    found: list[tuple[Weighed, float]] = []
    left = clues
    for _ in range(SECOND_FAULTS):
        left = take_away(left, named[-1])
        gone = {one.issue.id for one in named}
        others = [issue for issue in catalogue.find_concerned(left.words()) if issue.id not in gone]
        ranked, _unknown = rank_causes(weigh_all(others, left), quiet=left.quiet, scale=left.scale)
        if not ranked or not _is_sure(ranked[0], named):
            return found
        found.append(ranked[0])
        named.append(ranked[0][0])
    return found


def take_away(clues: Clues, cause: Weighed) -> Clues:
    """The clues that this cause does not explain."""
    findings = {id(one.finding) for one in cause.supporting if one.finding is not None}
    findings |= {id(one) for one in clues.findings if one.bad and _is_symptom(one)}
    lines: dict[str, set[int]] = {}
    for fired in cause.supporting:
        if fired.text is not None:
            lines.setdefault(fired.text.name, set()).update(line.number for line in fired.lines)
    patterns = (*cause.issue.follow_ups, *clues.follow_ups)
    for text in clues.texts:
        own = lines.setdefault(text.name, set())
        for pattern in patterns:
            if own and pattern in text.hits:
                own.update(line.number for line in text.hits[pattern].lines if line.number > min(own))
    return drop_explained(clues, {name: frozenset(numbers) for name, numbers in lines.items()}, findings)


def _is_symptom(finding: Finding) -> bool:
    told = {(finding.check, key, value) for key, value in finding.facts.items()}
    return finding.check.startswith(SYMPTOMS) and DELIBERATE.isdisjoint(told)


def _is_sure(pair: tuple[Weighed, float], named: Iterable[Weighed]) -> bool:
    cause, share = pair
    if share < LIKELY or cause.support < ENOUGH:
        return False
    if any(one.finding is not None and one.finding.bad for one in cause.supporting):
        return True
    return not any(_are_rivals(cause.issue, other.issue) for other in named)


def _are_rivals(one: Issue, other: Issue) -> bool:
    return any(rival.issue == other.id for rival in one.rivals) or any(rival.issue == one.id for rival in other.rivals)
