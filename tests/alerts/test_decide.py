"""One incident is one message and one recovery, whatever depends on it and whoever restarts meanwhile."""

from __future__ import annotations

from keepwell.alerts.rules import FLOOD_MESSAGES, FLOOD_SECONDS, FORGET_SECONDS, Rules
from keepwell.alerts.tree import Tree
from keepwell.alerts.wording import render_telling
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import Ref
from keepwell.store.alert_desk import Ack
from keepwell.store.alert_state import Explanation
from tests.alerts.steps import Days, bad, whys

NODE = "node:gpu01"
WARNING, CRITICAL = Status.WARNING, Status.CRITICAL


def _dependents(count: int = 50) -> list[Finding]:
    return [bad("engine.responding", f"engine:gpu01/ollama:{20000 + one}") for one in range(count)]


def test_a_node_with_fifty_dependents_is_one_message_and_one_recovery() -> None:
    days = Days()
    days.go(60, {"nodes": [], "engines": []})
    # the engines are missed first, the node's own finding comes half a minute later
    assert days.go(30, {"nodes": [], "engines": _dependents()}) == []
    (first,) = days.go(1800, {"nodes": [bad("node.reached", NODE)], "engines": _dependents()})
    (item,) = first.items
    assert (item.why, item.incident.subject, len(item.affected)) == ("new", NODE, 50)
    # the node is back at once, its engines one after another
    back = days.go(120, {"nodes": [], "engines": _dependents()})
    back += days.go(120, {"nodes": [], "engines": _dependents(20)})
    back += days.go(600, {"nodes": [], "engines": []})
    (over,) = back
    assert over.recovery
    assert [one.why for one in over.items] == ["over"]
    assert over.items[0].incident.id == item.incident.id
    assert not days.state.incidents
    assert not days.state.conditions


def test_what_needs_a_service_is_part_of_its_incident() -> None:
    tree = Tree({"service:web/chat": ("engine:gpu01/vllm",), "service:web/search": ("service:web/chat",)})
    days = Days(tree=tree)
    found = [bad("service.responding", "service:web/search"), bad("service.responding", "service:web/chat")]
    told = days.go(600, {"a": found, "b": [bad("engine.running", "engine:gpu01/vllm")]})
    assert whys(told) == ["new"]
    assert told[0].items[0].incident.subject == "engine:gpu01/vllm"
    assert set(told[0].items[0].affected) == {"service:web/chat", "service:web/search"}


def test_a_root_that_is_found_late_takes_over_what_was_told() -> None:
    days = Days()
    engines = [bad("engine.responding", "engine:gpu01/ollama"), bad("engine.responding", "engine:gpu01/vllm")]
    first = days.go(300, {"engines": engines})
    assert whys(first) == ["new", "new"]
    late = days.go(300, {"engines": engines, "nodes": [bad("node.reached", NODE)]})
    assert whys(late) == ["more"]
    assert late[0].items[0].incident.subject == NODE
    assert len(late[0].items[0].incident.folded) >= 1
    assert whys(days.go(600, {"engines": [], "nodes": []})) == ["over"]


def test_a_warning_above_does_not_hide_what_is_critical_below() -> None:
    days = Days()
    days.go(900, {"nodes": [bad("memory.swap", NODE, WARNING)]})
    told = days.go(300, {"nodes": [bad("memory.swap", NODE, WARNING)], "e": [bad("engine.running", "engine:gpu01/x")]})
    assert whys(told) == ["new"]
    assert told[0].items[0].incident.subject == "engine:gpu01/x"


def test_what_is_left_when_the_root_is_well_is_told_in_the_end() -> None:
    days = Days()
    engine = [bad("engine.running", "engine:gpu01/x")]
    days.go(300, {"nodes": [bad("node.reached", NODE)], "engines": engine})
    told = days.go(1200, {"nodes": [], "engines": engine})
    assert whys(told) == ["more"]
    assert told[0].items[0].incident.check == "engine.running"
    assert whys(days.go(300, {"nodes": [], "engines": []})) == ["over"]


def test_short_trouble_is_no_message() -> None:
    days = Days()
    assert days.go(15, {"a": [bad("engine.responding", "engine:a/x")]}) == []
    assert days.go(600, {"a": []}) == []
    assert days.go(290, {"a": [bad("disk.space", "mount:a//", WARNING)]}) == []
    assert days.go(600, {"a": []}) == []


