"""One list of what happened: ordered, each thing once, doubtful times marked, unread sources named."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.event import KINDS, SURE, Event
from keepwell.core.observation import Observation, Seen, Value, failed
from keepwell.core.ref import engine, node
from keepwell.timeline.merge import build_timeline, doubt

HERE = node("box")
NOW = 1_767_225_600.0


def seen(**values: Value) -> Seen:
    return Seen(
        Observation(subject=HERE, name=f"host.{name}", value=value, at=NOW, source="s")
        for name, value in values.items()
    )


def row(at: float, kind: str, what: str, **more: Value) -> dict[str, Value]:
    return {"at": at, "kind": kind, "what": what, "source": "s", **more}


def test_everything_is_told_in_order_and_once() -> None:
    world = seen(
        history=(row(NOW - 900, "boot", "the machine was started"), row(NOW - 60, "package", "x was upgraded")),
        timeline=(row(NOW - 900, "boot", "again"), row(NOW - 50, "process-start", "E was started", pid=7)),
        containers=(
            {
                "name": "web",
                "runtime": "docker",
                "state": "exited",
                "oom_killed": True,
                "created_at": "2025-12-31T23:00:00Z",
                "finished_at": "2025-12-31T23:59:58Z",
                "image": "img:1",
            },
            {"name": "never", "finished_at": "0001-01-01T00:00:00Z", "created_at": "", "state": "created"},
        ),
        files=({"path": "/etc/e.env", "digest": "1", "modified_at": NOW - 30},),
    )
    changed = Event(at=NOW - 30, kind="file", what="/etc/e.env was changed", source="two", about="/etc/e.env", was="A")
    again = Event(at=NOW - 50, kind="process-start", what="box/e was started again", source="two", now="pid 7")
    run = Event(at=NOW - 20, kind="repair", what="keepwell carried out plan-1", source="runs", about="plan-1")
    found = build_timeline(world, HERE, now=NOW, remembered=[changed, again, run])
    assert [(one.kind, one.at - NOW) for one in found.events] == [
        ("container-change", -3600),
        ("boot", -900),
        ("package", -60),
        ("process-start", -50),
        ("file", -30),
        ("repair", -20),
        ("container-stop", -2),
    ]
    assert found.events[4].was == "A"
    assert "memory limit" in found.events[6].what
    assert found.unread == ()


def test_where_the_history_could_not_be_read_the_short_table_counts_and_the_reason_is_told() -> None:
    world = Seen(
        [
            Observation(subject=HERE, name="host.history", value=failed("took too long"), at=NOW, source="s"),
            *seen(timeline=(row(NOW - 9, "boot", "b"),)),
        ]
    )
    found = build_timeline(world, HERE, now=NOW)
    assert [one.kind for one in found.events] == ["boot"]
    assert [one.reason for one in found.unread] == ["took too long"]


def test_what_could_not_be_read_is_named() -> None:
    sources = (
        {"source": "journalctl", "state": "failed", "reason": "not permitted"},
        {"source": "docker events", "state": "absent", "reason": "not on this node"},
        {"source": "wtmp", "state": "read"},
    )
    found = build_timeline(seen(history=(), history_sources=sources), HERE, now=NOW)
    assert [(one.source, one.absent) for one in found.unread] == [("journalctl", False), ("docker events", True)]


def test_models_are_told_by_their_date() -> None:
    pulled: Value = ({"name": "m:1", "modified_at": NOW - 5, "digest": "d"}, {"name": "old", "modified_at": 0.0})
    world = Seen(
        [Observation(subject=engine("box", "e"), name="engine.models", value=pulled, at=NOW, source="/api/tags")]
    )
    (event,) = build_timeline(world, HERE, now=NOW).events
    assert (event.kind, event.about, event.sure, event.source) == ("model", "m:1", "last", "/api/tags")
    assert build_timeline(world, node("other"), now=NOW).events == ()


def event(at: float, kind: str = "package", **more: str) -> Event:
    return Event(at=at, kind=KINDS[KINDS.index(kind)], what="w", source="s", **more)  # type: ignore[arg-type]


def test_times_before_the_clock_was_set_and_in_the_future_are_doubtful() -> None:
    events = [
        event(NOW - 90, "boot"),
        event(NOW - 80),
        event(NOW - 70, "clock", now="3600"),
        event(NOW - 60),
        event(NOW + 3600),
    ]
    assert [one.sure for one in doubt(events, NOW)] == ["clock", "clock", "exact", "exact", "clock"]


def test_a_small_correction_of_the_clock_and_another_boot_leave_times_alone() -> None:
    events = [event(NOW - 90), event(NOW - 80, "boot"), event(NOW - 70, "clock", now="0.5"), event(NOW - 60)]
    assert [one.sure for one in doubt(events, NOW)] == ["exact"] * 4
    later = [event(NOW - 90), event(NOW - 80, "boot"), event(NOW - 70, "clock", now="")]
    assert [one.sure for one in doubt(later, NOW)] == ["exact", "clock", "exact"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["at", "kind", "what", "sure", "about", "now", "after", "modified_at", "path", "name"]),
            st.sampled_from([*KINDS[:8], *SURE]) | st.floats(allow_nan=False) | st.text(max_size=4) | st.just(()),
            max_size=6,
        ),
        max_size=8,
    )
)
def test_rows_of_any_shape_are_ordered_or_left_out(rows: list[dict[str, Value]]) -> None:
    found = build_timeline(
        seen(history=tuple(rows), timeline=tuple(rows), files=tuple(rows), containers=tuple(rows)), HERE, now=NOW
    )
    times = [one.at for one in found.events]
    assert times == sorted(times)
