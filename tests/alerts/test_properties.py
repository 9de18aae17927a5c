"""What holds whatever happens: findings that come and go, silence, restarts, acknowledgements, work and quiet hours."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.alerts.rules import FLOOD_MESSAGES, FLOOD_SECONDS, LONGEST_CLEAR, Rules
from keepwell.alerts.tree import Tree
from keepwell.core.finding import Finding, Status
from keepwell.store.alert_desk import Ack
from tests.alerts.steps import Days, bad

RULES = Rules(hold_warning=60.0, repeat_critical=900.0, repeat_warning=3600.0, settle=120.0)
NEEDS = Tree({"service:web/chat": ("engine:a/x",), "service:web/loop": ("service:web/chat", "service:web/loop")})
SUBJECTS = ("node:a", "engine:a/x", "model:a/x/llama", "service:web/chat", "service:web/loop", "node:b", "device:b/0")
STATUSES = (Status.OK, Status.UNKNOWN, Status.WARNING, Status.CRITICAL)
ALL = frozenset((Status.WARNING, Status.CRITICAL))

findings = st.builds(
    bad, st.sampled_from(("one.check", "two.check")), st.sampled_from(SUBJECTS), st.sampled_from(STATUSES)
)
pins = st.none() | st.dictionaries(st.sampled_from(("s1", "s2")), st.lists(findings, max_size=6), max_size=2)


stretches = st.lists(
    st.tuples(
        st.sampled_from((5.0, 30.0, 120.0, 1200.0)),
        pins,
        st.sampled_from((frozenset(), frozenset((Status.WARNING,)), ALL)),
        st.sampled_from((frozenset(), frozenset(("node:a",)), frozenset(("engine:a/x",)))),
        st.booleans(),
    ),
    max_size=12,
)


def _live(days: Days, happenings: list[tuple[float, object, object, object, bool]]) -> None:
    for seconds, said, quiet, maintained, acked in happenings:
        assert isinstance(quiet, frozenset)
        assert isinstance(maintained, frozenset)
        assert said is None or isinstance(said, dict)
        days.quiet, days.maintained = quiet, maintained
        if acked and days.state.incidents:
            days.acks = {**days.acks, min(days.state.incidents): Ack(at=days.now)}
        step = 5.0
        if seconds > 100:
            step = 15.0
        told = days.go(seconds, said, step=step)
        for telling in told:
            for item in telling.items:
                assert item.severity not in quiet, "quiet hours cover everything, recoveries too"


def _check(days: Days) -> None:
    """No recovery without its alert, nothing twice at once, no flood."""
    known: set[str] = set()
    by_time: dict[float, list[str]] = {}
    for at, telling in days.told:
        for item in telling.items:
            names = {item.incident.id, *item.incident.folded}
            if item.why == "over":
                assert names & known, "a recovery without its alert"
                assert telling.recovery
                known -= names
            elif item.why == "past":
                assert not names & known
                assert item.incident.most is Status.CRITICAL
            else:
                assert (item.why == "new") is not bool(names & known)
                known |= names
            by_time.setdefault(at, []).append(item.incident.id)
    for names_then in by_time.values():
        assert len(names_then) == len(set(names_then)), "two messages for one incident at once"
    times = [at for at, _ in days.told]
    for at in times:
        assert sum(at <= other < at + FLOOD_SECONDS for other in times) <= FLOOD_MESSAGES


@settings(max_examples=80)
@given(stretches)
def test_whatever_happens(happenings: list[tuple[float, object, object, object, bool]]) -> None:
    days = Days(tree=NEEDS, rules=RULES)
    _live(days, happenings)
    _check(days)


@settings(max_examples=40)
@given(stretches, st.lists(findings, min_size=1, max_size=6))
def test_every_critical_is_told_at_last(
    happenings: list[tuple[float, object, object, object, bool]], last: list[Finding]
) -> None:
    days = Days(tree=NEEDS, rules=RULES)
    _live(days, happenings)
    days.quiet, days.maintained, days.acks = frozenset(), frozenset(), {}
    days.go(3 * LONGEST_CLEAR, {"s1": last, "s2": []}, step=60)
    worst = {(one.check, str(one.subject)): one.status for one in sorted(last, key=lambda one: int(one.status))}
    for (check, subject), status in worst.items():
        condition = days.state.conditions.get(f"{check} {subject}")
        if status is Status.CRITICAL:
            assert condition is not None
            assert days.state.incidents[condition.incident].told is Status.CRITICAL
        if status is Status.WARNING:
            assert condition is not None
            assert days.state.incidents[condition.incident].told >= Status.WARNING
    # and all of it ends
    days.go(3 * LONGEST_CLEAR, {"s1": [], "s2": []}, step=60)
    assert not days.state.incidents
    assert not days.state.conditions
    _check(days)


@settings(max_examples=80)
@given(stretches, st.floats(1.0, 600.0))
def test_a_restart_changes_nothing(
    happenings: list[tuple[float, object, object, object, bool]], silence: float
) -> None:
    # `Days.go` writes the state down and reads it again at every step; here nobody says anything after the last one
    days = Days(tree=NEEDS, rules=RULES)
    _live(days, happenings)
    days.quiet, days.maintained, days.acks = ALL, frozenset(), {}
    days.go(3600.0, None, step=60)
    days.quiet = frozenset()
    days.go(1200.0, None, step=60)
    before = days.state
    days.rules = replace(RULES, repeat_critical=1e9, repeat_warning=1e9)
    assert days.go(silence, None, step=60) == []
    assert days.state.incidents.keys() == before.incidents.keys()
    assert days.state.conditions.keys() == before.conditions.keys()


@settings(max_examples=60)
@given(st.lists(st.lists(st.tuples(st.sampled_from(SUBJECTS), st.sampled_from(STATUSES)), max_size=5), max_size=8))
def test_each_condition_that_counts_is_in_one_incident(rounds: list[list[tuple[str, Status]]]) -> None:
    days = Days(tree=NEEDS, rules=RULES)
    for one in rounds:
        days.go(90, {"s": [bad("one.check", subject, status) for subject, status in one]}, step=15)
        for key, condition in days.state.conditions.items():
            if condition.severity is not Status.OK:
                assert condition.incident in days.state.incidents
                assert key in days.state.incidents[condition.incident].keys
        for incident in days.state.incidents.values():
            if not incident.ended_at:
                assert days.state.conditions[incident.root].incident == incident.id
