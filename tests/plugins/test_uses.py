"""What is known of how engines are used: every file fits, and what it says is about what the gateway has or has not."""

from __future__ import annotations

import re

import pytest

from keepwell.core.errors import ConfigurationError
from keepwell.plugins.uses import load_knowledge, parse_uses

KNOWN = load_knowledge()


def test_what_the_gateway_answers_is_told_by_its_dialects() -> None:
    assert KNOWN.by_path["/v1/chat/completions"].verdict == "unchanged"
    assert KNOWN.by_path["/api/chat"].verdict == "unchanged"
    assert KNOWN.by_path["/api/pull"].verdict == "none"
    assert "x-keepwell-node" in KNOWN.by_path["/api/pull"].say
    assert KNOWN.by_path["/slots"].verdict == "none"


def test_what_has_no_equivalent_says_why() -> None:
    assert [one.path for one in KNOWN.paths if one.verdict == "none" and not one.say] == []
    assert [one.name for one in KNOWN.all.library if one.inside and not one.say] == []


def test_the_paths_that_libraries_ask_are_known() -> None:
    asked = {path for one in KNOWN.all.library for path in one.calls.values()}
    assert asked <= set(KNOWN.by_path)


def test_what_is_written_anew_can_be() -> None:
    for library in KNOWN.all.library:
        assert library.makes or not library.local
        for swap in library.swaps:
            groups = re.compile(swap.find).groups
            assert all(int(one) <= groups for one in re.findall(r"\\(\d)", swap.put))


def test_a_file_that_does_not_fit_is_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_uses(b'[[path]]\nverdict = "maybe"', "x/uses.toml")
    assert caught.value.where == "x/uses.toml"
