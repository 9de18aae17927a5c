"""settings.*: malformed, unread, not in force."""

from __future__ import annotations

import pytest

from keepwell.core.finding import Status
from keepwell.core.observation import Value, absent, failed
from tests.checks.judging import engine_seen, findings, of_engine, only, status

WELL: dict[str, Value] = {"value": "5m", "origin": "environment", "kind": "", "problem": ""}
CHECKS = {"settings.valid": "malformed", "settings.read": "unread", "settings.applied": "shadowed"}


@pytest.mark.parametrize(("check", "kind"), CHECKS.items())
def test_each_kind_of_problem_has_its_check_and_its_place(check: str, kind: str) -> None:
    row: dict[str, Value] = {**WELL, "kind": kind, "problem": "odd", "nearest": "MADE_KEEP", "suggested": "10m"}
    wished = of_engine("engine.wished_settings", {"MADE_KEP": {"value": "5x", "file": "/etc/made", "line": 3}})
    seen = [wished, *engine_seen(engine_settings={"MADE_KEP": row, "OTHER": WELL})]
    found = only(check, *seen)
    assert found.bad
    assert (found.facts["name"], found.facts["nearest"], found.facts["wished"]) == ("MADE_KEP", "MADE_KEEP", "10m")
    assert (found.facts["file"], found.facts["line"]) == ("/etc/made", "3")
    for other in CHECKS.keys() - {check}:
        assert status(other, *seen) is Status.OK


def test_several_wrong_settings_are_one_finding_that_counts_them() -> None:
    row: dict[str, Value] = {**WELL, "kind": "unread", "problem": "odd"}
    found = only("settings.read", *engine_seen(engine_settings={"A": row, "B": row, "C": row}))
    assert "2 more" in found.message


def test_what_could_not_be_told_is_unknown_and_what_is_not_there_is_silent() -> None:
    assert status("settings.valid", *engine_seen(engine_settings=failed("no"))) is Status.UNKNOWN
    assert findings("settings.valid", *engine_seen(engine_settings=absent("has none"))) == []
