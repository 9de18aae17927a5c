"""Plans that the owner decided against are refused, with the decision's own words."""

from __future__ import annotations

from datetime import date

import pytest

from keepwell.config.model import DecisionEntry
from keepwell.conform.protection import find_objection, require_consent
from keepwell.core.errors import RefusedError
from keepwell.core.ref import Ref, engine
from keepwell.core.step import Action, Change, Plan, RemoveFile, SetMode

TODAY = date(2026, 11, 22)
KEEP = DecisionEntry(what="keep these models", why="the class uses them", about="qwen3:8b, llama3.2:3b, phi4")
MODEL = Ref("model", ("box", "e", "qwen3:8b"))


def plan(do: Action, subject: Ref = MODEL) -> Plan:
    change = Change(subject=subject, what="w", before="b", after="a", do=do, undo=None, irreversible="gone")
    return Plan(step="s", check="store.space", subject=engine("box", "e"), why="full", changes=(change,))


REMOVAL = plan(RemoveFile(path="/models/blob", expect_sha256="0"))


def test_a_model_that_is_to_be_kept_is_not_removed() -> None:
    assert find_objection(REMOVAL, [KEEP], TODAY) is KEEP
    with pytest.raises(RefusedError, match="keep these models") as refused:
        require_consent(REMOVAL, [KEEP], TODAY)
    assert "the class uses them" in str(refused.value)


def test_other_models_may_go_and_its_files_may_be_made_readable() -> None:
    other = plan(RemoveFile(path="/models/x", expect_sha256="0"), Ref("model", ("box", "e", "old:1b")))
    assert find_objection(other, [KEEP], TODAY) is None
    assert find_objection(plan(SetMode(path="/models/blob", mode=0o644)), [KEEP], TODAY) is None


def test_an_engine_that_is_to_be_left_alone_is_left_alone() -> None:
    hands_off = DecisionEntry(what="hands off", why="benchmark runs", about="e", until="2026-11-22")
    touch = plan(SetMode(path="/models", mode=0o755), engine("box", "e"))
    assert find_objection(touch, [hands_off], TODAY) is hands_off
    assert find_objection(touch, [hands_off], date(2026, 11, 23)) is None


def test_a_decision_about_a_cause_stops_its_repair() -> None:
    by_check = DecisionEntry(what="w", why="y", check="store.*")
    by_issue = DecisionEntry(what="w", why="y", issue="disk-full")
    assert find_objection(REMOVAL, [by_check], TODAY) is by_check
    assert find_objection(REMOVAL, [by_issue], TODAY, issue="disk-full") is by_issue
    assert find_objection(REMOVAL, [by_issue], TODAY, issue="other") is None
