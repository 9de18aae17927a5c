"""What is known of a cause goes with the message; what cannot be looked at is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from keepwell.app.alerting.explaining import HOURLY, Explaining, explain, make_explanation
from keepwell.app.diagnosing import diagnose_text
from keepwell.app.operation import Caller
from keepwell.app.report import DiagnosisReport
from keepwell.config.model import Config, NodeEntry
from keepwell.core.ref import Ref, engine, node
from keepwell.store.alert_state import Explanation, Incident
from tests.alerts.steps import Days, bad
from tests.app.hub.made import Lines, make_hub
from tests.support import eventually_async, free_port


def _incident(number: int) -> Incident:
    days = Days()
    days.go(30, {"a": [bad("node.reached", "node:gpu01")]})
    (found,) = days.state.incidents.values()
    return replace(found, id=f"a20260101-{number:08x}")


def _say(found: DiagnosisReport | Explanation) -> Explanation:
    assert isinstance(found, Explanation)
    return found


def test_a_likely_cause_comes_with_its_fix_and_commands(tmp_path: Path) -> None:
    caller = Caller(state=tmp_path)
    line = "Error: listen tcp 127.0.0.1:11434: bind: address already in use"
    report = diagnose_text(line, caller)
    found = make_explanation(report)
    assert found.issue == report.causes[0].issue
    assert found.title
    assert found.fix
    assert found.confidence >= 0.5


def test_what_is_wrong_with_one_engine_is_no_cause_of_what_is_wrong_with_another(tmp_path: Path) -> None:
    line = "Error: listen tcp 127.0.0.1:11434: bind: address already in use"
    report = diagnose_text(line, Caller(state=tmp_path))
    (cause, *_) = report.diagnosis.hypotheses
    about = replace(cause, subject=engine("gpu01", "one"))
    report = replace(report, diagnosis=replace(report.diagnosis, hypotheses=(about,), also=()))
    assert make_explanation(report, engine("gpu01", "one")).issue == cause.issue
    assert make_explanation(report, Ref.parse("model:gpu01/one/m")).issue == cause.issue
    assert make_explanation(report, node("gpu01")).issue == cause.issue
    assert make_explanation(report, engine("gpu01", "other")).issue == ""


def test_an_unlikely_one_is_not_told(tmp_path: Path) -> None:
    found = make_explanation(diagnose_text("all is well here", Caller(state=tmp_path)))
    assert found.issue == ""


async def test_a_node_that_cannot_be_reached_is_no_cause(tmp_path: Path) -> None:
    entry = NodeEntry(name="gpu01", address="127.0.0.1", port=free_port(), user="nobody")
    wiring = make_hub(tmp_path, config=Config(nodes=(entry,))).wiring
    found = _say(await explain(wiring, "gpu01"))
    assert found.issue == ""
    assert found.why_not
    assert "nothing" not in found.why_not
    assert _say(await explain(wiring, "no such node")).why_not


async def test_one_look_serves_a_node_and_looks_are_limited(tmp_path: Path) -> None:
    entry = NodeEntry(name="gpu01", address="127.0.0.1", port=free_port(), user="nobody")
    wiring = make_hub(tmp_path, config=Config(nodes=(entry,))).wiring
    explaining = Explaining(Lines().tell)
    incidents = [_incident(number) for number in range(2 * HOURLY)]
    explaining.ask(wiring, incidents, 1000.0)

    async def done() -> bool:
        return len(explaining.explained) == HOURLY

    await eventually_async(done, 20.0)
    await explaining.close()
    assert {one.why_not for one in explaining.explained.values()} != {""}
