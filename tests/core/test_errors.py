"""One tree of errors; the message says what, where, by which command, and what next."""

from __future__ import annotations

import inspect

import pytest

from keepwell.core import errors
from keepwell.core.errors import KeepwellError

KINDS = [one for one in vars(errors).values() if inspect.isclass(one)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_in_the_tree_and_says_all(kind: type[KeepwellError]) -> None:
    assert issubclass(kind, KeepwellError)
    error = kind("it broke", where="a.toml:3", command="GET http://h", hint="try again")
    assert str(error) == "it broke · at a.toml:3 · by GET http://h · next: try again"
    assert str(kind("it broke")) == "it broke"
    assert (error.what, error.where, error.command, error.hint) == ("it broke", "a.toml:3", "GET http://h", "try again")


def test_the_picture_of_the_tree_is_true() -> None:
    for kind in KINDS:
        assert kind.__name__ in (errors.__doc__ or "")
