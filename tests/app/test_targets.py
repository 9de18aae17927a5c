"""What the words after `keepwell diagnose` mean."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.app.targets import find_targets
from keepwell.config.model import Config, NodeEntry
from keepwell.core.errors import ConfigurationError

GPU01 = NodeEntry(name="gpu01", address="10.0.0.11", user="ops")
DESK = NodeEntry(name="desk")
CONFIG = Config(nodes=(GPU01, DESK))


def find(*words: str) -> list[tuple[str, str]]:
    """Name and where, in words."""
    rows = find_targets(words, CONFIG, "box")
    return [(one.name, (one.node and one.node.address) or str(one.bundle or "")) for one in rows]


def test_no_words_are_this_machine() -> None:
    assert find() == [("box", "")]
    assert find("localhost") == find(".") == find("box") == [("box", "")]


def test_declared_nodes_by_name_each_once() -> None:
    assert find("gpu01", "desk", "gpu01") == [("gpu01", "10.0.0.11"), ("desk", "")]


def test_all_of_them() -> None:
    assert find("all") == [("box", ""), ("gpu01", "10.0.0.11"), ("desk", "")]


@pytest.mark.parametrize(
    ("word", "address", "user", "port"),
    [
        ("ops@10.0.0.9", "10.0.0.9", "ops", 0),
        ("10.0.0.9:2222", "10.0.0.9", "", 2222),
        ("root@[fd00::9]:22", "fd00::9", "root", 22),
        ("gpu9.lan", "gpu9.lan", "", 0),
    ],
)
def test_addresses_need_no_entry(word: str, address: str, user: str, port: int) -> None:
    (found,) = find_targets((word,), Config(), "box")
    assert found.node == NodeEntry(name=address, address=address, user=user, port=port)


def test_files_are_recorded_nodes() -> None:
    (found,) = find_targets(("/tmp/gpu01.kwb",), CONFIG, "box")
    assert (found.name, found.bundle, found.node) == ("gpu01", Path("/tmp/gpu01.kwb"), None)


def test_a_misspelt_name_is_no_address() -> None:
    with pytest.raises(ConfigurationError) as caught:
        find("gpu1")
    assert caught.value.hint == "did you mean gpu01?"
    with pytest.raises(ConfigurationError) as caught:
        find("zzz")
    assert "box, gpu01, desk" in caught.value.hint


@given(st.lists(st.text(max_size=30), max_size=4))
def test_any_words_are_targets_or_named(words: list[str]) -> None:
    with contextlib.suppress(ConfigurationError):
        assert find_targets(words, CONFIG, "box")
