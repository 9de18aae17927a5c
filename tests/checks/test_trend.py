"""What fills up and what became slower, judged from rows."""

from __future__ import annotations

from keepwell.checks.trend import judge_rooms, judge_steps
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import node

GIB = 1024.0**3
ROOM: dict[str, Value] = {
    "subject": "mount:gpu01//var",
    "kind": "disk",
    "used_bytes": 700 * GIB,
    "total_bytes": 1000 * GIB,
    "used_ratio": 0.7,
    "growth_bytes_per_day": 50 * GIB,
    "days": 6.0,
    "soonest_days": 4.6,
    "latest_days": 11.0,
    "sure": True,
    "since": 0.0,
}
STEP: dict[str, Value] = {
    "subject": "engine:gpu01/big",
    "name": "median seconds a token",
    "at": 1000.0,
    "earliest": 900.0,
    "before": 0.02,
    "after": 0.05,
    "chance": 1e-6,
    "worse": True,
    "standing": True,
    "events": ("the driver was updated",),
}


def room(**changes: Value) -> Finding:
    """The finding of one room."""
    row = {name: value for name, value in {**ROOM, **changes}.items() if value != "gone"}
    seen = Seen([Observation(subject=node("gpu01"), name="trend.rooms", value=(row,), at=5000.0, source="s")])
    (found,) = judge_rooms(seen)
    return found


def test_a_week_ahead_is_told() -> None:
    found = room()
    assert found.status is Status.WARNING
    assert str(found.subject) == "mount:gpu01//var"
    assert found.message == "70 % of 1e+03 GiB are used, 50 GiB more each day: full in 6 days (4.6 days to 11 days)"
    assert found.facts["kind"] == "ahead"
    assert found.facts["days"] == "6.00"


def test_further_away_or_not_sure_is_well() -> None:
    assert room(days=8.0).status is Status.OK
    assert room(sure=False).status is Status.OK
    assert "does not surely grow" in room(sure=False).message
    never = room(days="gone", soonest_days="gone", latest_days="gone", growth_bytes_per_day=-1.0, sure=False)
    assert never.status is Status.OK
    assert room(problem="too few moments were measured").message.endswith("too few moments were measured")


def test_within_a_day_is_urgent() -> None:
    assert room(days=0.9).status is Status.CRITICAL


def test_a_disk_is_told_at_four_fifths_and_memory_is_filled_on_purpose() -> None:
    assert room(used_ratio=0.8, sure=False).facts["kind"] == "level"
    assert room(used_ratio=0.8, sure=False).status is Status.WARNING
    assert room(used_ratio=0.95, sure=False, kind="memory").status is Status.OK
    assert room(used_ratio=0.95, kind="memory").status is Status.WARNING


def test_an_end_that_is_open_is_said_so() -> None:
    assert "(4.6 days at the soonest)" in room(latest_days="gone").message


def steps(*rows: dict[str, Value]) -> list[Finding]:
    """Findings of these steps."""
    seen = Seen([Observation(subject=node("gpu01"), name="trend.steps", value=rows, at=8200.0, source="s")])
    return list(judge_steps(seen))


def test_a_step_is_told_with_what_changed_before_it() -> None:
    (found,) = steps(STEP)
    assert found.status is Status.WARNING
    assert found.message == (
        "median seconds a token went from 0.02 to 0.05 2 h ago; shortly before: the driver was updated"
    )


def test_better_or_over_is_no_finding_and_the_newest_of_one_thing_counts() -> None:
    assert steps({**STEP, "worse": False}) == []
    assert steps({**STEP, "standing": False}) == []
    (found,) = steps(STEP, {**STEP, "at": 5000.0, "name": "other"})
    assert found.facts["name"] == "other"
