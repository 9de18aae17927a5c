"""smartctl's JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.smart import find_message, parse_smart
from tests.formats.smart_answers import ATA, SAS

_SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*ATA, *SAS, "table", "raw", "value", "id", "current", "hours"]), inner)
    ),
    max_leaves=12,
)


def test_disks_of_the_old_kinds() -> None:
    assert parse_smart(json.dumps(ATA).encode())["on_seconds_total"] == 20123 * 3600
    found = parse_smart(json.dumps(SAS).encode())
    assert (found["reallocated_sectors"], found["media_errors_total"]) == (5, 2)


def test_what_a_confused_bridge_says_is_left_out() -> None:
    told = ATA | {"temperature": {"current": -1}, "power_on_time": {"hours": 2**60}}
    found = parse_smart(json.dumps(told).encode())
    assert "temperature_celsius" not in found
    assert "on_seconds_total" not in found


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'"x"', b"[" * 5000])
def test_no_answer_gives_nothing(content: bytes) -> None:
    assert parse_smart(content) == {}
    assert find_message(content) == ""


@settings(max_examples=60)
@given(_SHAPES)
def test_any_shape_gives_numbers_or_nothing(told: object) -> None:
    content = json.dumps(told).encode()
    assert all(isinstance(number, float | int) for number in parse_smart(content).values())
    assert isinstance(find_message(content), str)
