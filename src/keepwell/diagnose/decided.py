"""Causes that the owner decided on: told last, with the citation, and so are the findings that only they explain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from keepwell.config.model import DecisionEntry
from keepwell.core.finding import Finding
from keepwell.core.hypothesis import Diagnosis, Hypothesis
from keepwell.fleet.decisions import Decided, cite, find_cause_answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A diagnosis with its decided causes last, the findings that are still open, and those decided with a cause."""

    diagnosis: Diagnosis
    open: tuple[Finding, ...]
    decided: tuple[Decided, ...]


def settle(diagnosis: Diagnosis, findings: Iterable[Finding], standing: Sequence[DecisionEntry]) -> Settled:
    """Mark and move the causes that a decision answers; pure.

    A bad finding that such a cause rests on is decided too, unless the likeliest other cause, or that of a
    further fault, rests on it as well. Confidences stay as they are.
    """
    answers = {id(one): find_cause_answer(one.issue, one.subject, standing) for one in _all(diagnosis)}
    hypotheses = [_marked(one, answers[id(one)]) for one in diagnosis.hypotheses]
    also = [_marked(one, answers[id(one)]) for one in diagnosis.also]
    leading = [one for one in [*hypotheses[:1], *also] if not one.decided]
    needed = {source for one in leading for source in _sources(one)}
    by_source: dict[str, DecisionEntry] = {}
    for one in _all(diagnosis):
        answer = answers[id(one)]
        if answer is not None:
            by_source |= dict.fromkeys(_sources(one), answer)
    found = [(finding, by_source.get(_source(finding))) for finding in findings]
    taken = {_source(finding) for finding, answer in found if finding.bad and answer is not None} - needed
    return Settled(
        diagnosis=replace(diagnosis, hypotheses=_ordered(hypotheses), also=_ordered(also)),
        open=tuple(finding for finding, _ in found if _source(finding) not in taken),
        decided=tuple(
            Decided(finding=finding, decision=answer)
            for finding, answer in found
            if answer is not None and _source(finding) in taken
        ),
    )


def _all(diagnosis: Diagnosis) -> tuple[Hypothesis, ...]:
    return (*diagnosis.hypotheses, *diagnosis.also)


def _marked(one: Hypothesis, answer: DecisionEntry | None) -> Hypothesis:
    if answer is None:
        return one
    return replace(one, decided=cite(answer))


def _ordered(hypotheses: Iterable[Hypothesis]) -> tuple[Hypothesis, ...]:
    return tuple(sorted(hypotheses, key=_is_decided))


def _is_decided(one: Hypothesis) -> bool:
    return bool(one.decided)


def _sources(one: Hypothesis) -> set[str]:
    return {fired.source for fired in one.supporting}


def _source(finding: Finding) -> str:
    """What a contribution calls this finding (see `keepwell.diagnose.weigh`)."""
    return f"{finding.check} at {finding.subject}"