def test_a_silent_source_is_no_recovery_until_a_day_has_passed() -> None:
    days = Days()
    assert whys(days.go(300, {"a": [bad("engine.running", "engine:a/x")], "b": []})) == ["new"]
    days.rules = Rules(repeat_critical=1e9)
    assert days.go(FORGET_SECONDS - 300, {"b": []}, step=300) == []
    assert whys(days.go(2000, {"b": []}, step=300)) == ["over"]


def test_unknown_is_neither_wrong_nor_well() -> None:
    days = Days()
    days.go(300, {"a": [bad("engine.running", "engine:a/x")]})
    assert days.go(1800, {"a": [bad("engine.running", "engine:a/x", Status.UNKNOWN)]}) == []
    assert len(days.state.incidents) == 1
    assert Days().go(1800, {"a": [bad("engine.running", "engine:a/x", Status.UNKNOWN)]}) == []


def test_it_is_told_again_until_somebody_knows() -> None:
    days = Days(rules=Rules(repeat_critical=600.0))
    found = {"a": [bad("engine.running", "engine:a/x")]}
    assert whys(days.go(1900, found)) == ["new", "again", "again", "again"]
    (name,) = days.state.incidents
    days.acks = {name: Ack(at=days.now, by="alice")}
    assert days.go(7200, found) == []
    assert days.state.incidents[name].acked_by == "alice"
    worse = {"a": [bad("engine.running", "engine:a/x"), bad("engine.healthy", "engine:a/x")]}
    assert days.go(1200, worse) == []


def test_worse_is_news_also_for_who_knows() -> None:
    days = Days()
    days.go(900, {"a": [bad("device.hot", "device:a/0", WARNING)]})
    (name,) = days.state.incidents
    days.acks = {name: Ack(at=days.now, by="bob")}
    assert whys(days.go(120, {"a": [bad("device.hot", "device:a/0")]})) == ["more"]
    assert not days.state.incidents[name].acked_at
    # and back to a warning, and up again: nothing new
    assert days.go(300, {"a": [bad("device.hot", "device:a/0", WARNING)]}) == []
    assert days.go(300, {"a": [bad("device.hot", "device:a/0")]}) == []


def test_quiet_hours_cover_recoveries() -> None:
    days = Days()
    found = {"a": [bad("engine.running", "engine:a/x")]}
    assert whys(days.go(300, found)) == ["new"]
    days.quiet = frozenset((WARNING, CRITICAL))
    assert days.go(3600, {"a": []}) == []
    days.quiet = frozenset()
    assert whys(days.go(60, {"a": []})) == ["over"]


def test_what_comes_back_in_quiet_hours_is_the_incident_that_people_know() -> None:
    days = Days()
    found = {"a": [bad("engine.running", "engine:a/x")]}
    days.go(300, found)
    (name,) = days.state.incidents
    days.quiet = frozenset((WARNING, CRITICAL))
    days.go(600, {"a": []})
    days.go(600, found)
    days.quiet = frozenset()
    assert days.go(60, found) == []
    assert list(days.state.incidents) == [name]


def test_what_was_critical_and_over_in_quiet_hours_is_told_after_them() -> None:
    days = Days(quiet=frozenset((WARNING, CRITICAL)))
    days.go(600, {"a": [bad("engine.running", "engine:a/x"), bad("disk.space", "mount:b//", WARNING)]})
    assert days.go(1200, {"a": []}) == []
    days.quiet = frozenset()
    told = days.go(60, {"a": []})
    assert whys(told) == ["past"]
    assert not told[0].recovery
    assert not days.state.incidents


def test_quiet_for_warnings_lets_criticals_through() -> None:
    days = Days(quiet=frozenset((WARNING,)))
    found = {"a": [bad("engine.running", "engine:a/x"), bad("disk.space", "mount:b//", WARNING)]}
    assert whys(days.go(900, found)) == ["new"]
    days.quiet = frozenset()
    assert whys(days.go(60, found)) == ["new"]


def test_what_is_worked_on_is_told_when_it_is_still_wrong_afterwards() -> None:
    days = Days(maintained=frozenset((NODE,)))
    found = {"a": [bad("engine.running", "engine:gpu01/x")]}
    assert days.go(3600, found) == []
    days.maintained = frozenset()
    assert whys(days.go(300, found)) == ["new"]
    days.maintained = frozenset((NODE,))
    assert days.go(86_400, found, step=60) == []
    assert whys(days.go(600, {"a": []})) == ["over"]


