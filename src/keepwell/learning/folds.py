"""Judges examples: by one fit, or each by a fit that never saw it (cross-validation, groups kept together)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from keepwell.learning.choice import Choice, fit_choice
from keepwell.learning.examples import FEATURES, Example
from keepwell.learning.measure import Answered

#: Folds where nobody says how many.
FOLDS = 5
#: What is kept together, from an example.
Grouping = Callable[[Example], str]


def repository_of(example: Example) -> str:
    """The repository that an incident was reported to."""
    return example.incident.repository


def thread_of(example: Example) -> str:
    """The thread that an incident was reported in."""
    return example.incident.thread or example.incident.id


def judge_all(examples: Sequence[Example], choice: Choice) -> list[Answered]:
    """The answers that this fit gives."""
    return [judge(one, choice) for one in examples]


def judge(example: Example, choice: Choice) -> Answered:
    """The answer that this fit gives, compared with the truth."""
    shares, _ = choice.shares(example)
    order = sorted(range(len(shares)), key=[(-share, place) for place, share in enumerate(shares)].__getitem__)
    names = [example.issues[place] for place in order]
    cause = example.incident.cause
    families = [example.families[place] for place in order]
    confidence = None
    if names:
        confidence = shares[order[0]]
    return Answered(
        id=example.incident.id,
        cause=cause,
        first="".join(names[:1]),
        confidence=confidence,
        right=names[:1] == [cause],
        in_three=cause in names[:3],
        family_right=families[:1] == [example.incident.family],
    )


def cross_validate(
    examples: Sequence[Example],
    *,
    folds: int = FOLDS,
    group: Grouping = repository_of,
    also: Sequence[Example] = (),
    used: Sequence[str] = FEATURES,
) -> list[Answered]:
    """Each example's answer by a fit on the other folds and on those of `also` that are of no group of its fold."""
    fold_of = assign_folds([group(one) for one in examples], folds)
    answers: dict[int, Answered] = {}
    for fold in sorted(set(fold_of.values())):
        taught = [one for one in (*examples, *also) if fold_of.get(group(one)) != fold]
        choice = fit_choice(taught, used)
        for place, one in enumerate(examples):
            if fold_of[group(one)] == fold:
                answers[place] = judge(one, choice)
    return [answers[place] for place in range(len(examples))]


def assign_folds(groups: Sequence[str], folds: int) -> dict[str, int]:
    """A fold for each group, the largest groups first, each to the smallest fold: always the same, about equal."""
    sizes = [0] * max(1, folds)
    fold_of: dict[str, int] = {}
    for name, size in sorted(Counter(groups).items(), key=_largest_first):
        fold = sizes.index(min(sizes))
        fold_of[name] = fold
        sizes[fold] += size
    return fold_of


def _largest_first(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]
