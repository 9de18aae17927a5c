"""All together: healthy gives nothing, two faults are both named, subjects and fixes are right, garbage is harmless."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core import ref
from keepwell.core.finding import Finding, Status
from keepwell.core.hypothesis import Diagnosis
from keepwell.core.issue import Command, Evidence, Fix
from keepwell.core.observation import Observation, Seen
from keepwell.diagnose.catalogue import Catalogue, load_catalogue
from keepwell.diagnose.diagnosis import EXCERPT_BYTES, Text, diagnose
from keepwell.scan.signature import ORDINARY
from tests.diagnose.made import ENGINE, make_catalogue, make_finding, make_issue

SHIPPED = load_catalogue()
OTHER = ref.engine("box", "beta")
MADE = make_catalogue(
    make_issue(
        "disk",
        Evidence(say="disk", weight=5.0, check="disk.space"),
        Evidence(say="line", weight=4.0, match=("no space left",)),
        fixes=(Fix(say="free {path}", commands=(Command(argv=("{start_argv}",)),)),),
        follow_ups=("giving up",),
    ),
    make_issue(
        "port",
        Evidence(say="port", weight=5.0, check="address.port"),
        Evidence(say="line", weight=4.0, match=("port taken",)),
    ),
    make_issue("stopped", Evidence(say="stopped", weight=3.0, check="engine.running")),
    make_issue("wordy", Evidence(say="wordy", weight=4.0, match=("giving up",))),
)


def diagnose_text(text: str, catalogue: Catalogue = MADE, *, pasted: bool = True) -> Diagnosis:
    """The diagnosis of one text."""
    return diagnose(Seen(), (), (Text(name="t", chunks=(text.encode(),), pasted=pasted),), catalogue)


def diagnose_findings(*findings: Finding, seen: Seen | None = None) -> Diagnosis:
    """The diagnosis of findings."""
    return diagnose(seen or Seen(), findings, (), MADE)


def test_nothing_bad_gives_nothing() -> None:
    found = diagnose_findings(make_finding("disk.space", Status.OK), make_finding("engine.running", Status.OK))
    assert (found.hypotheses, found.unknown, found.also, found.next_probe) == ((), 1.0, (), None)


def test_healthy_logs_give_no_cause() -> None:
    log = ORDINARY.read_text()
    found = diagnose_text(log, SHIPPED, pasted=False)
    assert all(one.confidence < 0.5 for one in found.hypotheses), [one.issue for one in found.hypotheses]
    assert len(log) > EXCERPT_BYTES
    assert diagnose_text(log, SHIPPED, pasted=True).hypotheses == found.hypotheses


def test_an_engine_that_looks_for_gpus_of_every_maker_finds_no_fault() -> None:
    """What a real Ollama 0.9.3 writes with OLLAMA_DEBUG on a machine that never had a GPU."""
    head = "time=2026-11-22T10:00:00.000Z level="
    log = (
        f'{head}INFO source=routes.go:1235 msg="server config" env="map[HSA_OVERRIDE_GFX_VERSION:]"\n'
        f'{head}INFO source=gpu.go:217 msg="looking for compatible GPUs"\n'
        f'{head}DEBUG source=amd_linux.go:419 msg="amdgpu driver not detected /sys/module/amdgpu"\n'
        f'{head}INFO source=types.go:130 msg="inference compute" id=0 library=cpu variant="" compute=""\n'
    )
    for pasted in (False, True):
        found = diagnose_text(log, SHIPPED, pasted=pasted)
        assert all(one.confidence < 0.5 for one in found.hypotheses), [one.issue for one in found.hypotheses]
    card = f"{log}VGA compatible controller: AMD Radeon RX 7900 XTX\n"
    assert diagnose_text(card, SHIPPED).hypotheses[0].issue == "kernel-module-not-loaded"


def test_two_faults_are_both_named() -> None:
    found = diagnose_text("no space left\ngiving up\nport taken\n")
    assert {found.hypotheses[0].issue, *(one.issue for one in found.also)} == {"disk", "port"}


def test_a_symptom_is_no_second_fault() -> None:
    found = diagnose_findings(make_finding("disk.space"), make_finding("engine.running"))
    assert found.hypotheses[0].issue == "disk"
    assert found.also == ()


def test_two_engines_are_two_situations() -> None:
    found = diagnose_findings(make_finding("disk.space"), make_finding("address.port", subject=OTHER))
    named = {(one.issue, str(one.subject)) for one in (found.hypotheses[0], *found.also)}
    assert named == {("disk", str(ENGINE)), ("port", str(OTHER))}


def test_a_fault_of_the_node_is_named_once() -> None:
    mount = ref.Ref("mount", ("box", "/"))
    found = diagnose_findings(
        make_finding("disk.space", subject=mount),
        make_finding("engine.running"),
        make_finding("engine.running", subject=OTHER),
    )
    assert [one.issue for one in (found.hypotheses[0], *found.also)] == ["disk"]


def test_the_fix_is_filled_from_the_finding_and_the_supervisor() -> None:
    supervisor = {"kind": "process", "unit": "", "start": ("serve", "--all"), "restart": ()}
    seen = Seen([Observation(subject=ENGINE, name="engine.supervisor", value=supervisor, at=0.0, source="test")])
    found = diagnose_findings(make_finding("disk.space", facts={"path": "/srv"}), seen=seen)
    fix = found.hypotheses[0].fix
    assert fix is not None
    assert (fix.say, fix.commands, fix.missing) == ("free /srv", (Command(argv=("serve", "--all")),), ())


def test_logs_among_the_observations_are_read_and_quoted_by_line() -> None:
    log = {"lines": ("fine", "no space left"), "first_line": 41, "truncated_bytes": 0}
    seen = Seen([Observation(subject=ENGINE, name="log.text", value=log, at=0.0, source="file /var/log/x")])
    first = diagnose(seen, (), (), MADE).hypotheses[0]
    assert (first.issue, first.subject) == ("disk", ENGINE)
    assert (first.supporting[0].quote, first.supporting[0].source) == ("no space left", "file /var/log/x:42")


def test_what_a_refuter_strikes_is_shown_apart() -> None:
    refuted = make_catalogue(
        make_issue(
            "x",
            Evidence(say="line", weight=4.0, match=("it broke",)),
            Evidence(say="there is room", weight=-1.0, match=("all is well",), rules_out=True),
        )
    )
    found = diagnose_text("it broke\nall is well", refuted)
    assert found.hypotheses == ()
    assert [(one.issue, one.ruled_out, one.confidence) for one in found.ruled_out] == [("x", "there is room", 0.0)]


@given(st.text(max_size=300))
@settings(max_examples=60)
def test_garbage_never_raises(text: str) -> None:
    found = diagnose_text(text, SHIPPED)
    assert math.isclose(sum(one.confidence for one in found.hypotheses) + found.unknown, 1.0)


@pytest.mark.parametrize("value", ["text", 3, {"lines": 5}, {"lines": ("a", 3)}, ("a",)])
def test_odd_log_observations_are_harmless(value: object) -> None:
    seen = Seen([Observation(subject=ENGINE, name="log.text", value=value, at=0.0, source="s")])
    assert diagnose(seen, (), (), MADE).hypotheses == ()


def test_what_keepwell_itself_asked_for_stands_in_a_log_and_is_nobody_s_trouble() -> None:
    lines = ("all is quiet", '403 GET "/v1/models?keepwell=origin" port taken')
    log = Observation(subject=ENGINE, name="log.text", value={"lines": lines}, at=0.0, source="file /x.log")
    assert diagnose(Seen([log]), (), (), MADE).hypotheses == ()
    others = Observation(
        subject=ENGINE, name="log.text", value={"lines": (lines[1], "port taken")}, at=0.0, source="file /x.log"
    )
    (cause,) = diagnose(Seen([others]), (), (), MADE).hypotheses
    assert cause.supporting[0].source == "file /x.log:2"
