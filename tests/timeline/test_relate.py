"""What changed shortly before the first error."""

from __future__ import annotations

from keepwell.core.event import Event, EventKind
from keepwell.core.hypothesis import Contribution, Diagnosis, Hypothesis
from keepwell.core.issue import Evidence
from keepwell.timeline.relate import find_first_error, shortly_before


def event(at: float, kind: EventKind = "package") -> Event:
    return Event(at=at, kind=kind, what=f"{kind} {at}", source="s")


def cause(*quotes: str, decided: str = "") -> Hypothesis:
    return Hypothesis(
        issue="i",
        title="t",
        family="f",
        subject=None,
        confidence=0.9,
        score=0.0,
        supporting=tuple(
            Contribution(evidence=Evidence(say="s", weight=1.0), weight=1.0, quote=one, source="log:1")
            for one in quotes
        ),
        contradicting=(),
        undecided=(),
        decided=decided,
    )


def test_the_first_error_is_the_oldest_quoted_line() -> None:
    first = cause("2026-01-01T00:00:10Z later", "2026-01-01T00:00:05Z error", "no time")
    also = cause("2026-01-01T00:00:01Z of another fault")
    assert find_first_error(Diagnosis(hypotheses=(first, cause("2025-01-01T00:00:00Z")), unknown=0.1)) == 1767225605.0
    assert find_first_error(Diagnosis(hypotheses=(first,), unknown=0.1, also=(also,))) == 1767225601.0
    assert find_first_error(Diagnosis(hypotheses=(cause("no time"),), unknown=0.1)) is None
    decided = cause("2026-01-01T00:00:05Z x", decided="decided")
    assert find_first_error(Diagnosis(hypotheses=(decided,), unknown=0.1)) is None


def test_changes_before_it_newest_first_and_neither_later_ones_nor_consequences() -> None:
    events = [event(-90_000.0), *map(event, (1.0, 2.0, 3.0, 4.0)), event(5.0, "oom"), event(20.0)]
    assert [one.at for one in shortly_before(events, 10.0)] == [4.0, 3.0, 2.0]


def test_a_restart_is_told_when_nothing_else_changed() -> None:
    restart = event(5.0, "process-start")
    assert shortly_before([event(4.0), restart], 10.0) == (event(4.0),)
    assert shortly_before([restart], 10.0) == (restart,)