def test_maintenance_that_begins_before_the_message_leaves_nothing() -> None:
    days = Days()
    found = {"a": [bad("engine.running", "engine:gpu01/x")]}
    assert days.go(40, found) == []
    assert days.state.incidents
    days.maintained = frozenset((NODE,))
    assert days.go(600, found) == []
    assert not days.state.incidents


def test_a_flood_is_few_messages_that_hold_all_of_it() -> None:
    days = Days()
    found: list[Finding] = []
    for one in range(60):
        found.append(bad("engine.running", f"engine:n{one}/x"))
        days.go(10, {"a": found})
    days.go(900, {"a": found})
    told = [item.incident.subject for _, telling in days.told for item in telling.items if item.why == "new"]
    assert sorted(told) == sorted(f"engine:n{one}/x" for one in range(60))
    times = [at for at, _ in days.told]
    assert max(sum(at <= other < at + FLOOD_SECONDS for other in times) for at in times) == FLOOD_MESSAGES


def test_what_comes_and_goes_is_held_longer_each_time() -> None:
    days = Days()
    for _ in range(40):
        days.go(120, {"a": [bad("engine.running", "engine:a/x")]})
        days.go(120, {"a": []})
    assert len(days.told) <= 10
    days.go(7200, {"a": []}, step=60)
    assert not days.state.incidents


def test_the_cause_that_was_found_is_part_of_the_message() -> None:
    days = Days()
    found = {"a": [bad("engine.running", "engine:gpu01/x")]}
    days.go(30, found)
    (name,) = days.state.incidents
    known = Explanation(issue="disk-full", title="The disk is full", confidence=0.9, fix="Free it", commands=("df -h",))
    days.explained = {name: known}
    (telling,) = days.go(120, found)
    told = render_telling(telling, days.now, None)
    assert told is not None
    assert told.notice.severity == "critical"
    for word in ("The disk is full", "90 %", "Free it", "df -h", "keepwell explain disk-full", name):
        assert word in told.notice.body
    assert told.notice.labels["alertname"] == "engine.running"


def test_words_from_the_world_are_harmless_in_messages() -> None:
    days = Days()
    (telling,) = days.go(120, {"a": [bad("engine.running", "engine:a/x", message="died: \x1b]0;evil\x07 \u202e")]})
    told = render_telling(telling, days.now, None)
    assert told is not None
    assert "\x1b" not in told.notice.title + told.notice.body
    assert "\u202e" not in told.notice.title + told.notice.body


def test_who_wants_critical_ones_alone_gets_their_recovery_alone() -> None:
    days = Days()
    found = {"a": [bad("disk.space", "mount:b//", WARNING)], "b": [bad("engine.running", "engine:a/x")]}
    days.go(900, found)
    days.go(300, {"a": [], "b": []})
    got = [render_telling(one, days.now, None, least=CRITICAL) for _, one in days.told]
    assert [one.notice.severity for one in got if one] == ["critical", "resolved"]
    (subject,) = {one.notice.labels["subject"] for one in got if one}
    assert Ref.parse(subject).kind == "engine"


def test_thirty_nodes_that_are_lost_within_half_a_minute_are_one_message() -> None:
    days = Days()
    found: list[Finding] = []
    for one in range(30):
        found.append(bad("node.reached", f"node:n{one}"))
        days.go(1, {"nodes": found}, step=1)
    (telling,) = days.go(600, {"nodes": found}, step=1)
    assert len(telling.items) == 30
    (over,) = days.go(600, {"nodes": []}, step=1)
    assert len(over.items) == 30


def test_what_was_told_as_critical_is_not_news_when_it_is_critical_again() -> None:
    days = Days(rules=Rules(repeat_warning=1800.0))
    hot, warm = {"a": [bad("device.hot", "device:a/0")]}, {"a": [bad("device.hot", "device:a/0", WARNING)]}
    assert whys(days.go(300, hot)) == ["new"]
    assert whys(days.go(2000, warm)) == ["again"]
    assert days.go(300, hot) == []
    (over,) = days.go(300, {"a": []})
    assert over.items[0].severity is CRITICAL


def test_what_nobody_could_be_told_of_for_a_day_after_its_end_is_let_go() -> None:
    days = Days(quiet=frozenset((WARNING, CRITICAL)))
    days.go(300, {"a": [bad("engine.running", "engine:a/x")]})
    days.go(FORGET_SECONDS - 600, {"a": []}, step=300)
    assert days.state.incidents
    days.go(1800, {"a": []}, step=300)
    assert not days.state.incidents
    assert days.told == []
