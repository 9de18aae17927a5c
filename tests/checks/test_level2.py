"""Recorded machines: every probe and check of level 2 at once, exactly the expected findings and no other."""

from __future__ import annotations

import pytest

from keepwell.core.finding import Status
from keepwell.core.metric import Metric
from keepwell.core.observation import Missing
from keepwell.core.ref import device
from keepwell.core.values import row_of
from keepwell.metrics import declared
from tests.checks.level2_case import ENGINE, NODE, case_names, load_case, look


@pytest.mark.parametrize("name", case_names())
async def test_exactly_the_expected_is_bad(name: str) -> None:
    case, outcome = load_case(name), await look(name)
    bad = outcome.bad()
    shown = {check: finding.message for check, finding in bad.items()}
    assert set(bad) == set(case.get("bad", {})), shown
    for check, wanted in case.get("bad", {}).items():
        matching = [one for one in outcome.findings if one.check == check and one.bad]
        assert any(wanted.items() <= one.facts.items() for one in matching), [dict(one.facts) for one in matching]
    well = {one.check for one in outcome.findings if one.status is Status.OK}
    assert set(case.get("good", [])) <= well
    unknown = {one.check for one in outcome.findings if one.status is Status.UNKNOWN}
    assert set(case.get("unknown", {}).get("checks", [])) <= unknown - well


@pytest.mark.parametrize("name", case_names())
async def test_observations_are_as_expected(name: str) -> None:
    case, outcome = load_case(name), await look(name)
    for one, kind in case.get("missing", {}).items():
        value = _value(outcome.seen, one)
        assert isinstance(value, Missing), f"{one} is {value}"
        assert value.kind == kind, f"{one}: {value}"
        assert value.reason
    for one, number in case.get("numbers", {}).items():
        assert _value(outcome.seen, one) == pytest.approx(number), one
    for one, fields in case.get("values", {}).items():
        value = row_of(_value(outcome.seen, one))
        assert fields.items() <= value.items(), f"{one}: {value}"
    for start in case.get("untouched", {}).get("calls", []):
        assert not [call for call in outcome.node.calls if call.startswith(start)]


@pytest.mark.parametrize("name", case_names())
async def test_observations_keep_their_declarations(name: str) -> None:
    """Each is declared, about the right kind of subject, promised by its probe, and a number where it is a metric."""
    outcome = await look(name)
    for probe, found in outcome.made:
        for one in found:
            declaration = declared()[one.name]
            assert one.name in probe.gives
            assert one.subject.kind == declaration.about
            if isinstance(declaration, Metric) and not isinstance(one.value, Missing):
                assert isinstance(one.value, int | float)
                assert not isinstance(one.value, bool)
        if {declared()[one].about for one in probe.gives} <= {"node", "engine"}:  # there may be no device, no service
            assert {one.name for one in found} == set(probe.gives)


@pytest.mark.parametrize("name", case_names())
async def test_facts_are_texts_and_a_check_has_one_finding_for_a_subject(name: str) -> None:
    outcome = await look(name)
    keys = [(one.check, one.subject) for one in outcome.findings]
    assert len(keys) == len(set(keys))
    for one in outcome.findings:
        assert all(isinstance(value, str) and value for value in one.facts.values()), one
        assert one.message
        assert one.evidence, one.check


async def test_the_second_card_that_windows_lends_is_seen_too() -> None:
    seen = (await look("wsl")).seen
    assert seen.value(device("box", 1), "device.memory_used_bytes") == 0


async def test_a_second_look_while_asleep_asks_nothing() -> None:
    """A device that falls asleep between the walk of the bus and the reading is still not woken."""
    outcome = await look("laptop-asleep")
    asked = [call for call in outcome.node.calls if call.endswith("power/runtime_status")]
    assert len(asked) >= 3


def _value(seen: object, name: str) -> object:
    for subject in (device("box", 0), NODE, ENGINE):
        found = seen.find(subject, name)
        if found is not None:
            return found.value
    return f"{name} was not observed"
