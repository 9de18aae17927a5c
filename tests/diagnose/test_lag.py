"""What changed shortly before the first sign counts by its lag; what came after it counts for nothing, and is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.event import KINDS, Event, EventKind
from keepwell.core.hypothesis import Diagnosis
from keepwell.core.issue import Evidence
from keepwell.core.observation import Seen
from keepwell.diagnose.diagnosis import Text, diagnose
from keepwell.diagnose.lag import (
    HALF_SECONDS,
    LEAST,
    NO_HISTORY,
    PEAK,
    UNDATED,
    UNORDERED,
    WORDS,
    History,
    Onset,
    find_lagged,
    words_of,
)
from tests.diagnose.made import ENGINE, make_catalogue, make_finding, make_issue

T = 1_767_225_600.0
HOUR = 3600.0
MADE = make_catalogue(
    make_issue("driver", Evidence(say="it says so", weight=4.0, match=("mismatch",)), after=("driver", "kernel")),
    make_issue("other", Evidence(say="it says so too", weight=4.0, match=("mismatch",))),
    make_issue("check", Evidence(say="it is bad", weight=4.0, check="gpu.versions"), after=("driver",)),
)


def event(at: float, kind: EventKind = "package", *, topic: str = "driver", **more: object) -> Event:
    return Event(**{"at": at, "kind": kind, "what": f"{kind} {topic}", "source": "made", "topic": topic, **more})


def weight(*events: Event, after: tuple[str, ...] = ("driver",), dated: bool = True, at: float = T) -> float:
    found = find_lagged(after, events, Onset(at=at, dated=dated))
    return 0.0 if found is None else found.weight


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def tell(text: str, *events: Event, now: float = T + 60) -> Diagnosis:
    texts = (Text(name="log", chunks=(text.encode(),)),)
    return diagnose(Seen(), (), texts, MADE, history=History(events=events, now=now))


@given(st.floats(0, 22 * HOUR), st.floats(0, 22 * HOUR))
def test_a_shorter_lag_never_counts_less(one: float, other: float) -> None:
    near, far = sorted((one, other))
    assert PEAK >= weight(event(T - near)) >= weight(event(T - far)) >= LEAST


def test_it_halves_and_ends() -> None:
    assert weight(event(T)) == PEAK
    assert weight(event(T - HALF_SECONDS)) == pytest.approx(PEAK / 2)
    assert weight(event(T - 26 * HOUR)) == 0


def test_what_came_after_the_first_sign_counts_nothing_and_is_told() -> None:
    late = event(T + 720)
    found = find_lagged(("driver",), (late,), Onset(at=T, dated=True))
    assert found is not None
    assert found.weight == 0
    assert "12 min after the first sign" in found.say
    assert find_lagged(("driver",), (late,), Onset(at=T, dated=False)) is None


@given(st.sampled_from(KINDS), st.sampled_from(["", "kernel", "driver", "engine", "container"]))
def test_only_the_kinds_that_the_cause_names_count(kind: EventKind, topic: str) -> None:
    one = event(T - 60, kind, topic=topic)
    assert words_of(one) <= WORDS.keys()
    for word in WORDS:
        assert (weight(one, after=(word,)) > 0) == (word in words_of(one))


def test_what_lay_unused_counts_from_the_start_that_brought_it_into_force() -> None:
    old = event(T - 90 * HOUR)
    assert weight(old) == 0
    boot, start = event(T - 600, "boot", topic="kernel"), event(T - 600, "process-start", topic="engine")
    assert weight(old, boot) > 0.9 * PEAK
    assert weight(old, start) == 0, "a driver waits for a boot"
    assert weight(event(T - 90 * HOUR, "setting", topic=""), start, after=("setting",)) > 0.9 * PEAK
    assert weight(old, event(T - 80 * HOUR, "boot", topic="kernel"), boot) == 0, "an earlier boot had it in force"


def test_doubtful_times_count_less_or_nothing() -> None:
    assert weight(event(T - 60, sure="clock")) == 0
    assert weight(event(T - 60), dated=False) == pytest.approx(UNDATED * weight(event(T - 60)))
    between = event(T + HOUR, sure="between", after=T - HOUR)
    assert weight(between) == pytest.approx(UNORDERED * PEAK)
    assert weight(event(T + HOUR, sure="between", after=T + 60)) == 0


def test_a_boot_into_another_kernel_is_both() -> None:
    assert words_of(event(T, "boot", topic="kernel", was="6.8.0-31", now="6.8.0-45")) == {"boot", "kernel"}
    assert words_of(event(T, "boot", topic="kernel", was="6.8.0-31", now="6.8.0-31")) == {"boot"}


def test_of_two_equal_causes_the_one_that_the_change_brings_about_is_first_with_the_reason() -> None:
    line = f"{stamp(T)} versions mismatch"
    plain, timed = tell(line), tell(line, event(T - 720, what="nvidia-driver was upgraded", source="dpkg.log"))
    assert plain.hypotheses[0].confidence == pytest.approx(plain.hypotheses[1].confidence, abs=0.2)
    first = timed.hypotheses[0]
    assert first.issue == "driver"
    assert first.confidence > 1.5 * timed.hypotheses[1].confidence
    reason = first.supporting[-1]
    assert (reason.quote, reason.source) == ("nvidia-driver was upgraded", "dpkg.log")
    assert "12 min before the first sign" in reason.evidence.say


def test_a_change_after_the_first_line_moves_nothing_and_says_so() -> None:
    line = f"{stamp(T)} versions mismatch\n{stamp(T + 7200)} versions mismatch"
    plain, late = tell(line), tell(line, event(T + 3600), now=T + 7300)
    assert [one.confidence for one in late.hypotheses] == [one.confidence for one in plain.hypotheses]
    remarks = {one.issue: [part.evidence.say for part in one.contradicting] for one in late.hypotheses}
    assert "1 h after the first sign" in remarks["driver"][0]
    assert remarks["other"] == []


def test_a_finding_without_a_time_is_timed_by_the_look() -> None:
    findings = (make_finding("gpu.versions"),)
    plain = diagnose(Seen(), findings, (), MADE)
    timed = diagnose(Seen(), findings, (), MADE, history=History(events=(event(T - 300),), now=T))
    assert timed.hypotheses[0].confidence > plain.hypotheses[0].confidence
    assert timed.hypotheses[0].subject == ENGINE
    assert "before this look" in timed.hypotheses[0].supporting[-1].evidence.say


def test_a_change_alone_is_no_cause() -> None:
    found = tell(f"{stamp(T)} all is well", event(T - 60))
    assert (found.hypotheses, found.unknown) == ((), 1.0)


def test_a_change_that_a_check_tells_of_is_counted_once() -> None:
    told = Evidence(say="the driver changed under it", weight=3.0, check="clock.timeline")
    made = make_catalogue(make_issue("driver", told, after=("driver",)))
    found = diagnose(
        Seen(), (make_finding("clock.timeline"),), (), made, history=History(events=(event(T - 60),), now=T)
    )
    assert [one.evidence.check for one in found.hypotheses[0].supporting] == ["clock.timeline"]


def test_where_no_check_is_bad_a_change_makes_no_line_a_fault() -> None:
    log = Text(name="log", chunks=(f"{stamp(T)} versions mismatch".encode(),), pasted=False)
    plain = diagnose(Seen(), (), (log,), MADE)
    after = diagnose(Seen(), (), (log,), MADE, history=History(events=(event(T - 60),), now=T + 60))
    assert after == plain


def test_without_a_timeline_nothing_changes() -> None:
    text = Text(name="log", chunks=(b"versions mismatch",))
    assert diagnose(Seen(), (), (text,), MADE) == diagnose(Seen(), (), (text,), MADE, history=NO_HISTORY)
