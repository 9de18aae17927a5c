"""The owner's word applied to a look: what it answers is no trouble, and is said where it shows."""

from __future__ import annotations

from keepwell.app.report import EnginePicture, NodePicture
from keepwell.app.word import find_names, judge_with_word, mark_decided
from keepwell.config.model import Config, DecisionEntry, NodeEntry
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Observation, Seen, unknown
from keepwell.core.ref import engine, node
from keepwell.fleet.decisions import Decided, Decisions
from keepwell.timeline import build_timeline

NOW = 1_767_225_600.0
ENGINE = engine("box", "e")
STOPPED = Finding(
    check="engine.running",
    subject=ENGINE,
    status=Status.CRITICAL,
    message="E at http://x is not running",
    facts={"kind": "stopped"},
)
FULL = Finding(check="disk.space", subject=node("box"), status=Status.CRITICAL, message="full")
SEEN = Seen(
    [
        Observation(subject=ENGINE, name="engine.version", value="1", at=NOW, source="s"),
        Observation(subject=ENGINE, name="engine.models", value=({"name": "m:1"},), at=NOW, source="s"),
    ]
)


def decision(**more: str) -> DecisionEntry:
    return DecisionEntry(**{"what": "off for now", "why": "noise", **more})


def test_a_decided_finding_is_neither_open_nor_a_cause() -> None:
    config = Config(decisions=(decision(check="engine.running"),))
    judged = judge_with_word(config, SEEN, [STOPPED, FULL], NOW)
    assert judged.findings == (FULL,)
    assert [one.finding for one in judged.decisions.decided] == [STOPPED]
    assert "engine-not-running" not in {one.issue for one in judged.diagnosis.hypotheses}


def test_a_decided_cause_is_last_and_takes_its_finding_along() -> None:
    config = Config(decisions=(decision(issue="engine-not-running"),))
    judged = judge_with_word(config, SEEN, [STOPPED], NOW)
    assert judged.diagnosis.hypotheses[-1].issue == "engine-not-running"
    assert judged.diagnosis.hypotheses[-1].decided == "decided: off for now (noise)"
    assert judged.findings == ()
    assert judged.decisions.unused == ()


def test_a_decision_for_nothing_is_named_and_an_expired_one_no_longer_counts() -> None:
    typo, old = decision(check="engine.runing"), decision(check="engine.running", until="2020-01-01")
    judged = judge_with_word(Config(decisions=(typo, old)), SEEN, [STOPPED], NOW)
    assert judged.findings == (STOPPED,)
    assert judged.decisions.expired == (old,)
    (unused,) = judged.decisions.unused
    assert unused.nearest == "engine.running"


def test_without_decisions_nothing_is_asked() -> None:
    judged = judge_with_word(Config(), SEEN, [FULL], NOW)
    assert judged.findings == (FULL,)
    assert judged.decisions == Decisions()


def test_things_are_known_by_every_name() -> None:
    names = find_names(Config(nodes=(NodeEntry(name="gpu01"),)), SEEN)
    assert {"gpu01", "box", "e", "engine:box/e", "m:1"} <= set(names.things)
    assert "gpu.placement" in names.checks
    assert "disk-full" in names.issues


def test_the_picture_says_what_was_decided() -> None:
    made = EnginePicture(
        ref=ENGINE,
        title="E",
        url="http://x",
        version=unknown("no"),
        status=Status.OK,
        state="well",
        supervisor="",
        log="",
        models=unknown("no"),
        loaded=unknown("no"),
        requests_running=unknown("no"),
        requests_waiting=unknown("no"),
    )
    picture = NodePicture(
        ref=node("box"),
        system="",
        cores=unknown("no"),
        memory_total_bytes=unknown("no"),
        memory_available_bytes=unknown("no"),
        devices=(),
        engines=(made,),
    )
    decided = Decisions(decided=(Decided(finding=STOPPED, decision=decision()),))
    assert mark_decided(picture, decided).engines[0].state == "is not running (decided)"
    assert mark_decided(picture, Decisions()) == picture


def test_what_changed_before_a_finding_speaks_for_its_cause_from_the_observations_alone() -> None:
    box = node("box")
    row = {
        "at": NOW - 900,
        "kind": "package",
        "what": "nvidia-utils was upgraded",
        "source": "dpkg.log",
        "topic": "driver",
    }
    seen = Seen([Observation(subject=box, name="host.history", value=(row,), at=NOW, source="s")])
    bad = Finding(
        check="gpu.versions", subject=box, status=Status.CRITICAL, message="differ", facts={"kind": "mismatch"}
    )
    events = build_timeline(seen, box, now=NOW).events
    plain = judge_with_word(Config(), seen, [bad], NOW).diagnosis.hypotheses[0]
    timed = judge_with_word(Config(), seen, [bad], NOW, events=events).diagnosis.hypotheses[0]
    assert plain.issue == timed.issue == "driver-library-version-mismatch"
    assert timed.score > plain.score
    assert [one.quote for one in timed.supporting if one.source == "dpkg.log"] == ["nvidia-utils was upgraded"]
