"""Judging settings: what is in force, malformed, unread or shadowed, by a table made here."""

from __future__ import annotations

import pytest

from keepwell.core.secret import MASK
from keepwell.plugins.engine import Effective, Setting
from keepwell.plugins.settings import Grammar, Sources, is_read, judge_settings, nearest_name, parse_release

TABLE = (
    Setting(name="MADE_PORT", kind="port", default="7000", flag="--port"),
    Setting(name="MADE_SLOTS", kind="integer", default="1", choices=("auto",)),
    Setting(name="MADE_MODE", kind="choice", default="fast", choices=("fast", "slow")),
    Setting(name="MADE_SHARE", kind="number", default="0.9"),
    Setting(name="MADE_FOLDER", kind="path"),
    Setting(name="MADE_KEY", kind="text", secret=True),
    Setting(name="MADE_OLD", kind="text", until="1.4"),
    Setting(name="MADE_NEW", kind="text", since="2.0"),
)
GRAMMAR = Grammar(settings=TABLE, prefixes=("MADE_",), also_read=frozenset({"MADE_QUIET"}))


def judge(version: str = "", **sources: object) -> dict[str, Effective]:
    """Verdicts by name."""
    return {one.name: one for one in judge_settings(GRAMMAR, Sources(**sources), version)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "suggested"),
    [
        ("MADE_PORT", "0", "7000"),
        ("MADE_PORT", "70000", "7000"),
        ("MADE_PORT", "٣", "7000"),
        ("MADE_SLOTS", "4 slots", "4"),
        ("MADE_SLOTS", "-1", "1"),
        ("MADE_MODE", "slwo", "slow"),
        ("MADE_MODE", "x", "fast"),
        ("MADE_SHARE", "90%", "0.9"),
        ("MADE_FOLDER", "$HOME/x", ""),
    ],
)
def test_malformed(name: str, value: str, suggested: str) -> None:
    found = judge(environment={name: value}, running=True)[name]
    assert (found.kind, found.suggested, found.origin) == ("malformed", suggested, "environment")
    assert name in found.problem


@pytest.mark.parametrize(
    ("name", "value"),
    [("MADE_PORT", "80"), ("MADE_SLOTS", "auto"), ("MADE_MODE", "slow"), ("MADE_SHARE", ".5"), ("MADE_FOLDER", "/x")],
)
def test_well_formed(name: str, value: str) -> None:
    assert judge(environment={name: value}, running=True)[name].kind == ""


@pytest.mark.parametrize(
    ("version", "read"),
    [("1.3", True), ("1.4", True), ("1.4.9", True), ("v1.4.9-rc1", True), ("1.5", False), ("", True), ("what", True)],
)
def test_releases(version: str, read: bool) -> None:
    assert is_read(TABLE[6], version) is read
    assert is_read(TABLE[7], "2.0.1")
    assert not is_read(TABLE[7], "1.9.9")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0.9.3", (0, 9, 3)), ("v0.30.0-rc2", (0, 30, 0)), ("b11434-ab", (11434,)), ("", ()), ("x", ())],
)
def test_release_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_release(text) == numbers


def test_unread() -> None:
    found = judge(
        "1.9", environment={"MADE_PROT": "1", "MADE_OLD": "1", "MADE_NEW": "1", "MADE_QUIET": "1", "OTHER": "1"}
    )
    assert (found["MADE_PROT"].kind, found["MADE_PROT"].nearest) == ("unread", "MADE_PORT")
    assert "any more" in found["MADE_OLD"].problem
    assert "came with 2.0" in found["MADE_NEW"].problem
    assert not {"MADE_QUIET", "OTHER"} & found.keys()
    assert nearest_name("SOMETHING_ELSE", TABLE, "") == ""


def test_what_the_engine_itself_logs_is_not_judged() -> None:
    found = judge(logged={"MADE_PORT": "http", "MADE_UNKNOWN": "1", "MADE_SLOTS": ""}, running=True)
    assert [(name, one.kind, one.origin) for name, one in found.items()] == [
        ("MADE_PORT", "", "log"),
        ("MADE_UNKNOWN", "", "log"),
    ]


def test_an_argument_comes_first() -> None:
    found = judge(environment={"MADE_PORT": "1"}, arguments={"MADE_PORT": "2"}, running=True)["MADE_PORT"]
    assert (found.value, found.origin, found.kind) == ("2", "argument", "shadowed")
    same = judge(environment={"MADE_PORT": "2"}, arguments={"MADE_PORT": "2"}, running=True)["MADE_PORT"]
    assert same.kind == ""


def test_wishes_against_what_runs() -> None:
    other = judge(environment={"MADE_PORT": "1"}, wished={"MADE_PORT": "2", "MADE_MODE": "slow"}, running=True)
    assert (other["MADE_PORT"].kind, other["MADE_PORT"].value, other["MADE_PORT"].wished) == ("shadowed", "1", "2")
    assert (other["MADE_MODE"].kind, other["MADE_MODE"].value) == ("shadowed", "fast"), "the default is in force"
    hidden = judge(wished={"MADE_MODE": "slow"}, running=True)
    assert hidden == {}, "a process that cannot be looked into proves nothing"
    logged = judge(logged={"MADE_MODE": "fast"}, wished={"MADE_MODE": "slow"}, running=True)
    assert (logged["MADE_MODE"].kind, logged["MADE_MODE"].origin) == ("shadowed", "log")


def test_wishes_while_nothing_runs() -> None:
    found = judge(wished={"MADE_PORT": "x", "MADE_MODE": "slow", "MADE_PROT": "1"})
    assert [(name, one.kind, one.origin) for name, one in found.items()] == [
        ("MADE_PORT", "malformed", "file"),
        ("MADE_MODE", "", "file"),
        ("MADE_PROT", "unread", "file"),
    ]


def test_secrets_stay_out_of_sentences() -> None:
    found = judge(environment={"MADE_KEY": "one"}, wished={"MADE_KEY": "two"}, running=True)["MADE_KEY"]
    assert found.secret
    assert MASK in found.problem
    assert "one" not in found.problem.replace(MASK, "")
    assert "two" not in found.problem.replace(MASK, "")


def test_blank_values() -> None:
    assert judge(environment={"MADE_PORT": ""}, running=True) == {}
    strict = Grammar(settings=TABLE, prefixes=("MADE_",), blank_is_unset=False)
    (found,) = judge_settings(strict, Sources(environment={"MADE_PORT": ""}, running=True), "")
    assert found.kind == "malformed"
