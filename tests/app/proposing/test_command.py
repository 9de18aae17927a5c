"""A command that is shown is the one that runs: back through the command line come the same arguments."""

from __future__ import annotations

import shlex
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.app.operation import Operation, Parameter
from keepwell.app.proposing.asking import FACE
from keepwell.app.proposing.command import LINE_CHARACTERS, fill_in, render_command
from keepwell.app.table import operations
from keepwell.cli.adapter import command
from keepwell.core.errors import ConfigurationError
from keepwell.core.words import clean

ASKED = {one.name: one for one in operations("cli") if one.proposable}
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=40),
    bool: st.booleans(),
    int: st.integers(0, 10**6),
    float: st.floats(0, 10**6),
    list[str] | None: st.none() | st.lists(st.text(max_size=20), max_size=3),
    list[str]: st.lists(st.text(max_size=20), min_size=1, max_size=3),
}


def type_it(operation: Operation, line: str) -> dict[str, Any]:
    """What the operation gets from the command line when a person types this in a shell."""
    got: dict[str, Any] = {}
    words = shlex.split(line)
    assert words[: 1 + len(operation.name.split())] == ["keepwell", *operation.name.split()]
    made = command(operation, lambda _, arguments: got.update(arguments))
    made.main(words[1 + len(operation.name.split()) :], standalone_mode=False)
    return {name: value for name, value in got.items() if name not in ("as_json", "config", "watch", "html")}


def values_of(row: Parameter) -> st.SearchStrategy[Any]:
    if row.type is int and row.param.minimum is not None:
        return st.integers(row.param.minimum, row.param.maximum)
    return VALUES[row.type]


def as_given(value: Any) -> Any:
    """No list and an empty one mean the same."""
    return list(value) or None if isinstance(value, list | tuple) else value


@given(st.data())
@pytest.mark.parametrize("name", sorted(ASKED))
def test_what_is_shown_is_what_runs(name: str, data: st.DataObject) -> None:
    operation = ASKED[name]
    rows = operation.parameters(FACE)
    given_ = {row.name: data.draw(values_of(row), row.name) for row in rows}
    arguments = fill_in(operation, FACE, given_)
    try:
        line = render_command(operation, FACE, arguments)
    except ConfigurationError:
        return
    assert clean(line, LINE_CHARACTERS) == line
    try:
        typed = type_it(operation, line)
    except click.UsageError:
        assert any(row.required and not arguments[row.name] for row in rows)
        return
    for row in rows:
        assert as_given(typed[row.name]) == as_given(arguments[row.name]), row.name


@pytest.mark.parametrize("word", ["a\nb", "\x1b[2J", "gpu\u202e10", "\u200b", "x" * 5000, "\ud800", "a\tb"])
def test_what_cannot_be_shown_as_it_is_is_not_asked_for(word: str) -> None:
    with pytest.raises(ConfigurationError):
        render_command(ASKED["cordon"], FACE, {"name": word, "why": ""})


@pytest.mark.parametrize("word", ["<x; rm -rf />", "$(id)", "`id`", "--force", "a'b", "; id", "*", "~root"])
def test_no_word_becomes_a_part_of_the_shell_or_a_flag(word: str) -> None:
    line = render_command(ASKED["engine stop"], FACE, {"name": word, "node": ""})
    assert type_it(ASKED["engine stop"], line)["name"] == word


def test_numbers_that_are_none_are_not_asked_for() -> None:
    with pytest.raises(ConfigurationError, match="no number"):
        render_command(ASKED["undo"], FACE, {"run": "", "wait": float("nan"), "cut": False})
